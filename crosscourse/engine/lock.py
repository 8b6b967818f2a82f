"""Locks between processes: one run at a time in a build folder, one fetch at a time of the same thing."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from io import FileIO
from pathlib import Path

from crosscourse import files
from crosscourse.errors import CrosscourseError, of_system

# In seconds.
_MOMENT = 0.05
# Of what a lock says of its holder, no more is shown (bytes).
_MOST = 4096


class BusyError(CrosscourseError):
    """Another run holds the build folder."""

    def __init__(self, folder: Path, holder: str) -> None:
        super().__init__(
            str(folder),
            f"another run is at work here: {holder or 'it did not write who it is'}",
            "Wait until it ends, or stop it (Ctrl-C there); both can run at once for different releases.",
        )


# Errors of a file system that has no locks: it must go without.
NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold ``folder``, a release's in the folder of all that is built, for this process; both are marked as ours.

    BusyError names the process that has it. The kernel lets go of the lock when the process ends, however it ends.
    Where nothing can be written, nothing is held: then no other can disturb either. Raises CrosscourseError.
    """
    try:
        for one in (folder.parent, folder):
            files.own_folder(one)
        file: FileIO | None = _open(folder / ".lock")
    except OSError as error:
        if error.errno not in (errno.EROFS, errno.EACCES):
            from crosscourse.run import disk

            raise of_system(error, places=disk.full([folder])) from None
        file = None
    if file is None:
        yield
        return
    with file as stream:
        try:
            _flock_soon(stream)
        except BlockingIOError:
            stream.seek(0)
            raise BusyError(folder, stream.read(_MOST).decode(errors="replace").strip()) from None
        with suppress(OSError):  # a full disk: only who it is stays unsaid
            since = time.strftime("%H:%M:%S")
            stream.truncate(0)
            stream.write(f"process {os.getpid()}, since {since}: {' '.join(['doit', *sys.argv[1:]])}\n".encode())
        yield


@contextmanager
def in_turn(
    path: Path, status: Callable[[str], object], *, busy: str = "waiting for another run that is fetching the same"
) -> Iterator[None]:
    """Hold the lock file ``path`` for the time of the block, after whoever has it.

    ``status`` is called with ``busy`` if that means to wait. The file is never removed: someone may be waiting for it.
    The kernel ends the lock with its process.
    """
    with _open(path) as stream:
        try:
            _flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            status(busy)
            _flock(stream, fcntl.LOCK_EX)
        yield


@contextmanager
def held(path: Path, *, shared: bool) -> Iterator[None]:
    """Hold the lock file ``path`` for the time of the block: with others that share it, or alone, after all of them.

    In turn: who comes after one that wants it alone waits for that one. Else those who share it, always some of them at
    work, would let it wait for ever. So nobody may ask for a lock again that it holds.
    """
    with _open(path) as stream:
        with _open(path.with_name(f"{path.name}.turn")) as turn:
            _flock(turn, fcntl.LOCK_EX)
            _flock(stream, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield


@contextmanager
def caches_in_use(caches: Path, *, shared: bool) -> Iterator[None]:
    """Hold the user's cache folder for the time of the block: ``shared`` by who uses what compilers keep there, alone
    to remove something of it. In turn, see ``held``; so never around each other.

    Of a folder in which nothing can be written nobody removes anything: nothing is held then.
    """
    with ExitStack() as stack:
        try:
            caches.mkdir(parents=True, exist_ok=True)
            stack.enter_context(held(caches / ".in-use.lock", shared=shared))
        except OSError as error:
            if not shared or error.errno not in (errno.EROFS, errno.EACCES):
                raise
        yield


@contextmanager
def owning(path: Path, status: Callable[[str], object] | None = None) -> Iterator[bool]:
    """Hold the lock file ``path`` alone, and remove it at the end. False: another has it, and nothing was done.

    With ``status`` never False: it is called with a line if that means to wait. Who owns something is alive as long as
    the lock is held, whatever name space its process is in.
    """
    while True:
        with _open(path) as stream:
            try:
                _flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if status is None:
                    yield False
                    return
                status(f"waiting for another run that uses {path.stem}")
                _flock(stream, fcntl.LOCK_EX)
            if not _is_at(stream, path):  # its owner removed it while we waited
                continue
            try:
                yield True
            finally:
                files.remove(path)
            return


def _is_at(stream: FileIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(stream.fileno()), path.lstat())
    except FileNotFoundError:
        return False


def _open(path: Path) -> FileIO:
    """A file to lock, made anew if something else is in its place (a FIFO would have us wait, a folder can't be)."""
    with suppress(OSError):
        if not stat.S_ISREG(path.lstat().st_mode) or not os.access(path, os.R_OK | os.W_OK):
            files.remove(path)
    return open(path, "ab+", buffering=0)  # noqa: PTH123  # Path.open's type says less; closed by the caller


def _flock_soon(stream: FileIO) -> None:
    """Who only asks whether a run is at work (``idle.note``) holds the lock for some microseconds; a run, for long."""
    try:
        _flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        time.sleep(_MOMENT)
        _flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _flock(stream: FileIO, operation: int) -> None:
    try:
        fcntl.flock(stream, operation)
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
