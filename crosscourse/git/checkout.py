"""The mark of a checkout: what we made it from. What in it is a person's own: see ``edits``."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from crosscourse import files
from crosscourse.errors import CrosscourseError

# Bytes: a mark names patches, nothing else. What is larger is none.
_MOST = 16 << 20


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """What we checked out: the upstream commit, our patched one, and what became of each patch, in order.

    A checkout that is at our commit and clean has no edits.
    ``digests``: the SHA-256 of each patch file then. ``exported``: patches that ``patch-export`` wrote
    and that no manifest named yet. ``made``: the digest of all that decided the checkout. ``saved``: the patch files
    that ``patch-export`` wrote a person's commits to, relative to the checkout, and the digest of each one's changes.
    ``former``: more commits of ours that it may have; with ``saved``, our patched one is the last.
    """

    base: str
    commit: str
    patches: dict[str, str]
    digests: dict[str, str] = {}
    exported: list[str] = []
    made: str = ""
    saved: dict[str, str] = {}
    former: list[str] = []

    def ours(self, folder: Path) -> list[str]:
        """The commits that can be made again: upstream's, what our patches make of it, what patch files still hold."""
        saved = all(changes_digest(_beside(folder, name)) == digest for name, digest in self.saved.items())
        return [*self.former, self.base, *([self.commit] if saved else [])]

    def holds(self, patches: Sequence[str]) -> bool:
        """Whether these patches, in this order, are the ones that the checkout was made from."""
        return list(self.patches) == list(patches)


def changes_digest(patch: Path) -> str:
    """The digest of what a patch file changes, without its header; empty if there is no such file."""
    try:
        data = patch.read_bytes()
    except FileNotFoundError:
        return ""
    return hashlib.sha256(data[data.find(b"diff --git ") :]).hexdigest()


def _beside(folder: Path, name: str) -> Path:
    # By the words: the checkout may be a link to elsewhere.
    return Path(os.path.normpath(folder.absolute() / name))


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
            yield msgspec.json.decode(files.read_regular(path, most=_MOST), type=Mark)
        except (OSError, ValueError, msgspec.DecodeError, msgspec.ValidationError):
            continue


def write_mark(path: Path, mark: Mark) -> None:
    """Write a mark to a file; whole or not at all."""
    with files.replacing(path) as partial:
        partial.write_bytes(msgspec.json.encode(mark))
