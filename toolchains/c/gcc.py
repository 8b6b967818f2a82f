"""Debian's cross GCC with glibc: its packages, locked, unpacked into the cache folder. Static programs are gold's.

What is on PATH is never taken: which one that is would decide what comes out. One of a person's own is ``path``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache as memoized
from pathlib import Path
from typing import TYPE_CHECKING

from crosscourse.errors import CrosscourseError
from crosscourse.manifest import locks
from crosscourse.manifest.locks import Wanted
from toolchains.c import gnu
from toolchains.c.compiler import Compiler, Unpacked
from toolchains.targets import Strict
from toolchains.tools.pins import host_arch

if TYPE_CHECKING:
    from crosscourse.manifest.model import CSettings
    from toolchains.targets import Target

NAME = "gcc"
FILE = Path(__file__).resolve().parent.parent / "gcc.toml"
LOCKS = FILE.parent / "locks"
# Hosts, as Debian and this project call them alike, and where Debian has libraries for each.
HOSTS: Mapping[str, str] = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}


class Packages(Strict, frozen=True, kw_only=True):
    """What ``gcc.toml`` says; its keys are explained there."""

    suite: str
    packages: list[str]
    without: list[str]
    programs: dict[str, str]


@memoized
def described() -> Packages:
    """What is wanted of Debian."""
    import msgspec.toml

    return msgspec.toml.decode(FILE.read_bytes(), type=Packages)


def wanted(target: Target) -> dict[str, Wanted]:
    """What the lock file is asked for, by host; nothing where Debian has none whose C library runs on the target."""
    if target.gcc is None:
        return {}
    table = described()
    words = {"triple": target.gcc.triple.replace("_", "-"), "debian": target.debian}
    packages = tuple(package.format_map(words) for package in table.packages)
    return {
        host: Wanted(suite=table.suite, architecture=host, packages=packages, without=tuple(table.without))
        for host in HOSTS
    }


def lock_file(target: str) -> Path:
    """Which packages it is made of, for each host."""
    return LOCKS / f"{NAME}.{target}.json"


@memoized
def _read(path: Path) -> locks.Lock:
    return locks.read(path)


def tool(target: Target) -> str:
    """What it is called among the tools."""
    return f"{NAME}-{target.name}"


def of(settings: CSettings, target: Target) -> Compiler:  # noqa: ARG001  # one signature for all compilers
    """It for a target. Which packages it is made of, the step that unpacks it says."""
    table = target.gcc
    return Compiler(
        name=NAME,
        tools=(tool(target),) if table else (),
        words=tuple(table.flags) if table else (),
        flags=gnu.FLAGS,
        static=gnu.static(gold=table is None or table.gold),
        prefix=f"{table.triple}-" if table else "",
        glibc=True,
    )


def unpacked(target: Target) -> Unpacked | None:
    """The packages that it is made of on this machine."""
    asked = wanted(target)
    if not asked:
        return None
    assert target.gcc is not None  # see `wanted`
    host, triple = host_arch(), target.gcc.triple
    scripts = {f"{triple}-{name}": _script(host, triple, name) for name in described().programs}
    return Unpacked(
        title=f"GCC for {target.name}",
        tool=tool(target),
        packages=_read(lock_file(target.name)).pinned(host, asked[host]),
        scripts=scripts,
        libraries=f"usr/{triple}",
        linker=f"{triple}-ld.gold" if target.gcc.gold else f"{triple}-ld",
        program=f"{triple}-gcc",
    )


def _script(host: str, triple: str, name: str) -> str:
    """A program that says where libraries and headers are, wherever the tree lies. Both are needed: its own libraries
    are in that tree, not in this machine's, and GCC looks for headers and start files where Debian has them.
    """
    sysroot = ' --sysroot="$top"' if name == "gcc" else ""
    real = f"{triple}-{described().programs[name]}"
    return (
        "#!/bin/sh\ntop=${0%/*}/..\n"
        f'LD_LIBRARY_PATH=$top/usr/lib/{HOSTS[host]} exec "$top/usr/bin/{real}"{sysroot} "$@"\n'
    )


def command(compiler: Compiler, program: Callable[[str], Path]) -> list[str | Path]:
    """The compiler's command. ``program``: where a tool is. Raises CrosscourseError."""
    return [_gcc(compiler, program), *compiler.words, *compiler.flags]


def archiver(compiler: Compiler, program: Callable[[str], Path]) -> list[str | Path]:
    """The command of ``ar``."""
    return [_gcc(compiler, program).with_name(f"{compiler.prefix}ar")]


def environment(cache: Path) -> dict[str, str]:  # noqa: ARG001
    """Nothing."""
    return {}


def _gcc(compiler: Compiler, program: Callable[[str], Path]) -> Path:
    if not compiler.tools:
        raise CrosscourseError(
            "C compiler gcc",
            "Debian has none whose C library runs on this target",
            "Use toolchain=zig, or one of your own: toolchain=path. See docs/compilers.md.",
        )
    return program(compiler.tools[0])
