"""What an ELF file asks of a loader: libraries, where to look for them, versions of symbols.

Sources: https://refspecs.linuxfoundation.org/elf/gabi4+/ch5.dynamic.html; versions of symbols,
https://refspecs.linuxfoundation.org/LSB_5.0.0/LSB-Core-generic/LSB-Core-generic/symversion.html.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from crosscourse.binaries.image import PT_DYNAMIC, Image, text_in

_NEEDED, _STRTAB, _STRSZ, _SONAME, _RPATH, _RUNPATH = 1, 5, 10, 14, 15, 29
_FLAGS_1, _VERDEF, _VERNEED = 0x6FFFFFFB, 0x6FFFFFFC, 0x6FFFFFFE
_DF_1_PIE = 0x08000000
_VER_FLG_BASE, _VER_FLG_WEAK = 1, 2
# Records of versions are looked for in so many bytes, and there are so many at most: the largest known have a tenth.
_MAX_BYTES = 1 << 16
_MAX_RECORDS = 1 << 11


@dataclass(frozen=True, kw_only=True)
class Dynamic:
    """What the dynamic section says.

    ``rpath``, ``runpath``: folders, as written. ``versions_needed``: of each library by the name it is needed under,
    the versions of symbols that must be there. ``versions``: those that this file itself defines. ``pie``: whether it
    calls itself a position-independent program.
    """

    needed: tuple[str, ...] = ()
    soname: str | None = None
    rpath: tuple[str, ...] = ()
    runpath: tuple[str, ...] = ()
    versions_needed: tuple[tuple[str, tuple[str, ...]], ...] = ()
    versions: tuple[str, ...] = ()
    pie: bool = False


def read_dynamic(image: Image) -> Dynamic:
    """The dynamic section, found by its segment; an empty one if there is none. Raises ValueError for a damaged one."""
    segment = next((each for each in image.segments if each.type == PT_DYNAMIC), None)
    if segment is None:
        return Dynamic()
    tags: dict[int, list[int]] = {}
    for tag, value in image.words(segment.offset, segment.size):
        if tag == 0:
            break
        tags.setdefault(tag, []).append(value)
    texts = _Texts(image, tags)
    flags = tags.get(_FLAGS_1, [0])[-1]
    return Dynamic(
        needed=tuple(map(texts.get, tags.get(_NEEDED, ()))),
        soname=next(map(texts.get, tags.get(_SONAME, ())), None),
        rpath=tuple(folder for at in tags.get(_RPATH, ()) for folder in texts.get(at).split(":") if folder),
        runpath=tuple(folder for at in tags.get(_RUNPATH, ()) for folder in texts.get(at).split(":") if folder),
        versions_needed=tuple(_needed(image, texts, tags[_VERNEED][-1])) if _VERNEED in tags else (),
        versions=tuple(_defined(image, texts, tags[_VERDEF][-1])) if _VERDEF in tags else (),
        pie=bool(flags & _DF_1_PIE),
    )


class _Texts:
    """The table of texts of a dynamic section, read when something of it is asked for."""

    def __init__(self, image: Image, tags: dict[int, list[int]]) -> None:
        self._image, self._tags = image, tags
        self._data: bytes | None = None

    def get(self, at: int) -> str:
        if self._data is None:
            if _STRTAB not in self._tags or _STRSZ not in self._tags:
                raise ValueError("the dynamic section has no table of texts")
            place = self._image.offset_of(self._tags[_STRTAB][-1])
            self._data = self._image.read(place, self._tags[_STRSZ][-1])
        return text_in(self._data, at)


def _records(image: Image, address: int) -> bytes:
    return image.at_address(address, _MAX_BYTES)


def _chain(data: bytes, layout: struct.Struct, at: int) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Records that each say, last, how far it is to the next one (0: there is none), and where each is."""
    while True:
        if at + layout.size > len(data):
            raise ValueError("the versions of symbols are cut off")
        values = layout.unpack_from(data, at)
        yield at, values
        if not values[-1]:
            return
        at += values[-1]


def _needed(image: Image, texts: _Texts, address: int) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Elfxx_Verneed and Elfxx_Vernaux. A weak need may be left open."""
    data = _records(image, address)
    need, aux = struct.Struct(image.sign + "2H3I"), struct.Struct(image.sign + "I2H2I")
    left = _MAX_RECORDS
    for at, (_, _, file, first, _) in _chain(data, need, 0):
        names = []
        for _, (_, flags, _, name, _) in _chain(data, aux, at + first):
            left -= 1
            if left < 0:  # chains that lead into each other would take for ever
                raise ValueError("too many versions of symbols")
            if not flags & _VER_FLG_WEAK:
                names.append(texts.get(name))
        yield texts.get(file), tuple(names)


def _defined(image: Image, texts: _Texts, address: int) -> Iterator[str]:
    """Elfxx_Verdef and the first Elfxx_Verdaux of each, its name. The base version is the library's own name."""
    data = _records(image, address)
    definition, aux = struct.Struct(image.sign + "4H3I"), struct.Struct(image.sign + "2I")
    for at, (_, flags, _, _, _, first, _) in _chain(data, definition, 0):
        if not flags & _VER_FLG_BASE:
            _, (name, _) = next(_chain(data, aux, at + first))
            yield texts.get(name)
