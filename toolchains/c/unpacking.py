"""A C compiler unpacked from Debian packages into the cache folder: without root, whole or not at all.

https://www.debian.org/doc/debian-policy/ch-binary.html: what is in a package lies where it is used. That this compiler
works from any folder was tried; see ``toolchains.c.gcc``.
"""

from __future__ import annotations

import errno
from pathlib import Path
from typing import TYPE_CHECKING

from crosscourse.engine.lock import in_turn
from crosscourse.errors import CrosscourseError, DiskFullError
from toolchains.c import gnu
from toolchains.c.compiler import Unpacked
from toolchains.tools import seal
from toolchains.tools.pins import STAMP

if TYPE_CHECKING:
    from crosscourse.engine.places import Places


def install(compiler: Unpacked, at: Places) -> str:
    """Unpack it to its place, unless it is there as it was; returns what was wrong with what was there, or nothing.

    Raises CompilerMissingError (not locked, or packages that lack something), PackagesGoneError, DiskFullError.
    """
    if compiler.packages.packages is None:
        raise gnu.CompilerMissingError(
            compiler.title,
            f"its packages for {compiler.packages.wanted.architecture} are not locked, or not as they are wanted now",
            "Ask for them: ./doit lock. If Debian has none for this machine, use toolchain=zig, or toolchain=path.",
        )
    place = at.place
    if (problem := _problem(place)) is None:
        return ""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with in_turn(place.with_name(f"{place.name}.lock"), at.status):
            problem = _problem(place)  # another may have done it meanwhile
            if problem is not None:
                seal.make(place, place.name, lambda partial: _fill(compiler, partial / "tool", at))
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError(str(place.parent)) from error
        raise CrosscourseError(error.filename or str(place), error.strerror or str(error)) from error
    return problem or ""


def _problem(place: Path) -> str | None:
    """Why it is to be unpacked: empty if it is not there, None if all is well."""
    return seal.damage(place) if (place / STAMP).exists() else ""


def _fill(compiler: Unpacked, folder: Path, at: Places) -> None:
    from crosscourse.debian import pool, tree
    from crosscourse.formats.entries import Entry
    from crosscourse.formats.folder import write_folder
    from crosscourse.run.environment import base_environment

    debs = pool.fetch_pinned(compiler.packages, at)
    at.status("merging the packages")
    found = tree.merge(debs)
    for name, text in compiler.scripts.items():
        found[f"bin/{name}"] = Entry(name=f"bin/{name}", source=text.encode(), mode=0o755)
    found.pop("bin", None)  # a link into usr
    gnu.check_tree(compiler, found)
    at.status(f"unpacking {len(found)} files")
    write_folder(folder, found.values())
    try:
        at.run([folder / "bin" / compiler.program, "--version"], env=base_environment())
    except CrosscourseError as error:
        raise gnu.CompilerMissingError(
            compiler.title,
            f"does not run here: {error.found}",
            "Its packages are of a newer system than this machine's? Use toolchain=zig, or toolchain=path.",
        ) from error
