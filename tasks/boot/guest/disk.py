"""Disks and initial file systems for the guest, made without root: ext4 by e2fsprogs, partitions and cpio by hand.

Partitions: a master boot record, as the kernel reads it (block/partitions/msdos.c).
cpio: https://www.kernel.org/doc/html/latest/driver-api/early-userspace/buffer-format.html (newc).
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from crosscourse import files
from crosscourse.formats.entries import Entry, check_name, with_parents
from crosscourse.run.environment import base_environment
from tasks.boot.host.prerequisites import SYSTEM

if TYPE_CHECKING:
    from crosscourse.engine.places import Places

MIB = 1 << 20
_SECTOR = 512
# In a master boot record: where its table of at most four partitions is, and Linux's number for one.
_TABLE, _MOST, _LINUX = 446, 4, 0x83


def environment() -> dict[str, str]:
    """An environment in which the tools for file systems are found."""
    env = base_environment()
    return {**env, "PATH": ":".join([env["PATH"], *SYSTEM])}


def make_ext4(image: Path, *, size: int, label: str, at: Places, folder: Path | None = None) -> None:
    """An ext4 file system of ``size`` bytes (sparse) that holds what is in ``folder``, all of it root's.

    Raises CommandError, DiskFullError.
    """
    with files.replacing(image) as partial:
        with partial.open("wb") as stream:
            stream.truncate(size)
        words: list[str | Path] = ["mke2fs", "-q", "-F", "-t", "ext4", "-O", "^has_journal", "-L", label]
        # By itself it takes small blocks for a small disk, which may grow later.
        words += ["-b", "4096", "-E", "root_owner=0:0,lazy_itable_init=1"]
        if folder is not None:
            words += ["-d", folder]
        at.run([*words, partial], env=environment())
        if folder is not None and os.getuid() != 0:
            _give_to_root(partial, folder, at)


def _give_to_root(image: Path, folder: Path, at: Places) -> None:
    """mke2fs copies the builder's user and group; in the guest nobody has that number."""
    script = at.scratch / f"{image.name}.debugfs"
    with script.open("w", encoding="utf-8", errors="surrogateescape") as stream:
        for top, folders, names in os.walk(folder):
            for name in (*folders, *names):
                # debugfs reads a line as a command, and a quote that is written twice as one.
                check_name(name)
                inside = str((Path(top) / name).relative_to(folder)).replace('"', '""')
                for key in ("uid", "gid"):
                    stream.write(f'set_inode_field "/{inside}" {key} 0\n')
    at.run(["debugfs", "-w", "-f", script, image], env=environment())


def size_of(folder: Path, *, room: int) -> int:
    """Bytes that a file system for ``folder`` needs, with ``room`` bytes left."""
    used = sum(path.lstat().st_size + 4096 for path in folder.rglob("*"))
    return (used * 11 // 10 + room) // MIB * MIB + MIB


def write_card(card: Path, images: Sequence[Path]) -> Path:
    """An SD card with partitions: copies of up to four disks. Its size is a power of two, as qemu wants it.

    Parts of the images that hold nothing hold nothing in the card. Returns ``card``.
    """
    assert len(images) <= _MOST
    table, place = [], MIB
    with files.replacing(card) as partial, partial.open("wb") as stream:
        for image in images:
            size = image.stat().st_size
            with image.open("rb") as source:
                for start, end in _held(source.fileno(), size):
                    _copy(source.fileno(), stream.fileno(), start, end - start, place + start)
            # Not by cylinders, which nobody asks for.
            table.append(struct.pack("<B3sB3sII", 0, b"", _LINUX, b"", place // _SECTOR, -(-size // _SECTOR)))
            place += -(-size // MIB) * MIB
        stream.truncate(1 << (place - 1).bit_length())
        os.pwrite(stream.fileno(), b"".join(table), _TABLE)
        os.pwrite(stream.fileno(), b"\x55\xaa", _SECTOR - 2)
    return card


def _held(descriptor: int, size: int) -> Iterator[tuple[int, int]]:
    """The parts of a sparse file that hold something: where each begins and ends."""
    end = 0
    while end < size:
        try:
            start = os.lseek(descriptor, end, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing more
                return
            raise
        end = os.lseek(descriptor, start, os.SEEK_HOLE)
        yield start, end


def _copy(source: int, target: int, start: int, count: int, place: int) -> None:
    while count:
        content = os.pread(source, min(count, MIB), start)
        os.pwrite(target, content, place)
        start, place, count = start + len(content), place + len(content), count - len(content)


def write_cpio(path: Path, entries: Iterable[Entry]) -> None:
    """An initial file system for the kernel (``newc``, not compressed: unpacking would take the guest longer)."""
    with files.replacing(path) as partial, partial.open("wb") as stream:
        number = 0
        for number, entry in enumerate(with_parents(entries), 1):
            content = _content(entry)
            kind = 0o120000 if entry.link is not None else 0o040000 if entry.source is None else 0o100000
            _write_member(stream, number, entry.name, kind | entry.mode, content)
        _write_member(stream, number + 1, "TRAILER!!!", 0, b"")


def _content(entry: Entry) -> bytes:
    if entry.link is not None:
        return entry.link.encode(errors="surrogateescape")
    if isinstance(entry.source, Path):
        return entry.source.read_bytes()
    return entry.source or b""


def _write_member(stream: BinaryIO, number: int, name: str, mode: int, content: bytes) -> None:
    encoded = name.encode(errors="surrogateescape") + b"\0"
    fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(encoded), 0)
    stream.write(b"070701" + b"".join(b"%08X" % value for value in fields) + encoded)
    _pad(stream)
    stream.write(content)
    _pad(stream)


def _pad(stream: BinaryIO) -> None:
    stream.write(b"\0" * (-stream.tell() % 4))
