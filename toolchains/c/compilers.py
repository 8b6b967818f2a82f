"""The C compilers there are, by the name that ``toolchain=`` chooses them by: a module for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec

from crosscourse.errors import CrosscourseError, UnknownNameError
from toolchains.c import gcc, path, zig
from toolchains.c.compiler import Compiler, Unpacked

if TYPE_CHECKING:
    from crosscourse.manifest.model import CSettings
    from toolchains.targets import Target


class CompilerModule(Protocol):
    """What the module of a compiler has."""

    def of(self, settings: CSettings, target: Target, /) -> Compiler:
        """What decides what it makes for a target. Never fails: what is lacking is told when it is used."""

    def command(self, compiler: Compiler, program: Callable[[str], Path], /) -> list[str | Path]:
        """Its command, with the flags that all calls share. ``program``: where a tool of the release is."""

    def archiver(self, compiler: Compiler, program: Callable[[str], Path], /) -> list[str | Path]:
        """The command of its ``ar``."""

    def environment(self, cache: Path, /) -> dict[str, str]:
        """More variables for both. ``cache``: the user's cache folder."""

    def unpacked(self, target: Target, /) -> Unpacked | None:
        """What of it is unpacked from Debian packages; None for one that comes otherwise."""


MODULES: Mapping[str, CompilerModule] = {"zig": zig, "gcc": gcc, "path": path}


class LinkingError(CrosscourseError):
    """Programs that can't be linked as the settings say."""


def of(settings: CSettings, target: Target, *, static: bool = False) -> Compiler:
    """The compiler that is chosen, for a target. ``static``: for a program that must not need a C library.

    Raises UnknownNameError, LinkingError.
    """
    compiler = chosen(settings).of(settings, target)
    if settings.linking == "static":
        return compiler
    if not compiler.glibc:
        raise LinkingError(
            "linking=dynamic",
            f"the C compiler {compiler.name} has no glibc: what it makes is static",
            "Choose another: toolchain=gcc, or toolchain=path with glibc = true.",
        )
    if settings.glibc is None:
        raise LinkingError(
            "linking=dynamic",
            "the release does not say which glibc it promises to run with",
            'Say it in its manifest: [c] with glibc = "2.34". See docs/compilers.md.',
        )
    return compiler if static else msgspec.structs.replace(compiler, static=())


def chosen(settings: CSettings) -> CompilerModule:
    """The module of the compiler that is chosen. Raises UnknownNameError."""
    if settings.compiler not in MODULES:
        raise UnknownNameError("toolchain", settings.compiler, MODULES)
    return MODULES[settings.compiler]


def module(compiler: Compiler) -> CompilerModule:
    """The module that knows how to call it."""
    return MODULES[compiler.name]
