"""What git would say of a file, ``MODE ID`` (``100644 8b13...``), told by reading it: all of it, and not without end.

A folder has no such identity; one that is known only as a whole is told by the times of its files.
"""

from __future__ import annotations

import errno
import hashlib
import io
import itertools
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from crosscourse import files
from crosscourse.engine.special import SpecialFileError
from crosscourse.errors import CrosscourseError

REMOVED = "removed"
FOLDER = "folder "
# Neither can a compiler read it.
UNREADABLE = "unreadable"
# Of files that are read one by one, more than any source that we know: beyond that, somebody named a wrong folder.
MOST_FILES = 200_000
MOST_BYTES = 8 << 30


class TooMuchError(CrosscourseError):
    """A folder that is too large to be told file by file. ``found``: how much there is, as far as was looked."""

    def __init__(self, folder: Path, found: str) -> None:
        super().__init__(
            files.relative(folder),
            f"holds {found} that git doesn't keep: too much to be read at each build",
            "Is it the folder of a source? What is no part of that can lie elsewhere. What is one can be committed\n"
            f"(git -C {files.relative(folder)} init, if it is no repository yet): then git tells quickly what changed.",
        )


def identities(folder: Path, paths: Iterable[Path], algorithm: str) -> Iterator[tuple[Path, str]]:
    """The identity of each of ``paths``, which are below ``folder``. ``algorithm``: ``sha1`` or ``sha256``.

    Looks at all of them before it reads the first. Raises TooMuchError, and SpecialFileError for what is neither file,
    folder nor link.
    """
    found: list[tuple[Path, os.stat_result | None]] = []
    size = 0
    for path in paths:
        info = _look(path)
        if info is not None and not stat.S_ISDIR(info.st_mode):
            if not stat.S_ISREG(info.st_mode) and not stat.S_ISLNK(info.st_mode):
                raise SpecialFileError(path, info.st_mode)
            size += info.st_size
        found.append((path, info))
        if len(found) > MOST_FILES:
            raise TooMuchError(folder, f"more than {MOST_FILES:,} files")
        if size > MOST_BYTES:
            raise TooMuchError(folder, f"files of more than {MOST_BYTES >> 30} GiB")
    for path, _ in found:
        yield path, identity_of(path, algorithm)


def _look(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None


def identity_of(path: Path, algorithm: str) -> str:
    """What git would say of what is at a path now. ``algorithm``: that of the repository's ids."""
    try:
        info = path.lstat()
        if stat.S_ISDIR(info.st_mode):
            return _as_whole(path)
        if stat.S_ISLNK(info.st_mode):
            target = os.fsencode(path.readlink())
            return f"120000 {_blob(algorithm, len(target), io.BytesIO(target))}"
        mode = "100755" if info.st_mode & stat.S_IXUSR else "100644"
        with regular(path) as stream:
            return f"{mode} {_blob(algorithm, os.fstat(stream.fileno()).st_size, stream)}"
    except (FileNotFoundError, NotADirectoryError):
        return REMOVED
    except PermissionError:
        return UNREADABLE


def regular(path: Path) -> BinaryIO:
    """A file opened for reading; SpecialFileError, and no waiting, if there is a pipe or a device."""
    try:
        stream = open(path, "rb", opener=_at_once)  # noqa: SIM115  # Path.open takes no opener
    except OSError as error:
        if error.errno == errno.ENXIO:  # open(2) of a socket
            raise SpecialFileError(path, path.stat().st_mode) from None
        raise
    mode = os.fstat(stream.fileno()).st_mode
    if not stat.S_ISREG(mode):
        stream.close()
        raise SpecialFileError(path, mode)
    return stream


def _at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def _as_whole(folder: Path) -> str:
    paths = sorted(itertools.islice(walk(folder, links=True), MOST_FILES + 1))
    if len(paths) > MOST_FILES:
        raise TooMuchError(folder, f"more than {MOST_FILES:,} files")
    sha = hashlib.sha256()
    for path in paths:
        sha.update(os.fsencode(path.relative_to(folder)) + f"\0{_times(path)}\0".encode())
    return FOLDER + sha.hexdigest()


def _times(path: Path) -> str:
    try:
        return str(files.signature(path, link=True))
    except FileNotFoundError:
        return REMOVED


def _blob(algorithm: str, size: int, stream: BinaryIO) -> str:
    """The id that git gives a content (https://git-scm.com/book/en/v2/Git-Internals-Git-Objects).

    Of a file that grows meanwhile no more than ``size`` bytes are read.
    """
    sha = hashlib.new(algorithm, b"blob %d\0" % size, usedforsecurity=False)
    while block := stream.read(min(size, 1 << 20)):
        sha.update(block)
        size -= len(block)
    return sha.hexdigest()


def walk(folder: Path, *, links: bool = False) -> Iterator[Path]:
    """Every file below a folder. ``links``: links to folders too."""
    for base, folders, names in os.walk(folder):
        yield from (Path(base) / name for name in names)
        if links:
            yield from (path for name in folders if (path := Path(base) / name).is_symlink())
