"""The members of an archive, and of the archives in it, in one pass and without unpacking to disk.

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
from crosscourse.binaries.trees import MAX_FIRST_LINE, SCRIPT, Kind, Member, inner_name
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
MAX_KEPT = 4 << 20
"""The longest content that is kept of a member."""
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
    """A member of an archive.

    ``archive``: of the archives in the outermost, the path of the one that it is in. ``elf``: the content of an ELF
    file, which may be read until the next member is asked for; None for all else. ``problem``: not empty for one (an
    archive too) whose content can't be had or was not looked into; it comes in a turn of its own.
    """

    archive: str
    member: Member
    elf: IO[bytes] | None = None
    problem: str = ""

    @property
    def path(self) -> str:
        """From the outermost archive on; printable, whatever the archive has."""
        return path_in(self.archive, self.member.name)


def path_in(archive: str, name: str) -> str:
    """What a member is called in reports: ``rootfs.tgz!/opt/x``."""
    return f"{archive}{NESTED}{_printable(name)}" if archive else _printable(name)


def members(
    archive: Path, keep: Callable[[str], bool] = lambda _name: False, *, depth: int = MAX_DEPTH
) -> Iterator[Found]:
    """Every member of a tar archive, in the archive's order, and of the archives in it, behind each of these.

    ``keep``: whether a member of that name is one whose content is wanted, if it is short. ``depth``: how many archives
    in each other are looked into; what is deeper is a member like any other. Raises ArchiveError if
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
        yield from _Walk(keep=keep, budget=budget, most=depth).walk(content, str(archive), inside="", depth=1)


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


@dataclass(frozen=True, kw_only=True)
class _Walk:
    """One pass. ``name``, of an archive: for errors; ``inside``: as in ``Found.archive``."""

    keep: Callable[[str], bool]
    budget: Budget
    most: int

    def walk(self, content: io.BufferedReader, name: str, *, inside: str, depth: int) -> Iterator[Found]:
        """The members of a tar archive that ``content`` is at the beginning of."""
        try:
            # The cast: a tar that is read in order needs no more than read().
            with tarfile.open(fileobj=cast(IO[bytes], content), mode="r|", bufsize=STEP, tarinfo=_Entry) as tar:
                yield from self._entries(tar, name, inside, depth)
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

    def _entries(self, tar: tarfile.TarFile, name: str, inside: str, depth: int) -> Iterator[Found]:
        seen: set[str] = set()
        while (entry := tar.next()) is not None:
            # tarfile keeps them all: for looking one up, which nobody does here.
            tar.members.clear()  # type: ignore[attr-defined]  # not in typeshed
            self.budget.members -= 1
            if self.budget.members < 0:
                raise ArchiveError(name, f"has more than {Budget.members} members, with the archives before it")
            member = _member(entry)
            if not entry.isreg():
                yield Found(archive=inside, member=member)
                if member.kind == "hard link" and member.to not in seen:
                    problem = f"hard link to {_printable(member.to)}, which does not come before it"
                    yield Found(archive=inside, member=member, problem=problem)
                continue
            seen.add(member.name)
            file = tar.extractfile(entry)
            assert isinstance(file, io.BufferedReader)
            start = file.peek(BLOCK)
            if not is_elf(start):
                yield Found(archive=inside, member=self._with_content(member, file, start))
                yield from self._look_into(file, f"{name}{NESTED}{_printable(member.name)}", member, inside, depth)
            elif entry.size > MAX_FILE:
                yield Found(archive=inside, member=member)
                problem = f"has more than {MAX_FILE >> 30} GiB: not looked into"
                yield Found(archive=inside, member=member, problem=problem)
            else:
                with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as copy:
                    shutil.copyfileobj(file, copy, CHUNK)
                    yield Found(archive=inside, member=member, elf=copy)

    def _with_content(self, member: Member, file: io.BufferedReader, start: bytes) -> Member:
        if start.startswith(SCRIPT):
            return member._replace(content=start[:MAX_FIRST_LINE])
        # What is an archive is looked into, whatever it is called.
        if self.keep(member.name) and member.size <= MAX_KEPT and not is_packed(start) and not _is_tar(start):
            return member._replace(content=file.read())
        return member

    def _look_into(
        self, file: io.BufferedReader, name: str, member: Member, inside: str, depth: int
    ) -> Iterator[Found]:
        """The members of a file of an archive, if that is an archive too, or a sentence why they can't be had."""
        if depth >= self.most < MAX_DEPTH:
            return
        try:
            while is_packed(start := file.peek(BLOCK)):
                if depth >= MAX_DEPTH:
                    raise ArchiveError(name, f"archives more than {MAX_DEPTH} deep in each other: not looked into")
                file = unpacked(file, name, self.budget)
                # A layer that holds another one; the one that is around a tar does not count, as in .tar.gz.
                depth += is_packed(file.peek(BLOCK))
            if _is_tar(start):
                if depth >= MAX_DEPTH:
                    raise ArchiveError(name, f"archives more than {MAX_DEPTH} deep in each other: not looked into")
                yield from self.walk(file, name, inside=path_in(inside, member.name), depth=depth + 1)
        except ArchiveError as error:
            # What is wrong with the archive that this one is in ends that one.
            if error.subject != name:
                raise
            yield Found(archive=inside, member=member, problem=error.found)


def _member(entry: tarfile.TarInfo) -> Member:
    kind: Kind = "device"
    if entry.isreg():
        kind = "file"
    elif entry.isdir():
        kind = "folder"
    elif entry.issym():
        kind = "link"
    elif entry.islnk():
        kind = "hard link"
    to = entry.linkname if kind == "link" else inner_name(entry.linkname)
    return Member(inner_name(entry.name), kind, entry.mode & 0o7777, (entry.uid, entry.gid), entry.size, to)


def _is_tar(start: bytes) -> bool:
    """Whether a file with these first bytes is a tar archive: it has the mark of one, or the sum of a header."""
    if start[257:262] == b"ustar":
        return True
    # Of nearly all files this is enough to say no: where a header has its sum, they have no number.
    if start[148:149] not in (b"\x80", b"\xff") and not start[148:156].strip(b" \0").isdigit():
        return False
    try:
        tarfile.TarInfo.frombuf(start[:BLOCK], "utf-8", "surrogateescape")
    except (tarfile.HeaderError, ValueError):
        return False
    return True


def _printable(text: str) -> str:
    return text if text.isprintable() else ascii(text)[1:-1]
