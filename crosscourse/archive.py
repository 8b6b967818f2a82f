"""Archives that depend on nothing but their content: sorted, one owner, one time, fixed compression.

Follows https://reproducible-builds.org/docs/archives/. The standard library's tarfile and ``crosscourse.formats.gzip``
do the work.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol, cast

from crosscourse.formats.entries import Entry, with_parents

if TYPE_CHECKING:
    import tarfile

    from crosscourse.formats.gzip import GzipWriter

__all__ = ["Entry", "with_parents", "write_tgz"]

# What is compressed already is only stored from this size on: what is smaller does not pay for a block of its own.
WORTH_STORING = 64 << 10


class Sum(Protocol):
    """What a digest of hashlib is: fed piece by piece."""

    def update(self, data: bytes, /) -> None: ...


class _Summed:
    """A file to write to that feeds a digest."""

    def __init__(self, packed: GzipWriter, summed: Sum) -> None:
        self._packed, self._summed = packed, summed

    def write(self, data: bytes) -> int:
        self._summed.update(data)
        return self._packed.write(data)

    def tell(self) -> int:
        return self._packed.tell()


def write_tgz(
    path: Path, entries: Iterable[Entry], *, epoch: int, threads: int | None = None, summed: Sum | None = None
) -> None:
    """Write a gzip-compressed tar (format ``ustar`` with GNU extensions for long names) to ``path``.

    ``epoch``: the time of every member, in seconds since 1970. Owners have numbers, no names.
    ``threads``: how many processors to use, all that are granted if it is None; the bytes are the same.
    ``summed``: is given all bytes of the tar before they are compressed.
    Raises PackingError when the system ends a process that compresses.
    """
    # Here, not above: a build with nothing to do packs nothing, and must start fast.
    import tarfile

    from crosscourse.formats.gzip import GzipWriter

    with (
        path.open("wb") as raw,
        GzipWriter(raw, threads=threads) as packed,
        # The cast: a tar that is written in order needs no more than write() and tell().
        tarfile.open(
            fileobj=cast(IO[bytes], _Summed(packed, summed) if summed else packed),
            mode="w",
            format=tarfile.GNU_FORMAT,
        ) as tar,
    ):
        for entry in with_parents(entries):
            _add(tar, packed, entry, epoch)


def _add(tar: tarfile.TarFile, packed: GzipWriter, entry: Entry, epoch: int) -> None:
    import io
    import tarfile

    info = tarfile.TarInfo(entry.name)
    info.mtime = epoch
    info.mode = entry.mode
    info.uid, info.gid = entry.owner
    if entry.link is not None:
        info.type = tarfile.SYMTYPE
        info.linkname = entry.link
        info.mode = 0o777
        tar.addfile(info)
    elif entry.source is None:
        info.type = tarfile.DIRTYPE
        tar.addfile(info)
    elif isinstance(entry.source, bytes):
        info.size = len(entry.source)
        _add_content(tar, packed, info, io.BytesIO(entry.source))
    else:
        info.size = entry.source.stat().st_size
        with entry.source.open("rb") as stream:
            _add_content(tar, packed, info, stream)


def _add_content(tar: tarfile.TarFile, packed: GzipWriter, info: tarfile.TarInfo, stream: IO[bytes]) -> None:
    from crosscourse.formats.gzip import is_packed

    if info.size >= WORTH_STORING and is_packed(stream.read(8)):
        stream.seek(0)
        with packed.stored():
            tar.addfile(info, stream)
    else:
        stream.seek(0)
        tar.addfile(info, stream)
