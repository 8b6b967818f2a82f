"""Finding the ELF files of an archive, and of the archives in it, in one pass and without unpacking to disk.

What a file is, is told by its first bytes: a name proves nothing. Formats: ustar, pax and GNU tar, and tar without a
mark; plain or packed by gzip, bzip2, xz or zstd, also more than once. How deep, how large, how many: all has a bound.
"""

from __future__ import annotations

import io
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from crosscourse.binaries.elf import is_elf
from crosscourse.binaries.unpacking import STEP, ArchiveError, Budget, is_packed, unpacked
from crosscourse.errors import CrosscourseError

NESTED = "!/"
"""Stands between an archive's path and the path of a file in it."""
# A file up to this size is held in memory, a larger one in a temporary file: some are over 100 MB.
IN_MEMORY = 8 << 20
CHUNK = 1 << 20
BLOCK = 512
MAX_DEPTH = 8
"""Archives in archives, and packed in packed: a distribution has two."""
MAX_FILE = 4 << 30
# What says more of a member than its header has room for: a path, an owner. It is read into memory as one.
_MAX_EXTENSION = 1 << 20
_EXTENSIONS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)


@dataclass(frozen=True, kw_only=True)
class Found:
    """An ELF file of an archive. ``stream`` may be read until the next one is asked for; ``mode``: permission bits.

    ``path``: printable, whatever the archive has. ``problem``: not empty for an entry (an archive too) whose content
    can't be had or was not looked into, and then ``stream`` is empty.
    """

    path: str
    mode: int
    stream: IO[bytes]
    problem: str = ""


def elf_files(archive: Path) -> Iterator[Found]:
    """Every ELF file of a tar archive, in the archive's order, and of the archives in it.

    Hard links lead to a file that came before and are passed over, so are symbolic links. Raises ArchiveError if
    ``archive`` itself is no archive or damaged; what is wrong with one in it is told as a ``problem`` of that.
    """
    try:
        stream = archive.open("rb")
    except (FileNotFoundError, IsADirectoryError) as exc:
        raise ArchiveError(str(archive), "there is no such archive", "`./doit build` makes it.") from exc
    with stream:
        content: io.BufferedReader = stream
        budget = Budget()
        for _ in range(MAX_DEPTH):
            if not is_packed(content.peek(BLOCK)):
                break
            content = unpacked(content, str(archive), budget)
        yield from _walk(content, str(archive), prefix="", depth=1, budget=budget)


class _BrokenHeaderError(tarfile.TarError):
    """A header that is damaged or missing."""


class _Entry(tarfile.TarInfo):
    """tarfile takes a damaged or missing header after the first as the archive's end. Only the end mark is."""

    @classmethod
    def fromtarfile(cls, tarfile: tarfile.TarFile) -> _Entry:
        return cast(_Entry, _strictly(super().fromtarfile, tarfile))

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        """Before anything is done with a header: tarfile believes whatever size it says."""
        if self.size < 0:
            raise _BrokenHeaderError(f"a member of {self.size} bytes")
        if self.type in _EXTENSIONS and self.size > _MAX_EXTENSION:
            raise _BrokenHeaderError(f"a header of {self.size} bytes")
        return cast(tarfile.TarInfo, super()._proc_member(archive))  # type: ignore[misc]  # not in typeshed


def _strictly(read: Callable[[tarfile.TarFile], tarfile.TarInfo], archive: tarfile.TarFile) -> tarfile.TarInfo:
    try:
        return read(archive)
    except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # not in typeshed
        raise
    except tarfile.HeaderError as exc:
        # No HeaderError, or tarfile would swallow it.
        raise _BrokenHeaderError(str(exc)) from exc


def _walk(content: io.BufferedReader, name: str, *, prefix: str, depth: int, budget: Budget) -> Iterator[Found]:
    """The ELF files of a tar archive that ``content`` is at the beginning of."""
    try:
        # The cast: a tar that is read in order needs no more than read().
        with tarfile.open(fileobj=cast(IO[bytes], content), mode="r|", bufsize=STEP, tarinfo=_Entry) as tar:
            yield from _entries(tar, name, prefix, depth, budget)
        # What lies behind the end mark is padding, but a checksum comes last.
        while content.read(CHUNK):
            pass
    except CrosscourseError:
        raise
    except MemoryError:
        raise ArchiveError(name, "takes more memory to read than there is") from None
    except Exception as exc:
        # A full or broken disk is no damage of the archive; tarfile answers that with whatever comes up.
        if isinstance(exc, OSError) and exc.errno is not None:
            raise
        raise ArchiveError(name, f"cut off, damaged or not a tar archive: {exc}") from exc


def _entries(tar: tarfile.TarFile, name: str, prefix: str, depth: int, budget: Budget) -> Iterator[Found]:
    seen: set[str] = set()
    while (entry := tar.next()) is not None:
        # tarfile keeps them all: for looking one up, which nobody does here.
        tar.members.clear()  # type: ignore[attr-defined]  # not in typeshed
        budget.members -= 1
        if budget.members < 0:
            raise ArchiveError(name, f"has more than {Budget.members} members, with the archives before it")
        path = entry.name.removeprefix("./")
        full = prefix + _printable(path)
        if entry.islnk() and entry.linkname.removeprefix("./") not in seen:
            yield _problem(full, f"hard link to {_printable(entry.linkname)}, which does not come before it")
        if not entry.isreg():
            continue
        seen.add(path)
        file = tar.extractfile(entry)
        assert isinstance(file, io.BufferedReader)
        if not is_elf(file.peek(BLOCK)):
            yield from _inside(file, f"{name}{NESTED}{_printable(path)}", full, depth, budget)
        elif entry.size > MAX_FILE:
            yield _problem(full, f"has more than {MAX_FILE >> 30} GiB: not looked into")
        else:
            with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as copy:
                shutil.copyfileobj(file, copy, CHUNK)
                yield Found(path=full, mode=entry.mode & 0o7777, stream=copy)


def _inside(file: io.BufferedReader, name: str, full: str, depth: int, budget: Budget) -> Iterator[Found]:
    """The ELF files of a file of an archive, if that is an archive too, or a sentence why they can't be had."""
    try:
        while is_packed(start := file.peek(BLOCK)):
            if depth >= MAX_DEPTH:
                raise ArchiveError(name, f"archives more than {MAX_DEPTH} deep in each other: not looked into")
            file = unpacked(file, name, budget)
            # A layer that holds another one; the one that is around a tar does not count, as in .tar.gz.
            depth += is_packed(file.peek(BLOCK))
        if _is_tar(start):
            if depth >= MAX_DEPTH:
                raise ArchiveError(name, f"archives more than {MAX_DEPTH} deep in each other: not looked into")
            yield from _walk(file, name, prefix=full + NESTED, depth=depth + 1, budget=budget)
    except ArchiveError as error:
        # What is wrong with the archive that this one is in ends that one.
        if error.subject != name:
            raise
        yield _problem(full, error.found)


def _is_tar(start: bytes) -> bool:
    """Whether a file with these first bytes is a tar archive: it has the mark of one, or the sum of a header."""
    if start[257:262] == b"ustar":
        return True
    try:
        tarfile.TarInfo.frombuf(start[:BLOCK], "utf-8", "surrogateescape")
    except (tarfile.HeaderError, ValueError):
        return False
    return True


def _printable(text: str) -> str:
    return text if text.isprintable() else ascii(text)[1:-1]


def _problem(path: str, problem: str) -> Found:
    return Found(path=path, mode=0, stream=io.BytesIO(), problem=problem)
