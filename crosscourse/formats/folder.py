"""A tree written into a folder, which nothing of it can leave: neither by a name nor by a link, whoever made that.

Each part of a path is opened by itself, below the one before and never through a symbolic link (openat(2) with
O_NOFOLLOW); files and links are only ever made where nothing is. What openat2(2) has for this needs Linux 5.6.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from crosscourse.formats.entries import Entry, PlaceError, check_link, check_mode, check_name, with_parents

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_IN_THE_WAY = "Something else is in its place already."


class Tree:
    """A folder, made if it is not there, that is filled by paths relative to it.

    Owners are whoever runs this. Modes of folders are set when the ``with`` block ends: till then all can be written
    to. Raises PlaceError for a path that leads out of it or goes through what is no folder, or that is there already.
    """

    def __init__(self, top: Path) -> None:
        self._path = top
        self._modes: dict[str, int] = {}

    def __enter__(self) -> Tree:
        self._path.mkdir(parents=True, exist_ok=True)
        self._top = os.open(self._path, _FOLDER)
        return self

    def __exit__(self, *_: object) -> None:
        try:
            # What is inside first: a folder that may not be entered comes after what is in it.
            for name in sorted(self._modes, reverse=True):
                with self._opened(name) as folder:
                    os.fchmod(folder, self._modes[name] | 0o700)
        finally:
            os.close(self._top)

    def folder(self, name: str, mode: int) -> None:
        """Make a folder, unless it is there, and set its mode. Its owner may always read, write and enter it."""
        check_name(name)
        check_mode(name, mode)
        with self._opened(name):
            self._modes[name] = mode

    def link(self, name: str, to: str) -> None:
        """Make a symbolic link; nobody looks where it leads."""
        check_name(name)
        check_link(name, to)
        above, _, last = name.rpartition("/")
        with self._opened(above) as folder, _nothing_there(name):
            os.symlink(to, last, dir_fd=folder)

    @contextmanager
    def file(self, name: str, mode: int) -> Iterator[IO[bytes]]:
        """A new file to write to. Its owner may always read it."""
        check_name(name)
        check_mode(name, mode)
        above, _, last = name.rpartition("/")
        with self._opened(above) as folder, _nothing_there(name):
            opened = os.open(last, _FILE, 0o600, dir_fd=folder)
        with os.fdopen(opened, "wb") as stream:
            yield stream
            stream.flush()
            # After the content: the kernel takes the bits for other users' rights from a file that is written to.
            os.fchmod(stream.fileno(), mode | 0o400)

    @contextmanager
    def _opened(self, name: str) -> Iterator[int]:
        """The folder of that name, made if it is not there; empty: the top."""
        folder = os.dup(self._top)
        try:
            for part in name.split("/") if name else ():
                inner = self._inner(folder, part, name)
                os.close(folder)
                folder = inner
            yield folder
        finally:
            os.close(folder)

    def _inner(self, folder: int, part: str, name: str) -> int:
        try:
            try:
                return os.open(part, _FOLDER, dir_fd=folder)
            except FileNotFoundError:
                os.mkdir(part, 0o755, dir_fd=folder)
                return os.open(part, _FOLDER, dir_fd=folder)
        except NotADirectoryError:  # a symbolic link is none either
            raise PlaceError(name, f"'{part}' on the way to it is no folder", _IN_THE_WAY) from None


@contextmanager
def _nothing_there(name: str) -> Iterator[None]:
    try:
        yield
    except FileExistsError:
        raise PlaceError(name, "is made twice", _IN_THE_WAY) from None


def write_folder(folder: Path, entries: Iterable[Entry]) -> None:
    """The entries as files below ``folder``. Owners are whoever runs this. Raises PlaceError."""
    ordered = with_parents(entries)
    with Tree(folder) as tree:
        for entry in ordered:
            if entry.link is not None:
                tree.link(entry.name, entry.link)
            elif entry.source is None:
                tree.folder(entry.name, entry.mode)
            else:
                with tree.file(entry.name, entry.mode) as stream:
                    if isinstance(entry.source, bytes):
                        stream.write(entry.source)
                    else:
                        with entry.source.open("rb") as content:
                            shutil.copyfileobj(content, stream)


def unpack(archive: Path, folder: Path) -> None:
    """The files, folders and symbolic links of a tar archive below ``folder``, writable by nobody else.

    Raises PlaceError for any other member, or one that would leave the folder; TarError, OSError for what is no
    archive.
    """
    import tarfile

    with tarfile.open(archive) as tar, Tree(folder) as tree:
        for member in tar:
            name = member.name.removeprefix("./")
            if member.isdir():
                tree.folder(name, member.mode & 0o755)
            elif member.issym():
                tree.link(name, member.linkname)
            elif member.isreg() and (content := tar.extractfile(member)):
                with tree.file(name, member.mode & 0o755) as stream:
                    shutil.copyfileobj(content, stream)
            else:
                raise PlaceError(name, "is neither file nor folder nor symbolic link", "Leave it out of the archive.")
