"""The folder that a boot's servers run in: of a short path, because sockets allow no long one, and found again by name.

What a run that was killed left there, processes included, the next boot of the same task ends and removes.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crosscourse import files
from crosscourse.errors import CrosscourseError
from crosscourse.project import Project
from crosscourse.service import end_left_over
from crosscourse.step import Context


class PlaceError(CrosscourseError):
    """A folder of that name belongs to somebody else."""


@contextmanager
def run_folder(project: Project, context: Context) -> Iterator[Path]:
    """An empty folder for the time of the block. Raises PlaceError."""
    top = Path(tempfile.gettempdir()) / f"crosscourse-{os.getuid()}"
    # The database server, where this is root's, runs as another user: it may go through, not look.
    top.mkdir(mode=0o711, exist_ok=True)
    state = top.lstat()
    if top.is_symlink() or state.st_uid != os.getuid() or state.st_mode & 0o022:
        raise PlaceError(str(top), "is not a folder of this user alone", "Remove it, or set TMPDIR to another folder.")
    folder = top / files.digest_text(f"{project.root} {project.release} {context.task}")[:10]
    ended = end_left_over(folder)
    if ended:
        context.tell(f"ended what a killed boot had left running: {', '.join(map(str, ended))}")
    files.remove(folder)
    folder.mkdir(mode=0o711)
    try:
        yield folder
    finally:
        files.remove(folder)
