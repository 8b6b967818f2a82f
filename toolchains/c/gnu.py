"""What compilers of the GNU Compiler Collection have in common, wherever they come from."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path

from crosscourse.engine.idle.seen import DECLARED
from crosscourse.errors import CrosscourseError
from toolchains.c.compiler import Compiler

# -g0: debug information would carry paths.
FLAGS = ("-O2", "-g0", "-s", "-fPIC")
GOLD = "-fuse-ld=gold"
STATIC = ("-static", GOLD)
"""A static program of GNU ld passes every check of its headers, and dies at its first instruction where it is large:
once .text is over 16 MiB, the slots of glibc's indirect functions lose the bit that says that they are Thumb code."""


_REFUSED = (
    "static programs of GNU ld with glibc are refused: large ones for 32-bit ARM pass every check, and die at their "
    "first instruction (glibc's indirect functions, more than 16 MiB of code)"
)


class CompilerMissingError(CrosscourseError):
    """A compiler that is not where it should be, or that can't link as it has to."""


def identity(prefix: str) -> str:
    """What the compiler with this prefix says of itself: its version and how it was made. Empty if it is not there."""
    name = f"{prefix}gcc"
    DECLARED.more(name)  # it may be a script, or one of many files that decide what it says: nobody but itself can tell
    path = shutil.which(name)
    return _said(path) if path else ""


@cache
def machine(path: Path) -> str:
    """What a compiler makes code for, in its own words: ``arm-linux-gnueabihf``."""
    done = subprocess.run([path, "-dumpmachine"], capture_output=True, text=True, check=False, env={"LC_ALL": "C"})
    return done.stdout.strip()


@cache
def _said(path: str) -> str:
    """Of ``gcc -v``, without the line that tells its wrapper's environment."""
    done = subprocess.run([path, "-v"], capture_output=True, text=True, check=False, env={"LC_ALL": "C"})
    return "\n".join(line for line in done.stderr.splitlines() if not line.startswith("COLLECT_"))


def find(compiler: Compiler, program: str, *, remedy: str) -> Path:
    """A program of it by its name without the prefix. Raises CompilerMissingError."""
    path = shutil.which(f"{compiler.prefix}{program}")
    if path is None:
        raise CompilerMissingError(f"C compiler {compiler.name}", f"there is no {compiler.prefix}{program}", remedy)
    return Path(path)


def check_linker(compiler: Compiler, *, remedy: str) -> None:
    """Whether it has the linker that its static links need. Raises CompilerMissingError."""
    if GOLD in compiler.static and shutil.which(f"{compiler.prefix}ld.gold") is None:
        found = f"there is no {compiler.prefix}ld.gold; {_REFUSED}"
        raise CompilerMissingError(f"C compiler {compiler.name}", found, remedy)
    kind = machine(find(compiler, "gcc", remedy=remedy))
    if GOLD not in compiler.static and kind.startswith("arm") and "-gnueabi" in kind:
        raise CompilerMissingError(f"C compiler {compiler.name}", f"{kind}: {_REFUSED}", remedy)
