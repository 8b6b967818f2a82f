"""A C compiler of the user's own: one of crosstool-NG, of a Yocto SDK, of musl-cross-make, as crosscourse.toml says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from crosscourse.errors import CrosscourseError
from crosscourse.manifest.model import OwnCompiler
from toolchains.c import gnu
from toolchains.c.compiler import Compiler

if TYPE_CHECKING:
    from crosscourse.manifest.model import CSettings
    from toolchains.targets import Target

NAME = "path"
_REMEDY = "Correct `prefix` and `glibc` of [compiler.TARGET] in crosscourse.toml. See docs/compilers.md."


class Asked(OwnCompiler, frozen=True, kw_only=True):
    """One that was asked who it is. ``identity``: what it said; empty if it is not there."""

    identity: str = ""


def of(settings: CSettings, target: Target) -> Compiler:
    """It for a target, as far as it is described and there."""
    own = settings.own.get(target.name)
    if own is None:
        return Compiler(name=NAME, flags=gnu.FLAGS, static=())
    sysroot = (f"--sysroot={own.sysroot}",) if own.sysroot else ()
    return Compiler(
        name=NAME,
        words=(*sysroot, *own.flags),
        flags=gnu.FLAGS,
        static=gnu.static(gold=own.glibc),
        prefix=own.prefix,
        identity=own.identity if isinstance(own, Asked) else "",
        glibc=own.glibc,
    )


def command(compiler: Compiler, program: Callable[[str], Path]) -> list[str | Path]:  # noqa: ARG001
    """The compiler's command. Raises CompilerMissingError, CrosscourseError."""
    if not compiler.prefix:
        raise CrosscourseError(
            "C compiler path",
            "crosscourse.toml does not say where it is for this target",
            'Add: [compiler.TARGET] with prefix = "/path/to/bin/arm-linux-musleabihf-". See docs/compilers.md.',
        )
    gnu.check_linker(compiler, remedy=_REMEDY)
    return [gnu.find(compiler, "gcc", remedy=_REMEDY), *compiler.words, *compiler.flags]


def archiver(compiler: Compiler, program: Callable[[str], Path]) -> list[str | Path]:  # noqa: ARG001
    """The command of ``ar``."""
    return [gnu.find(compiler, "ar", remedy=_REMEDY)]


def environment(cache: Path) -> dict[str, str]:  # noqa: ARG001
    """Nothing."""
    return {}


def unpacked(target: Target) -> None:
    """Nothing: it is there already."""
