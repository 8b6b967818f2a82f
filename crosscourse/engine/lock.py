"""Locks between processes: one run at a time in a build folder, one fetch at a time of the same thing."""

from __future__ import annotations

import fcntl
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from crosscourse.errors import CrosscourseError


class BusyError(CrosscourseError):
    """Another run holds the build folder."""

    def __init__(self, folder: Path, holder: str) -> None:
        super().__init__(
            str(folder),
            f"another run is at work here: {holder or 'it did not write who it is'}",
            "Wait until it ends, or stop it (Ctrl-C there); both can run at once for different releases.",
        )


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold ``folder`` for this process; BusyError names the process that has it.

    The kernel lets go of the lock when the process ends, however it ends.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a+", encoding="utf-8") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stream.seek(0)
            raise BusyError(folder, stream.read().strip()) from None
        stream.truncate(0)
        since = time.strftime("%H:%M:%S")
        stream.write(f"process {os.getpid()}, since {since}: {' '.join(['doit', *sys.argv[1:]])}\n")
        stream.flush()
        yield


@contextmanager
def in_turn(path: Path, status: Callable[[str], object]) -> Iterator[None]:
    """Hold the lock file ``path`` for the time of the block, after whoever has it.

    ``status`` is called with a line if that means to wait. The file is never removed: someone may be waiting for it.
    The kernel ends the lock with its process.
    """
    with path.open("ab") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            status("waiting for another run that is fetching the same")
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield
