"""The folder that a boot's servers run in: of a short path, because sockets allow no long one, and found again by name.

What a run that was killed left there, processes included, the next boot ends and removes, whichever it is.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from crosscourse import files
from crosscourse.engine.lock import owning
from crosscourse.errors import CrosscourseError
from crosscourse.run.service import end_left_over

if TYPE_CHECKING:
    from crosscourse.engine.places import Places


class PlaceError(CrosscourseError):
    """A folder of that name belongs to somebody else."""


@contextmanager
def run_folder(at: Places) -> Iterator[Path]:
    """An empty folder for the time of the block. Raises PlaceError."""
    top = Path(tempfile.gettempdir()) / f"crosscourse-{os.getuid()}"
    with contextlib.suppress(FileExistsError):  # a file or a link of that name is refused below
        _make(top)
    state = top.lstat()
    if not stat.S_ISDIR(state.st_mode) or state.st_uid != os.getuid() or state.st_mode & 0o022:
        raise PlaceError(str(top), "is not a folder of this user alone", "Remove it, or set TMPDIR to another folder.")
    folder = top / files.digest_text(str(at.place.resolve()))[:10]
    for owner in sorted(top.glob("*.owner")):
        if owner != _owner(folder):
            with owning(owner) as gone:
                if gone:
                    _clear(owner.with_suffix(""), at)
    with owning(_owner(folder), at.status):
        _clear(folder, at)
        _make(folder)
        try:
            yield folder
        finally:
            files.remove(folder)


def _make(folder: Path) -> None:
    """A folder, whatever the umask: the database server, where this is root's, runs as another user.

    Others may go through, not look.
    """
    if not folder.is_dir():
        folder.mkdir(mode=0o700)
        folder.chmod(0o711)


def _owner(folder: Path) -> Path:
    """The file beside a folder that is locked as long as its boot runs."""
    return folder.with_suffix(".owner")


def _clear(folder: Path, at: Places) -> None:
    """End and remove what a boot left there that was killed."""
    ended = end_left_over(folder)
    if ended:
        at.report(f"ended what a killed boot had left running: {', '.join(map(str, ended))}")
    files.remove(folder)
