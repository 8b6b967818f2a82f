"""The C cross compiler: ``zig cc``, which carries clang, lld and musl for every target in one download."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from toolchains.c.compiler import Compiler

if TYPE_CHECKING:
    from crosscourse.manifest.model import CSettings
    from toolchains.targets import Target

TOOL = "zig"
# -g0: debug information would carry paths; zig cc turns on UBSan unless told otherwise. The same for every call,
# compiling or linking, from C or from Go: zig makes its C library when it is first linked (a minute and more),
# once for each combination of optimisation, stripping and position independence.
FLAGS = ("-O2", "-g0", "-s", "-fPIC", "-fno-sanitize=undefined")


def compiler(zig: Path, target: str, cpu: str) -> list[str | Path]:
    """The C compiler's command for a target and its processor, in zig's words, with the flags that all calls share."""
    return [zig, "cc", "-target", target, f"-mcpu={cpu}", *FLAGS]


def environment(cache: Path) -> dict[str, str]:
    """Where zig keeps what it compiled (its libc and start files); safe to share, keyed by content."""
    return {"ZIG_GLOBAL_CACHE_DIR": str(cache / "zig"), "ZIG_LOCAL_CACHE_DIR": str(cache / "zig" / "local")}


def of(settings: CSettings, target: Target) -> Compiler:  # noqa: ARG001  # one signature for all compilers
    """It for a target: pinned, so that nothing more is to be told of it."""
    return Compiler(
        name=TOOL,
        tools=(TOOL,),
        words=("-target", target.zig.target, f"-mcpu={target.zig.cpu}"),
        flags=FLAGS,
        static=("-static",),
    )


def command(compiler: Compiler, program: Callable[[str], Path]) -> list[str | Path]:
    """The compiler's command. ``program``: where a tool of the release is."""
    return [program(TOOL), "cc", *compiler.words, *compiler.flags]


def archiver(compiler: Compiler, program: Callable[[str], Path]) -> list[str | Path]:  # noqa: ARG001
    """The command of ``ar``."""
    return [program(TOOL), "ar"]


def unpacked(target: Target) -> None:
    """Nothing: it is a tool of the release."""
