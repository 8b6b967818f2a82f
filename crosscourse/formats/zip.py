"""Zip archives that depend on nothing but their content: as ``crosscourse.archive`` does it for tar.

Python's zipfile compresses by the machine's zlib, whose bytes differ (see ``crosscourse.formats.gzip``), and takes no
data that are compressed already; so the few records are written here. Format: PKWARE's APPNOTE 6.3.10, 4.3.
"""

from __future__ import annotations

import struct
import time
import zlib
from collections.abc import Sequence
from pathlib import Path

from crosscourse.formats.entries import Entry, with_parents
from crosscourse.formats.gzip_worker import LEVEL, member

# Of a gzip member without a name: what stands before and behind the deflated data (RFC 1952, 2.3).
_BEFORE, _BEHIND = 10, 8
_DEFLATED, _STORED = 8, 0
# 2.0 for deflate; made on Unix, so that the modes count.
_VERSION, _UNIX = 20, 3
_REGULAR, _FOLDER = 0o100000, 0o040000
# What a field of 32 bits holds; more would be another format (zip64).
_MOST = (1 << 32) - 1


def write_zip(path: Path, entries: Sequence[Entry], *, epoch: int) -> None:
    """Write files and folders to ``path``. ``epoch``: the time of every member, in seconds since 1970.

    Links have no place in it. Each member is held in memory. Raises PlaceError, ValueError for what is too large.
    """
    central = b""
    count = 0
    with path.open("wb") as stream:
        for entry in with_parents(entries):
            content = _content(entry)
            offset = stream.tell()
            packed = bytes(member(content, LEVEL))[_BEFORE:-_BEHIND] if content else b""
            if max(len(content), len(packed), offset) > _MOST:
                raise ValueError(f"{entry.name} is too large for a zip archive")
            method = _DEFLATED if content else _STORED
            name = (entry.name + ("/" if entry.is_folder else "")).encode()
            sizes = (*_moment(epoch), zlib.crc32(content), len(packed), len(content), len(name), 0)
            stream.write(struct.pack("<4s5H3L2H", b"PK\x03\x04", _VERSION, 0, method, *sizes) + name + packed)
            attributes = (entry.mode | (_FOLDER if entry.is_folder else _REGULAR)) << 16
            central += struct.pack(
                "<4s6H3L5H2L",
                *(b"PK\x01\x02", _UNIX << 8 | _VERSION, _VERSION, 0, method),
                *sizes,
                *(0, 0, 0, attributes, offset),
            )
            central += name
            count += 1
        start = stream.tell()
        stream.write(central)
        stream.write(struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, len(central), start, 0))


def _content(entry: Entry) -> bytes:
    if entry.link is not None:
        raise ValueError(f"{entry.name}: a zip archive has no links")
    if entry.source is None:
        return b""
    return entry.source if isinstance(entry.source, bytes) else entry.source.read_bytes()


def _moment(epoch: int) -> tuple[int, int]:
    """Time and date as MS-DOS has them, from 1980 on, in steps of two seconds."""
    year, month, day, hour, minute, second = time.gmtime(epoch)[:6]
    if year < 1980:
        return 0, 1 << 5 | 1
    return hour << 11 | minute << 5 | second // 2, (year - 1980) << 9 | month << 5 | day
