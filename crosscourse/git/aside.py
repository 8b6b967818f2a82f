"""The one way in which a checkout leaves its place: renamed aside, looked at once more, then removed or put back.

So what a person saves while we are at work is noticed up to the last moment. Where a kill leaves things, the name tells
what may be done with them: one that was not looked at yet (``.NAME.old``) is put back by the next run, one that was
(``.NAME.removed``) is removed.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from crosscourse import files
from crosscourse.errors import CrosscourseError
from crosscourse.git.checkout import mark_file, read_mark, write_mark
from crosscourse.git.edits import Edits, edits_in


def is_there(folder: Path) -> bool:
    """Whether there is a checkout, or what a run that was killed left of it."""
    return any(os.path.lexists(path) for path in (folder, _aside(folder), _condemned(folder)))


def put_back(folder: Path) -> None:
    """Put back what a run that was killed had set aside, or end what it had begun if the new one is in place.

    Raises EditedCheckoutError, or another CrosscourseError if both are wanted.
    """
    aside = _aside(folder)
    if os.path.lexists(aside):
        if os.path.lexists(mark_file(folder)):
            edits = edits_in(aside)
            edits.refuse(aside, f"{os.path.relpath(folder)} was made in its place.", nameless=False)
            _take_over(aside, folder, edits)
            aside.rename(_condemned(folder))
        else:
            _put_back(aside, folder)
    files.remove(_condemned(folder))


def remove(folder: Path, why: str) -> None:
    """Remove a checkout. ``why``: a sentence for the person whose work is in it.

    Raises EditedCheckoutError, or another CrosscourseError if git can't tell; then it stays.
    """
    put_back(folder)
    if os.path.lexists(folder):
        edits_in(folder).refuse(folder, why, nameless=True)
        with _set_aside(folder) as (aside, edits):
            edits.refuse(folder, why, nameless=True)
            aside.rename(_condemned(folder))
        files.remove(_condemned(folder))


def replace(folder: Path, new: Path, why: str) -> None:
    """Put the checkout ``new`` where another may be. Commits that nothing names are taken over into it.

    ``why`` and errors as with ``remove``. A kill meanwhile leaves one or the other, never a half one.
    """
    put_back(folder)
    if os.path.lexists(folder):
        with _set_aside(folder) as (aside, edits):
            edits.refuse(folder, why, nameless=False)
            _take_over(aside, new, edits)
            new.rename(folder)
        _aside(folder).rename(_condemned(folder))
        files.remove(_condemned(folder))
    else:
        new.rename(folder)


def _aside(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.old")


def _condemned(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.removed")


@contextmanager
def _set_aside(folder: Path) -> Iterator[tuple[Path, Edits]]:
    """The checkout under another name, and what in it is a person's own; put back if the block raises anything."""
    aside = _aside(folder)
    try:
        folder.rename(aside)
    except OSError as error:  # a mount, or a folder that may not be written to
        where = os.path.relpath(folder)
        remedy = "See whose it is, or move it."
        if error.errno == errno.EXDEV:  # https://docs.kernel.org/filesystems/overlayfs.html#renaming-directories
            remedy = "It came with a container's image: put a copy in its place (cp -a, rm -r, mv)."
        raise CrosscourseError(where, f"can't be renamed: {error.strerror}", remedy) from None
    try:
        yield aside, edits_in(aside)
    except BaseException:
        if os.path.lexists(aside):
            _put_back(aside, folder)
        raise


def _put_back(aside: Path, folder: Path) -> None:
    try:
        aside.rename(folder)  # also onto an empty folder
    except OSError:
        raise CrosscourseError(
            os.path.relpath(folder),
            f"stands where a checkout was, which is kept in {os.path.relpath(aside)}",
            "See what is in both, and move one of them elsewhere.",
        ) from None


def _take_over(old: Path, new: Path, edits: Edits) -> None:
    """Where ``old`` has commits that nothing names, copy all objects that ``new`` lacks, and what HEAD was before.

    All, for commits stand on others. Where history ends (``shallow``) goes with them.
    """
    if not edits.nameless:
        return
    before, after = old / ".git", new / ".git"
    for path in sorted((before / "objects").rglob("*")):
        name = path.relative_to(before)
        # Lists of what is in other packs are left: they would be of the wrong ones.
        if path.is_file() and (path.name == "alternates" or name.parts[1] != "info") and "multi-pack" not in path.name:
            copy(path, after / name)
    for kept in ("shallow", "logs/HEAD"):
        lines = [line for part in (before / kept, after / kept) for line in _lines(part)]
        if lines:
            with files.replacing(after / kept) as partial:
                partial.write_bytes(b"".join(dict.fromkeys(lines)))
    mark = read_mark(new)
    former = dict.fromkeys([*edits.ours, *mark.former])
    write_mark(mark_file(new), msgspec.structs.replace(mark, former=list(former)))


def _lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True) if path.is_file() else []


def copy(path: Path, to: Path) -> None:
    """Copy an object file unless it is there; never a link: what is done to a checkout must not reach another."""
    if not to.exists():
        with files.replacing(to) as partial:
            shutil.copy2(path, partial)
