"""What is packed, unpacked as it is read, within bounds: by its first bytes, whatever it is called.

Each format's checksums are checked, which tarfile's own streaming of gzip does not.
"""

from __future__ import annotations

import bz2
import io
import lzma
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any, Protocol, cast

from isal import igzip, isal_zlib

from crosscourse.errors import CrosscourseError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

STEP = 32 << 10
"""What is read at a time. tarfile moves what is left of that for each small file, so that more is slower again."""
MAX_BYTES = 32 << 30
"""What all archives of a distribution may unpack to: several times of the largest that there is."""
MAX_RATIO = 250
"""How many times of its size an archive may unpack to, once that is more than UNSUSPICIOUS. Programs reach 5."""
UNSUSPICIOUS = 64 << 20


class ArchiveError(CrosscourseError):
    """An archive that can't be read to its end: missing, cut off, damaged, too large, or of an unknown format."""

    def __init__(self, name: str, found: str, remedy: str = "Remove the archive and build it again.") -> None:
        super().__init__(name, found, remedy)


class Readable(Protocol):
    """All that a tar or a compressed file needs to be read in order."""

    def read(self, size: int = -1, /) -> bytes: ...


@dataclass(kw_only=True)
class Budget:
    """How many bytes may still be unpacked, and how many members looked at, for all archives in one."""

    bytes: int = MAX_BYTES
    members: int = 1_000_000


@dataclass(frozen=True)
class _Packing:
    starts: re.Pattern[bytes]
    unpack: Callable[[IO[bytes]], Readable]


# ISA-L unpacks gzip in less than half of the time that zlib takes. Starts as long as the format has them, so that text
# that happens to begin alike is none: RFC 1952, 2.3; bzip2's two kinds of block; xz, 2.1.1.1; RFC 8878, 3.1.1.
_PACKINGS = (
    _Packing(re.compile(rb"\x1f\x8b\x08"), lambda stream: igzip.IGzipFile(fileobj=stream)),  # type: ignore[no-untyped-call]
    _Packing(re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)"), bz2.BZ2File),
    _Packing(re.compile(rb"\xfd7zXZ\0"), lzma.LZMAFile),
    _Packing(re.compile(rb"\x28\xb5\x2f\xfd"), zstd.ZstdFile),
)
# What they raise besides OSError. The cast: isal's own annotation calls the class an instance.
_DAMAGE = (EOFError, ValueError, cast(type[Exception], isal_zlib.error), lzma.LZMAError, zstd.ZstdError)


class _Counted:
    """A stream that knows how much was read of it."""

    def __init__(self, stream: io.BufferedReader) -> None:
        self._stream, self.count = stream, 0

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self.count += len(data)
        return data

    def readinto(self, buffer: Any) -> int:
        """What isal calls."""
        count = self._stream.readinto(buffer)
        self.count += count
        return count


class _Unpacked(io.RawIOBase):
    """What a packed stream holds. Damage is told under the name of what is damaged, not of an archive in it."""

    def __init__(self, packing: _Packing, stream: io.BufferedReader, name: str, budget: Budget) -> None:
        self._packed = _Counted(stream)
        # The cast: what is unpacked in order needs no more than read().
        self._stream = packing.unpack(cast(IO[bytes], self._packed))
        self._name, self._budget, self._count = name, budget, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Fills the whole buffer unless the end comes first: whoever peeks sees enough."""
        view = memoryview(buffer).cast("B")
        filled = 0
        while filled < len(view) and (data := self._read(len(view) - filled)):
            view[filled : filled + len(data)] = data
            filled += len(data)
        self._spend(filled)
        return filled

    def _read(self, size: int) -> bytes:
        try:
            return self._stream.read(size)
        except MemoryError:
            raise ArchiveError(self._name, "takes more memory to unpack than there is") from None
        except _DAMAGE as exc:
            raise ArchiveError(self._name, f"cut off or damaged: {exc}") from exc
        except OSError as exc:
            # gzip and bz2 report damage as an OSError without a number; a full disk has one.
            if exc.errno is not None:
                raise
            raise ArchiveError(self._name, f"cut off or damaged: {exc}") from exc

    def _spend(self, count: int) -> None:
        self._count += count
        self._budget.bytes -= count
        if self._budget.bytes < 0:
            raise ArchiveError(self._name, f"unpacks, with what was before it, to more than {MAX_BYTES >> 30} GiB")
        if self._count > UNSUSPICIOUS and self._count > MAX_RATIO * self._packed.count:
            raise ArchiveError(self._name, f"unpacks to more than {MAX_RATIO} times of its size")


def is_packed(start: bytes) -> bool:
    """Whether a file that starts with these bytes (10 are enough) is packed in a format that is known here."""
    return any(packing.starts.match(start) for packing in _PACKINGS)


def unpacked(stream: io.BufferedReader, name: str, budget: Budget) -> io.BufferedReader:
    """What a stream holds that ``is_packed``. Its ``peek`` shows STEP bytes, or all where there are fewer.

    Reading raises ArchiveError, under ``name``, for what is damaged or beyond the bounds.
    """
    start = stream.peek(10)
    packing = next(packing for packing in _PACKINGS if packing.starts.match(start))
    return io.BufferedReader(_Unpacked(packing, stream, name, budget), STEP)
