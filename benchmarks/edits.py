"""Edits of a source in a copy of this project, each undone at the end, however that comes about."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.common import MeasuringError
from benchmarks.workspace import Copy
from crosscourse import files
from crosscourse.errors import UnknownNameError
from crosscourse.git.edits import refuse_edits
from crosscourse.project import Project


def file_to_edit(project: Project, copy: Copy, asked: str | None, defaults: dict[str, str]) -> Path:
    """The file that ``SOURCE/PATH`` means in a copy. ``defaults``: by the release's name, where nothing is asked for.

    Raises MeasuringError, UnknownNameError; EditedCheckoutError if the source has edits already.
    """
    name = project.manifest.release.name
    if asked is None and name not in defaults:
        raise MeasuringError(f"release '{name}'", "no file of it is edited by default", "Name one: --file SOURCE/PATH")
    source, _, path = (asked or defaults[name]).partition("/")
    if source not in project.manifest.source:
        raise UnknownNameError("source", source, project.manifest.source)
    checkout = copy.folder / "sources" / project.layout.release / source
    place = checkout / path
    if not place.resolve().is_relative_to(checkout.resolve()) or not place.parent.is_dir() or place.is_dir():
        raise MeasuringError(path, f"is no file of {source}", "Name one that is there, or a new one in a folder.")
    refuse_edits(checkout, "A benchmark edits it, and puts it back.")
    return place


@contextmanager
def edited(path: Path, text: str) -> Iterator[None]:
    """The file with ``text`` at its end, a new file if it is not there; as it was before when the block ends."""
    before = path.read_bytes() if path.exists() else None
    try:
        path.write_bytes((before or b"") + text.encode())
        yield
    finally:
        if before is None:
            files.remove(path)
        else:
            path.write_bytes(before)


def comment() -> str:
    """A line for Go and C that changes no bytes, and was in no file before."""
    return f"// crosscourse: edited at {time.time_ns()}\n"


def declaration(path: Path) -> str:
    """Go code that no program had before and that no linker can leave out: a channel is made when programs start.

    ``path``: the file that it is for; a new one begins with the package clause of those beside it.
    """
    if path.suffix != ".go":
        raise MeasuringError(path.name, "is no file of Go")
    now = time.time_ns()
    # A channel's elements have at most 64 KiB; their type, with its number, stands in the program.
    line = f"var crosscourseEdited{now} = make(chan [{1 + now // 1000 % 60000}]byte)\n"
    return ("" if path.exists() else f"package {_package(path.parent)}\n\n") + "\n" + line


def _package(folder: Path) -> str:
    for path in sorted(folder.glob("*.go")):
        found = re.search(r"^package (\w+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
        if found and not path.name.endswith("_test.go"):
            return found[1]
    raise MeasuringError(folder.name, "has no file of Go, so the new file's package is not known")
