"""The C compilers there are, by the name that ``toolchain=`` chooses them by: a module for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from crosscourse.errors import UnknownNameError
from toolchains.c import gcc, path, zig
from toolchains.c.compiler import Compiler

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


MODULES: Mapping[str, CompilerModule] = {"zig": zig, "gcc": gcc, "path": path}


def of(settings: CSettings, target: Target) -> Compiler:
    """The compiler that is chosen, for a target. Raises UnknownNameError."""
    if settings.compiler not in MODULES:
        raise UnknownNameError("toolchain", settings.compiler, MODULES)
    return MODULES[settings.compiler].of(settings, target)


def module(compiler: Compiler) -> CompilerModule:
    """The module that knows how to call it."""
    return MODULES[compiler.name]
