"""Work of the tiny steps that tests of the engine do, and what decides it. ``worked`` is reported by whatever works."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from crosscourse.engine.reads import Reads
from crosscourse.engine.spec import Nothing, Spec
from crosscourse.errors import CrosscourseError

if TYPE_CHECKING:
    from crosscourse.engine.places import Places

WORKED = "worked"


class Text(Spec, frozen=True, kw_only=True):
    """A text to write; ``remark``: decides nothing. ``mode``: permission bits of the output."""

    text: str = "text"
    remark: str = ""
    mode: int = 0o644


class Edit(Spec, frozen=True, kw_only=True):
    """A file of the source that is edited while the step is at work."""

    path: str


class Part(Spec, frozen=True, kw_only=True):
    """Which files of the source are copied."""

    files: tuple[str, ...]


def write(spec: Text, at: Places) -> None:
    """Write the text into each output."""
    at.write_log(WORKED)
    for label in at.labels:
        path = at.output(label)
        path.write_text(spec.text)
        path.chmod(spec.mode)


def write_and_fail(spec: Text, at: Places) -> None:
    """Fail when the output is half-written."""
    at.output().write_text(spec.text[:1])
    raise CrosscourseError("the work", "went wrong")


def make_nothing(_spec: Nothing, _at: Places) -> None:
    """Promise, and make nothing."""


def make_link(_spec: Nothing, at: Places) -> None:
    """A link to a file is no output: what it leads to may change."""
    (at.scratch / "elsewhere").touch()
    at.output().symlink_to(at.scratch / "elsewhere")


def make_folder(_spec: Nothing, at: Places) -> None:
    """Nor is a folder."""
    at.output().mkdir()


def copy_needed(_spec: Nothing, at: Places) -> None:
    """Copy the output of the step that is needed."""
    at.write_log(WORKED)
    at.output().write_text(at.need(next(iter(at.needed))).read_text())


def copy_part(spec: Part, at: Places) -> None:
    """Copy files of the source, and tell so."""
    at.write_log(WORKED)
    at.output().write_text("".join((at.source / name).read_text() for name in spec.files))
    at.read(Reads.of(files=spec.files))


def count_whole(_spec: Nothing, at: Places) -> None:
    """Something made of all that is in the source, which therefore need not be told."""
    at.write_log(WORKED)
    at.output().write_text(str(sorted(path.name for path in at.source.iterdir() if path.name != ".git")))


def copy_while_edited(spec: Edit, at: Places) -> None:
    """Copy the file ``a``; meanwhile a person edits a file."""
    at.output().write_text((at.source / "a").read_text())
    (at.source / spec.path).write_text("edited meanwhile\n")
    at.read(Reads.of(files=["a"]))


def copy_edited_and_undone(spec: Edit, at: Places) -> None:
    """Copy the file ``a`` while a person has another text in a file, and takes it back."""
    path = at.source / spec.path
    before = path.read_text()
    path.write_text("for a moment\n")
    at.output().write_text((at.source / "a").read_text())
    path.write_text(before)
    at.read(Reads.of(files=["a"]))


def install(spec: Text, at: Places) -> None:
    """Make the step's place."""
    at.write_log(WORKED)
    at.place.mkdir(exist_ok=True)
    (at.place / "tool").write_text(spec.text)


def missing(_spec: Text, place: Path) -> str | None:
    """What ``install`` has made must be there."""
    return None if (place / "tool").is_file() else "the tool is gone"


def installed(spec: Text, place: Path) -> str:
    """What others see of what ``install`` made."""
    return f"{spec.text} in {os.path.basename(place)}"  # noqa: PTH119
