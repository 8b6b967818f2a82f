"""The tables of an ELF file: header, segments, sections. Nothing outside the file is ever read, nor passed over.

Source: https://refspecs.linuxfoundation.org/elf/gabi4+/contents.html ("ELF Header", "Sections", "Program Header").
"""

from __future__ import annotations

import struct
from typing import IO, Literal, NamedTuple

PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
SHT_NULL, SHT_NOBITS = 0, 8
# What the header says of a table that is too long for its field: the first section says it then.
_PN_XNUM, _SHN_XINDEX = 0xFFFF, 0xFFFF
# A path or a name is no longer than this (limits.h, PATH_MAX), with the end of the text.
_MAX_TEXT = 4096


class Segment(NamedTuple):
    """An entry of the program header table; ``size``: in the file."""

    type: int
    flags: int
    offset: int
    address: int
    size: int


class Section(NamedTuple):
    """An entry of the section header table. ``name``: where it is in the table of names."""

    name: int
    type: int
    offset: int
    size: int
    link: int
    info: int


class _Format(NamedTuple):
    """Of one class: the header behind e_ident, an entry of the program header table, and one of sections."""

    header: str
    program: str
    section: str
    word: str


_FORMATS = {32: _Format("HHIIIIIHHHHHH", "8I", "10I", "I"), 64: _Format("HHIQQQIHHHHHH", "2I6Q", "2I4Q2I2Q", "Q")}
_IDENT = 16


class Image:
    """One ELF file. ``stream`` must be seekable.

    Raises ValueError if it is none, or if a header, segment or section lies outside of it.
    """

    class_: Literal[32, 64]
    endianness: Literal["little", "big"]

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.size = stream.seek(0, 2)
        ident = self.read(0, _IDENT)
        if not ident.startswith(b"\x7fELF"):
            raise ValueError("it does not begin as one")
        if ident[4] not in (1, 2) or ident[5] not in (1, 2):
            raise ValueError(f"the unknown class {ident[4]} or byte order {ident[5]}")
        self.class_, self.endianness = (32, 64)[ident[4] - 1], ("little", "big")[ident[5] - 1]
        self.sign = "<" if self.endianness == "little" else ">"
        self._format = _FORMATS[self.class_]
        header = struct.Struct(self.sign + self._format.header)
        values = header.unpack(self.read(_IDENT, header.size))
        self.type, self.machine, _, _, programs, sections, self.flags, _, *sizes = values
        self.sections = self._sections(sections, *sizes[2:4])
        self.segments = self._segments(programs, *sizes[0:2])
        self._names = self._name_table(sizes[4])

    def read(self, offset: int, size: int) -> bytes:
        """Exactly so many bytes. Raises ValueError where they are not all in the file."""
        self._require("what is read", offset, size)
        self._stream.seek(offset)
        return self._stream.read(size)

    def text(self, offset: int) -> str:
        """The text that begins there, up to its NUL. Raises ValueError if it does not end."""
        data = self.read(offset, max(min(_MAX_TEXT, self.size - offset), 0))
        return text_in(data, 0)

    def offset_of(self, address: int) -> int:
        """Where in the file a virtual address is. Raises ValueError if it is in no segment."""
        for segment in self.segments:
            if segment.type == PT_LOAD and 0 <= address - segment.address < segment.size:
                return segment.offset + address - segment.address
        raise ValueError(f"the address {address:#x} is in no segment")

    def at_address(self, address: int, size: int) -> bytes:
        """The bytes at a virtual address; fewer where the segment has fewer, none where there is no segment."""
        for segment in self.segments:
            inside = address - segment.address
            if segment.type == PT_LOAD and 0 <= inside < segment.size:
                return self.read(segment.offset + inside, min(size, segment.size - inside))
        return b""

    def section(self, name: str, type: int) -> Section | None:
        """The first section of that name and type."""
        wanted = name.encode() + b"\0"
        for section in self.sections:
            if section.type == type and self._names.startswith(wanted, section.name):
                return section
        return None

    def words(self, offset: int, size: int) -> list[tuple[int, int]]:
        """Pairs of words of the file's class; what is left behind the last whole one is passed over."""
        pair = struct.Struct(f"{self.sign}2{self._format.word}")
        data = self.read(offset, size)
        return list(pair.iter_unpack(data[: len(data) // pair.size * pair.size]))

    def _require(self, title: str, offset: int, size: int) -> None:
        if offset < 0 or size < 0 or offset + size > self.size:
            raise ValueError(f"cut off: {title} would end at byte {offset + size}, the file has {self.size} bytes")

    def _table(self, title: str, layout: str, offset: int, size: int, count: int) -> list[tuple[int, ...]]:
        """The entries of a table. It is known to lie in the file before any of it is read."""
        entry = struct.Struct(self.sign + layout)
        if size != entry.size:
            raise ValueError(f"{title} headers of {size} bytes instead of {entry.size}")
        self._require(f"the {title} headers", offset, size * count)
        return list(entry.iter_unpack(self.read(offset, size * count)))

    def _sections(self, offset: int, size: int, count: int) -> tuple[Section, ...]:
        if not offset:
            return ()
        layout = self._format.section
        if not count:
            count = self._table("section", layout, offset, size, 1)[0][5]
        rows = self._table("section", layout, offset, size, count)
        sections = tuple(Section(row[0], row[1], row[4], row[5], row[6], row[7]) for row in rows)
        for section in sections:
            if section.type not in (SHT_NULL, SHT_NOBITS):
                self._require("a section", section.offset, section.size)
        return sections

    def _segments(self, offset: int, size: int, count: int) -> tuple[Segment, ...]:
        if not offset:
            return ()
        if count == _PN_XNUM and self.sections:
            count = self.sections[0].info
        rows = self._table("program", self._format.program, offset, size, count)
        if self.class_ == 32:
            segments = tuple(Segment(row[0], row[6], row[1], row[2], row[4]) for row in rows)
        else:
            segments = tuple(Segment(row[0], row[1], row[2], row[3], row[5]) for row in rows)
        for segment in segments:
            if segment.type in (PT_LOAD, PT_DYNAMIC, PT_INTERP):
                self._require("a segment", segment.offset, segment.size)
        return segments

    def _name_table(self, index: int) -> bytes:
        if index == _SHN_XINDEX and self.sections:
            index = self.sections[0].link
        if not index or not self.sections:
            return b""
        if index >= len(self.sections):
            raise ValueError(f"the names of the sections are in section {index}, of {len(self.sections)}")
        names = self.sections[index]
        return self.read(names.offset, names.size) if names.type != SHT_NOBITS else b""


def text_in(data: bytes, at: int) -> str:
    """The text at a place of a table of texts, up to its NUL. Raises ValueError if it is not in it, or does not end."""
    end = data.find(b"\0", at)
    if not 0 <= at < len(data) or end < 0:
        raise ValueError(f"a text at {at} does not end in a table of {len(data)} bytes")
    return data[at:end].decode("utf-8", "surrogateescape")
