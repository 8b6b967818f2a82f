"""A checkout of a source as we made it: what its mark says, and what in it is a person's own."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from crosscourse import files
from crosscourse.errors import CrosscourseError
from crosscourse.git.fingerprint import read_status


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """What we checked out: the upstream commit, our patched one, and what became of each patch, in order.

    A checkout that is at our commit and clean has no edits.
    ``digests``: the SHA-256 of each patch file then. ``exported``: patches that ``patch-export`` wrote
    and that no manifest named yet.
    """

    base: str
    commit: str
    patches: dict[str, str]
    digests: dict[str, str] = {}
    exported: list[str] = []

    def holds(self, patches: Sequence[str]) -> bool:
        """Whether these patches, in this order, are the ones that the checkout was made from."""
        return list(self.patches) == list(patches)


class EditedCheckoutError(CrosscourseError):
    """A checkout with a person's edits stands where another state is wanted."""

    def __init__(self, folder: Path, edits: list[str], why: str) -> None:
        self.edits = edits
        shown = ", ".join(edits[:8]) + (f" and {len(edits) - 8} more" if len(edits) > 8 else "")
        super().__init__(
            os.path.relpath(folder),
            f"has edits of yours, which are kept: {shown}",
            f"{why} Either\n"
            f"- commit them, and keep them as patches: ./doit patch-export {folder.name}\n"
            f"- or save the edits elsewhere and remove the folder: mv {os.path.relpath(folder)} ~/somewhere\n"
            f"- or go on building your edited state: ./doit override={folder.name}=~/somewhere build",
        )


def mark_file(folder: Path) -> Path:
    """Where the mark of a checkout is."""
    return folder / ".git" / "crosscourse.json"


def read_mark(folder: Path) -> Mark:
    """What we put into a checkout; CrosscourseError if it isn't one of ours."""
    for mark in readable_marks(mark_file(folder)):
        return mark
    raise CrosscourseError(
        os.path.relpath(folder), "is in the way: it is not a checkout made here", "Move it elsewhere."
    )


def readable_marks(*paths: Path) -> Iterator[Mark]:
    """The marks in those of the files that are there and hold one of ours."""
    for path in paths:
        try:
            yield msgspec.json.decode(path.read_bytes(), type=Mark)
        except (OSError, msgspec.DecodeError, msgspec.ValidationError):
            continue


def write_mark(path: Path, mark: Mark) -> None:
    """Write a mark to a file; whole or not at all."""
    with files.replacing(path) as partial:
        partial.write_bytes(msgspec.json.encode(mark))


def edits_in(folder: Path) -> list[str]:
    """What in a checkout is not ours: edited, new or ignored files, commits, stashes. Empty if there is nothing."""
    mark = read_mark(folder)
    state = read_status(folder, ignored=True)
    edits = list(state.changed)
    if state.commit != mark.commit:
        edits.append(f"commit {state.commit[:12]}")
    return edits + own_refs(folder)


def own_refs(folder: Path) -> list[str]:
    """A person's branches and stash in a checkout: we make none."""
    refs = [*(folder / ".git" / "refs" / "heads").rglob("*"), folder / ".git" / "refs" / "stash"]
    return [str(ref.relative_to(folder / ".git")) for ref in refs if ref.is_file()]


def refuse_edits(folder: Path, why: str) -> None:
    """Raise EditedCheckoutError if a checkout has edits. ``why``: a sentence on what would happen to it."""
    edits = edits_in(folder)
    if edits:
        raise EditedCheckoutError(folder, edits, why)
