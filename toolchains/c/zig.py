"""The C cross compiler: ``zig cc``, which carries clang, lld and musl for every target in one download."""

from __future__ import annotations

from pathlib import Path

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
