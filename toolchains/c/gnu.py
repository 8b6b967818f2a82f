"""What compilers of the GNU Compiler Collection have in common, wherever they come from."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Container
from functools import cache
from pathlib import Path

from crosscourse.errors import CrosscourseError
from toolchains.c.compiler import Compiler, Unpacked

# -g0: debug information would carry paths.
FLAGS = ("-O2", "-g0", "-s", "-fPIC")
GOLD = "-fuse-ld=gold"
"""A static program of GNU ld for 32-bit ARM passes every check of its headers, and dies at its first instruction where
it is large: once .text is over 16 MiB, the slots of glibc's indirect functions lose the bit that says that they are
Thumb code."""


_REFUSED = (
    "static programs of GNU ld with glibc are refused: large ones for 32-bit ARM pass every check, and die at their "
    "first instruction (glibc's indirect functions, more than 16 MiB of code)"
)


class CompilerMissingError(CrosscourseError):
    """A compiler that is not where it should be, or that can't link as it has to."""


@cache
def machine(path: Path) -> str:
    """What a compiler makes code for, in its own words: ``arm-linux-gnueabihf``."""
    done = subprocess.run([path, "-dumpmachine"], capture_output=True, text=True, check=False, env={"LC_ALL": "C"})
    return done.stdout.strip()


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
    if compiler.static:
        _check_thumb(f"C compiler {compiler.name}", kind, gold=GOLD in compiler.static, remedy=remedy)


def _check_thumb(title: str, kind: str, *, gold: bool, remedy: str) -> None:
    """``kind``: what it makes code for, in GNU's words."""
    if not gold and kind.startswith("arm") and "-gnueabi" in kind:
        raise CompilerMissingError(title, f"{kind}: {_REFUSED}", remedy)


def static(*, gold: bool) -> tuple[str, ...]:
    """What makes a link static. ``gold``: by that linker."""
    return ("-static", *((GOLD,) if gold else ()))


def check_tree(compiler: Unpacked, tree: Container[str]) -> None:
    """Whether what is unpacked has the linker that static links need. Raises CompilerMissingError."""
    if f"usr/bin/{compiler.linker}" not in tree:
        why = f"; {_REFUSED}" if compiler.linker.endswith("gold") else ""
        found = f"there is no {compiler.linker} in its packages{why}"
        raise CompilerMissingError(compiler.title, found, "Add the package that has it to toolchains/gcc.toml.")
    _check_thumb(compiler.title, compiler.program, gold=compiler.linker.endswith("gold"), remedy="Use gold.")
