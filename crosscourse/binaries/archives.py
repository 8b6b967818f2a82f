"""Finding the ELF files of an archive, and of the archives in it, in one pass and without unpacking to disk.

What a file is, is told by its first bytes: a name proves nothing. Formats: ustar, pax and GNU tar,
plain or packed by gzip, bzip2 or xz.
"""

from __future__ import annotations

import bz2
import io
import lzma
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol, cast

from isal import igzip, isal_zlib

from crosscourse.binaries.elf import is_elf
from crosscourse.errors import CrosscourseError

NESTED = "!/"
"""Stands between an archive's path and the path of a file in it."""
# A file up to this size is held in memory, a larger one in a temporary file: some are over 100 MB.
IN_MEMORY = 8 << 20
CHUNK = 1 << 20
# What tarfile reads at a time. It moves what is left of that for each small file, so that more is slower again.
STEP = 32 << 10
BLOCK = 512
ARCHIVE_SUFFIXES = (".tar", ".tgz", ".tar.gz", ".tbz2", ".tar.bz2", ".txz", ".tar.xz", ".tar.zst")


class Readable(Protocol):
    """All that a tar or a compressed file needs to be read in order."""

    def read(self, size: int = -1, /) -> bytes: ...


# By the first bytes of a file. Each checks the checksums, which tarfile's own streaming of gzip does not.
# ISA-L unpacks gzip in less than half of the time that zlib takes.
UNPACKERS: dict[bytes, Callable[[IO[bytes]], Readable]] = {
    b"\x1f\x8b": lambda stream: igzip.IGzipFile(fileobj=stream),  # type: ignore[no-untyped-call]
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\0": lzma.LZMAFile,
}
# What they raise besides OSError. The cast: isal's own annotation calls the class an instance.
DAMAGE = (EOFError, cast(type[Exception], isal_zlib.error), lzma.LZMAError)


class ArchiveError(CrosscourseError):
    """An archive that can't be read to its end: missing, cut off, damaged, or of an unknown format."""

    def __init__(self, name: str, found: str, remedy: str = "Remove the archive and build it again.") -> None:
        super().__init__(name, found, remedy)


@dataclass(frozen=True, kw_only=True)
class Found:
    """An ELF file of an archive. ``stream`` may be read until the next one is asked for; ``mode``: permission bits.

    ``problem``: not empty for an entry whose content can't be had, and then ``stream`` is empty.
    """

    path: str
    mode: int
    stream: IO[bytes]
    problem: str = ""


def elf_files(archive: Path) -> Iterator[Found]:
    """Every ELF file of a tar archive, in the archive's order, and of the archives in it to any depth.

    Hard links lead to a file that came before and are passed over, so are symbolic links. Raises ArchiveError.
    """
    try:
        stream = archive.open("rb")
    except (FileNotFoundError, IsADirectoryError) as exc:
        raise ArchiveError(str(archive), "there is no such archive", "`./doit build` makes it.") from exc
    with stream:
        yield from _walk(stream, str(archive), prefix="")


class _Guarded:
    """A stream whose damage is reported under the name of the archive that is damaged, not of one inside it."""

    def __init__(self, stream: Readable, name: str) -> None:
        self.stream, self.name = stream, name

    def read(self, size: int = -1) -> bytes:
        try:
            return self.stream.read(size)
        except (*DAMAGE, tarfile.TarError) as exc:
            raise ArchiveError(self.name, f"cut off or damaged: {exc}") from exc
        except OSError as exc:
            # gzip and bz2 report damage as an OSError without a number; a full disk has one.
            if exc.errno is not None:
                raise
            raise ArchiveError(self.name, f"cut off or damaged: {exc}") from exc


class _BrokenHeaderError(tarfile.TarError):
    """A header that is damaged or missing."""


class _Entry(tarfile.TarInfo):
    """tarfile takes a damaged or missing header after the first as the archive's end. Only the end mark is."""

    @classmethod
    def fromtarfile(cls, tarfile: tarfile.TarFile) -> _Entry:
        return cast(_Entry, _strictly(super().fromtarfile, tarfile))


def _strictly(read: Callable[[tarfile.TarFile], tarfile.TarInfo], archive: tarfile.TarFile) -> tarfile.TarInfo:
    try:
        return read(archive)
    except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # not in typeshed
        raise
    except tarfile.HeaderError as exc:
        # No HeaderError, or tarfile would swallow it.
        raise _BrokenHeaderError(str(exc)) from exc


def _walk(stream: io.BufferedReader, name: str, *, prefix: str) -> Iterator[Found]:
    """The ELF files of an archive that ``stream`` is at the beginning of."""
    start = stream.peek(BLOCK)
    unpack = next((unpack for magic, unpack in UNPACKERS.items() if start.startswith(magic)), None)
    content = _Guarded(unpack(stream) if unpack else stream, name)
    try:
        # The cast: a tar that is read in order needs no more than read().
        with tarfile.open(fileobj=cast(IO[bytes], content), mode="r|", bufsize=STEP, tarinfo=_Entry) as tar:
            yield from _entries(tar, name, prefix)
    except tarfile.TarError as exc:
        raise ArchiveError(name, f"cut off, damaged or not a tar archive: {exc}") from exc
    # What lies behind the end mark is padding, but a checksum comes last.
    while content.read(CHUNK):
        pass


def _entries(tar: tarfile.TarFile, name: str, prefix: str) -> Iterator[Found]:
    seen: set[str] = set()
    for entry in tar:
        path = entry.name.removeprefix("./")
        full = prefix + path
        if entry.islnk() and entry.linkname.removeprefix("./") not in seen:
            problem = f"hard link to {entry.linkname}, which does not come before it"
            yield Found(path=full, mode=entry.mode & 0o7777, stream=io.BytesIO(), problem=problem)
        if not entry.isreg():
            continue
        seen.add(path)
        file = tar.extractfile(entry)
        assert isinstance(file, io.BufferedReader)
        start = file.peek(BLOCK)
        if is_elf(start):
            with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as copy:
                shutil.copyfileobj(file, copy, CHUNK)
                yield Found(path=full, mode=entry.mode & 0o7777, stream=copy)
        elif path.endswith(ARCHIVE_SUFFIXES) or _holds_tar(start):
            yield from _walk(file, f"{name}{NESTED}{path}", prefix=full + NESTED)


def _holds_tar(start: bytes) -> bool:
    """Whether a file with these first bytes is a tar archive, perhaps packed, by the mark in a tar header."""
    for magic, unpack in UNPACKERS.items():
        if start.startswith(magic):
            try:
                start = unpack(io.BytesIO(start)).read(BLOCK)
            except (*DAMAGE, OSError):
                # Not enough of it to tell, or not really packed.
                return False
    return start[257:262] == b"ustar"
