"""The C cross compiler: ``zig cc``, which carries clang, lld and musl for every target in one download."""

from __future__ import annotations

from pathlib import Path

from toolchains.targets import Target

# -g0: debug information would carry paths; zig cc turns on UBSan unless told otherwise. Linking uses them too: zig
# makes its C library when it is first linked, once for each optimisation mode, and without -O2 a slow one.
CFLAGS = ("-O2", "-g0", "-fno-sanitize=undefined")


def compiler(zig: Path, target: Target) -> list[str | Path]:
    """The C compiler's command for a target."""
    return [zig, "cc", "-target", target.zig.target, f"-mcpu={target.zig.cpu}"]


def environment(cache: Path) -> dict[str, str]:
    """Where zig keeps what it compiled (its libc and start files); safe to share, keyed by content."""
    return {"ZIG_GLOBAL_CACHE_DIR": str(cache / "zig"), "ZIG_LOCAL_CACHE_DIR": str(cache / "zig" / "local")}
