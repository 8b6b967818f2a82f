"""Tiny ELF files made by hand, so that the tests need neither compiler nor Go."""

from __future__ import annotations

import io
import struct
import tarfile
from collections.abc import Mapping
from typing import Literal

from crosscourse.binaries.gobuildinfo import MAGIC

ARM, AARCH64, X86_64 = 40, 183, 62
BASE = 0x10000
HARD = {6: 10, 10: 4, 23: 3, 28: 1}
"""The tags that zig writes for the target armv7: v7, VFPv3-D16, IEEE numbers, floats in VFP registers."""


def uleb128(number: int) -> bytes:
    low, number = number & 0x7F, number >> 7
    return bytes([low]) if not number else bytes([low | 0x80]) + uleb128(number)


Tags = Mapping[int, int | str | tuple[int, str]]


def arm_attributes(tags: Tags, order: Literal["little", "big"] = "little") -> bytes:
    """A section .ARM.attributes with these tags for the whole file, after one of another vendor."""

    def encode(value: int | str | tuple[int, str]) -> bytes:
        if isinstance(value, tuple):
            return encode(value[0]) + encode(value[1])
        return uleb128(value) if isinstance(value, int) else value.encode() + b"\0"

    values = b"".join(uleb128(tag) + encode(value) for tag, value in tags.items())
    scope = b"\1" + (len(values) + 5).to_bytes(4, order) + values
    vendors = [b"other\0\1\6\0\0\0\0", b"aeabi\0" + scope]
    return b"A" + b"".join((len(vendor) + 4).to_bytes(4, order) + vendor for vendor in vendors)


def go_text(settings: Mapping[str, str]) -> str:
    """Module information as Go writes it, without the frame."""
    lines = ["path\texample.test/hi/cmd", "mod\texample.test/hi\tv1.2.3\th1:sum=", "dep\texample.test/dep\tv0.1.0\t"]
    return "".join(f"{line}\n" for line in [*lines, *(f"build\t{key}={value}" for key, value in settings.items())])


def framed(text: str) -> bytes:
    return b"<" * 16 + text.encode() + b">" * 16


def go_block(settings: Mapping[str, str] | None = None, version: str = "go1.26.8") -> bytes:
    """Build information in the format since Go 1.18; without settings, that of a program without modules."""
    modules = b"" if settings is None else framed(go_text(settings))
    header = (MAGIC + b"\0\2").ljust(32, b"\0")
    return header + b"".join(uleb128(len(part)) + part for part in (version.encode(), modules))


def version_definitions(sign: str, names: list[int]) -> bytes:
    """Elfxx_Verdef, each with its Elfxx_Verdaux; the first is the base version."""
    return b"".join(
        struct.pack(f"{sign}4H3I", 1, index == 0, index + 1, 1, 0, 20, 28 if index < len(names) - 1 else 0)
        + struct.pack(f"{sign}2I", name, 0)
        for index, name in enumerate(names)
    )


def version_needs(sign: str, wanted: Mapping[int, list[tuple[int, int]]]) -> bytes:
    """Elfxx_Verneed, each with its Elfxx_Vernaux: names of versions, with flags."""
    content = b""
    for index, (library, versions) in enumerate(wanted.items()):
        further = 16 + 16 * len(versions) if index < len(wanted) - 1 else 0
        content += struct.pack(f"{sign}2H3I", 1, len(versions), library, 16, further)
        for number, (name, flags) in enumerate(versions):
            content += struct.pack(f"{sign}I2H2I", 0, flags, 2, name, 16 if number < len(versions) - 1 else 0)
    return content


def build_elf(
    *,
    machine: int = ARM,
    bits: Literal[32, 64] = 32,
    order: Literal["little", "big"] = "little",
    type: int = 2,
    flags: int = 0x5000400,
    tags: Tags | None = HARD,
    interpreter: str | None = None,
    needed: tuple[str, ...] = (),
    soname: str | None = None,
    rpath: str | None = None,
    runpath: str | None = None,
    versions: tuple[str, ...] = (),
    versions_needed: Mapping[str, tuple[str, ...]] = {},
    pie: bool = False,
    go: bytes | None = None,
    symbols: bool = False,
    data: bytes = b"",
    section_headers: bool = True,
) -> bytes:
    """An ELF file whose bytes are one writable segment at BASE; ``data`` lies at the first multiple of 16 in it.

    ``versions``: that it defines. ``versions_needed``: of each library; a name that begins with ``?`` is a weak need.
    """
    sign = "<" if order == "little" else ">"
    word = "I" if bits == 32 else "Q"
    header_size, program_size = (52, 32) if bits == 32 else (64, 56)
    texts = [*needed, *filter(None, (soname, rpath, runpath)), *versions, *versions_needed]
    texts += [name.lstrip("?") for names in versions_needed.values() for name in names]
    strings = b"\0" + b"".join(name.encode() + b"\0" for name in texts)

    def text(name: str) -> int:
        return strings.index(b"\0" + name.encode() + b"\0") + 1

    image = bytearray(-(-(header_size + 3 * program_size) // 16) * 16)

    def add(content: bytes) -> int:
        image.extend(b"\0" * (-len(image) % 16))
        offset = len(image)
        image.extend(content)
        return offset

    add(data)
    parts: list[tuple[str, int, int, int]] = []  # name, type, offset, size
    programs: list[tuple[int, int, int]] = []  # type, offset, size
    if interpreter is not None:
        content = interpreter.encode() + b"\0"
        programs.append((3, add(content), len(content)))
    if texts or pie:
        strings_at = BASE + add(strings)
        entries = [(1, text(name)) for name in needed]
        entries += [(tag, text(name)) for tag, name in ((14, soname), (15, rpath), (29, runpath)) if name]
        if versions:
            entries += [(0x6FFFFFFC, BASE + add(version_definitions(sign, [1, *map(text, versions)])))]
        if versions_needed:
            wanted = {
                text(library): [(text(name.lstrip("?")), 2 if name.startswith("?") else 0) for name in names]
                for library, names in versions_needed.items()
            }
            entries += [(0x6FFFFFFE, BASE + add(version_needs(sign, wanted)))]
        entries += [(5, strings_at), (10, len(strings)), *([(0x6FFFFFFB, 0x08000000)] if pie else []), (0, 0)]
        content = b"".join(struct.pack(f"{sign}2{word}", *entry) for entry in entries)
        programs.append((2, add(content), len(content)))
    for name, number, part in (
        (".ARM.attributes", 0x70000003, arm_attributes(tags, order) if tags is not None else None),
        (".go.buildinfo", 1, go),
        (".symtab", 2, b"\0" * 16 if symbols else None),
    ):
        if part is not None:
            parts.append((name, number, add(part), len(part)))

    names = b"\0" + b"".join(name.encode() + b"\0" for name, *_ in parts) + b".shstrtab\0"
    names_at = add(names)
    parts.append((".shstrtab", 3, names_at, len(names)))
    programs.insert(0, (1, 0, len(image)))
    sections_at = 0
    if section_headers:
        table = b"\0" * (40 if bits == 32 else 64)
        for name, number, offset, size in parts:
            at = names.index(b"\0" + name.encode() + b"\0") + 1
            entry_size = 16 if number == 2 else 0
            fields = (at, number, 0, 0, offset, size, len(parts), 0, 1, entry_size)
            table += struct.pack(f"{sign}2I4{word}2I2{word}", *fields)
        sections_at = add(table)
    ident = b"\x7fELF" + bytes([1 if bits == 32 else 2, 1 if order == "little" else 2, 1]).ljust(12, b"\0")
    image[:header_size] = ident + struct.pack(
        f"{sign}2HI3{word}I6H", type, machine, 1, BASE, header_size, sections_at, flags, header_size,
        program_size, len(programs), 40 if bits == 32 else 64,
        len(parts) + 1 if section_headers else 0, len(parts) if section_headers else 0,
    )  # fmt: skip
    for index, (number, offset, size) in enumerate(programs):
        middle = (offset, BASE + offset, BASE + offset, size, size)
        at = header_size + index * program_size
        image[at : at + program_size] = (
            struct.pack(f"{sign}8I", number, *middle, 6, 16)
            if bits == 32
            else struct.pack(f"{sign}2I6Q", number, 6, *middle, 16)
        )
    return bytes(image)


Member = tuple[str, bytes]


def tar(*members: Member, links: tuple[tuple[str, str, bytes], ...] = ()) -> bytes:
    """A plain tar of executable files, and then of links (name, where to, kind)."""
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.mode, info.size = 0o755, len(content)
            archive.addfile(info, io.BytesIO(content))
        for name, target, kind in links:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            archive.addfile(info)
    return output.getvalue()


def member(name: str, content: bytes = b"", **fields: int | bytes | str) -> tarfile.TarInfo:
    """A member for ``tar_of``: a file of mode 0644, or with ``type`` something else; ``fields`` as TarInfo has them."""
    info = tarfile.TarInfo(name)
    info.mode, info.size = 0o644, len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    return info


def tar_of(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    """A plain tar of members with their contents."""
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w") as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return output.getvalue()
