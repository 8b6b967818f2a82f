"""Debian's cross GCC with glibc, from PATH: ``gcc-arm-linux-gnueabihf`` and the like. It links statically, by gold."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from crosscourse.errors import CrosscourseError
from toolchains.c import gnu
from toolchains.c.compiler import Compiler

if TYPE_CHECKING:
    from crosscourse.manifest.model import CSettings
    from toolchains.targets import Target


def of(settings: CSettings, target: Target) -> Compiler:  # noqa: ARG001  # one signature for all compilers
    """It for a target, as far as it is there."""
    table = target.gcc
    prefix = f"{table.triple}-" if table else ""
    return Compiler(
        name="gcc",
        words=tuple(table.flags) if table else (),
        flags=gnu.FLAGS,
        static=gnu.STATIC,
        prefix=prefix,
        identity=gnu.identity(prefix) if prefix else "",
        glibc=True,
    )


def command(compiler: Compiler, program: Callable[[str], Path]) -> list[str | Path]:  # noqa: ARG001
    """The compiler's command. Raises CompilerMissingError, CrosscourseError."""
    remedy = _remedy(compiler)
    gnu.check_linker(compiler, remedy=remedy)
    return [gnu.find(compiler, "gcc", remedy=remedy), *compiler.words, *compiler.flags]


def archiver(compiler: Compiler, program: Callable[[str], Path]) -> list[str | Path]:  # noqa: ARG001
    """The command of ``ar``."""
    return [gnu.find(compiler, "ar", remedy=_remedy(compiler))]


def environment(cache: Path) -> dict[str, str]:  # noqa: ARG001
    """Nothing."""
    return {}


def _remedy(compiler: Compiler) -> str:
    if not compiler.prefix:
        raise CrosscourseError(
            "C compiler gcc",
            "Debian has none whose C library runs on this target",
            "Use toolchain=zig, or one of your own: toolchain=path. See docs/compilers.md.",
        )
    triple = compiler.prefix.removesuffix("-")
    return f"Install it: sudo apt-get install gcc-{triple} libc6-dev-... (docs/compilers.md), or use toolchain=zig."
