"""Reading of ELF files: facts only. What they ought to be is said by ``tasks.verify.rules``.

Sources: the ELF header and segments, https://refspecs.linuxfoundation.org/elf/gabi4+/contents.html;
e_flags of ARM, https://github.com/ARM-software/abi-aa/blob/main/aaelf32/aaelf32.rst ("ELF header");
.ARM.attributes, https://github.com/ARM-software/abi-aa/blob/main/addenda32/addenda32.rst ("Build attributes").
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Literal

from crosscourse.binaries.gobuildinfo import ALIGNMENT, GoBuildInfo, find_magic, parse_build_info
from crosscourse.errors import CrosscourseError

if TYPE_CHECKING:
    from elftools.elf.elffile import ELFFile
    from elftools.elf.sections import Section
    from elftools.elf.segments import Segment

ELF_MAGIC = b"\x7fELF"
# e_flags of ARM. The float bits are only set by linkers that know the ABI of what they link: Go's own does not.
EABI_SHIFT = 24
FLOAT_SOFT = 0x200
FLOAT_HARD = 0x400
# Of DT_FLAGS_1 and of p_flags, as in glibc's elf.h.
DF_1_PIE = 0x08000000
PF_X, PF_W = 1, 2
SIZES = {32: (40, 32), 64: (64, 56)}
"""Sizes of an entry of the section and of the program header table, by class."""
CHUNK = 1 << 20

# addenda32, "Tag_CPU_arch" (6): name, and the architecture version that a CPU needs to run it.
# v6T2 counts as 7: what it adds to v6, Thumb-2, no ARMv6 CPU has but the ARM1156.
CPU_ARCHS: dict[int, tuple[str, int]] = {
    0: ("pre-v4", 3), 1: ("v4", 4), 2: ("v4T", 4), 3: ("v5T", 5), 4: ("v5TE", 5), 5: ("v5TEJ", 5), 6: ("v6", 6),
    7: ("v6KZ", 6), 8: ("v6T2", 7), 9: ("v6K", 6), 10: ("v7", 7), 11: ("v6-M", 6), 12: ("v6S-M", 6), 13: ("v7E-M", 7),
    14: ("v8-A", 8), 15: ("v8-R", 8), 16: ("v8-M.baseline", 8), 17: ("v8-M.mainline", 8), 18: ("v8.1-A", 8),
    19: ("v8.2-A", 8), 20: ("v8.3-A", 8), 21: ("v8.1-M.mainline", 8), 22: ("v9-A", 9),
}  # fmt: skip
# "Tag_FP_arch" (10): name, version, and how many double registers.
FP_ARCHS: dict[int, tuple[str, int, int]] = {
    0: ("none", 0, 0), 1: ("VFPv1", 1, 16), 2: ("VFPv2", 2, 16), 3: ("VFPv3", 3, 32), 4: ("VFPv3-D16", 3, 16),
    5: ("VFPv4", 4, 32), 6: ("VFPv4-D16", 4, 16), 7: ("ARMv8 FP", 5, 32), 8: ("ARMv8 FP-D16", 5, 16),
}  # fmt: skip
# "Tag_Advanced_SIMD_arch" (12).
SIMD_ARCHS = {0: "none", 1: "NEONv1", 2: "NEONv2", 3: "ARMv8 NEON", 4: "ARMv8.1 NEON"}
# "Tag_ABI_VFP_args" (28). 3: code that passes no floats at all fits both.
VFP_ARGS = {0: "soft", 1: "hard", 2: "toolchain-specific", 3: "either"}


class ElfError(CrosscourseError):
    """A file that begins as an ELF file and can't be read as one: cut off or damaged."""

    def __init__(self, name: str, found: str) -> None:
        super().__init__(name, f"not a sound ELF file: {found}", "Remove the file and build it again.")


@dataclass(frozen=True, kw_only=True)
class ArmAttributes:
    """What .ARM.attributes says of the whole file, in the numbers of the specification.

    ``cpu_arch``: None if the tag is missing. ``fp_arch`` and ``simd_arch`` default to 0, as the specification says.
    ``vfp_args``: None if the file says nothing of it: neither the tag nor that it uses floats at all
    (Tag_ABI_FP_number_model); start files written in assembler are like that.

    Mind that LLD (so zig too) writes the attributes of the first object file only, GNU ld those of all merged.
    """

    cpu_name: str = ""
    cpu_arch: int | None = None
    fp_arch: int = 0
    simd_arch: int = 0
    vfp_args: int | None = None

    @property
    def float_abi(self) -> str | None:
        """One of VFP_ARGS, or the number where it is an unknown one; None where the file says nothing of it."""
        return None if self.vfp_args is None else VFP_ARGS.get(self.vfp_args, f"Tag_ABI_VFP_args {self.vfp_args}")


@dataclass(frozen=True, kw_only=True)
class ElfFacts:
    """What an ELF file says of itself.

    ``machine`` and ``type``: pyelftools's names (EM_…, ET_…; the number where there is no name).
    ``class_``: bits. ``eabi``: version in e_flags; None if not ARM. ``float_flags``: the float ABI in e_flags;
    None if not ARM or neither bit is set. ``interpreter``: of PT_INTERP. ``needed``: the libraries of DT_NEEDED.
    ``program``: whether it can be told to be a program and not a library.
    """

    machine: str
    class_: int
    endianness: Literal["little", "big"]
    type: str
    flags: int = 0
    eabi: int | None = None
    float_flags: Literal["hard", "soft", "both"] | None = None
    arm: ArmAttributes | None = None
    interpreter: str | None = None
    needed: tuple[str, ...] = ()
    program: bool = False
    stripped: bool = False
    go: GoBuildInfo | None = None

    @property
    def static(self) -> bool:
        """Needs no loader and no library; a static position-independent program counts."""
        return self.interpreter is None and not self.needed


def is_elf(header: bytes) -> bool:
    """Whether a file that starts with these bytes (4 are enough) is an ELF file."""
    return header.startswith(ELF_MAGIC)


def read_elf(stream: IO[bytes], name: str) -> ElfFacts:
    """The facts of an ELF file. ``stream`` must be seekable; ``name`` is what errors call it. Raises ElfError."""
    from elftools.elf.elffile import ELFFile

    try:
        elf = ELFFile(stream)
        return _facts(elf, *_whole_tables(elf))
    except MemoryError:
        raise ElfError(name, "takes more memory to read than there is") from None
    except Exception as exc:
        # A broken disk is no damage of the file; to be sent where no file can be is (EINVAL).
        if isinstance(exc, OSError) and exc.errno not in (None, errno.EINVAL):
            raise
        # pyelftools answers damage with whatever comes up (its own errors, KeyError, UnicodeDecodeError, …).
        raise ElfError(name, str(exc) or type(exc).__name__) from exc


def _whole_tables(elf: ELFFile) -> tuple[list[Segment], list[Section]]:
    """The segments and sections, read once, as pyelftools keeps neither.

    Raises ValueError if a header, segment or section lies outside the file: pyelftools would pass over it.
    """
    section_size, segment_size = SIZES[elf.elfclass]
    tables = (("section", elf["e_shoff"], elf["e_shentsize"], section_size),
              ("program", elf["e_phoff"], elf["e_phentsize"], segment_size))  # fmt: skip
    for title, offset, found, expected in tables:
        if offset and found != expected:
            raise ValueError(f"{title} headers of {found} bytes instead of {expected}")
        if offset:
            _require(elf, f"the first {title} header", offset, expected)
    # The tables before what they list: a damaged count must not be followed.
    if elf["e_phoff"]:
        _require(elf, "the program headers", elf["e_phoff"], elf.num_segments() * segment_size)
    if elf["e_shoff"]:
        _require(elf, "the section headers", elf["e_shoff"], elf.num_sections() * section_size)
    segments = list(elf.iter_segments())
    for segment in segments:
        if segment["p_type"] == "PT_LOAD":
            _require(elf, "a segment", segment["p_offset"], segment["p_filesz"])
    # Without the condition, pyelftools would look for the number of sections in the file's header.
    sections = list(elf.iter_sections()) if elf["e_shoff"] else []
    for section in sections:
        if section["sh_type"] not in ("SHT_NOBITS", "SHT_NULL"):
            _require(elf, "a section", section["sh_offset"], section["sh_size"])
    return segments, sections


def _require(elf: ELFFile, title: str, offset: int, size: int) -> None:
    if offset + size > elf.stream_len:
        raise ValueError(f"cut off: {title} would end at byte {offset + size}, the file has {elf.stream_len} bytes")


def _facts(elf: ELFFile, segments: list[Segment], sections: list[Section]) -> ElfFacts:
    arm = elf["e_machine"] == "EM_ARM"
    flags = int(elf["e_flags"])
    interpreter = next((s.get_interp_name() for s in segments if s["p_type"] == "PT_INTERP"), None)  # type: ignore[attr-defined]
    needed, pie = _dynamic(segments)
    # By bytes and not through pyelftools's class, which follows the lengths in the attributes without bounds.
    attributes = next((_bytes(elf, s) for s in sections if arm and s["sh_type"] == "SHT_ARM_ATTRIBUTES"), None)
    endianness: Literal["little", "big"] = "little" if elf.little_endian else "big"
    return ElfFacts(
        machine=_name(elf["e_machine"], "EM"),
        class_=elf.elfclass,
        endianness=endianness,
        type=_name(elf["e_type"], "ET"),
        flags=flags,
        eabi=flags >> EABI_SHIFT if arm else None,
        float_flags=_float_flags(flags) if arm else None,
        arm=parse_arm_attributes(attributes, endianness) if attributes is not None else None,
        interpreter=interpreter,
        needed=needed,
        program=elf["e_type"] == "ET_EXEC" or pie,
        stripped=not any(section["sh_type"] == "SHT_SYMTAB" for section in sections),
        go=_go_build_info(elf, segments, sections),
    )


def _name(value: str | int, kind: str) -> str:
    return value if isinstance(value, str) else f"{kind}_{value}"


def _float_flags(flags: int) -> Literal["hard", "soft", "both"] | None:
    hard, soft = bool(flags & FLOAT_HARD), bool(flags & FLOAT_SOFT)
    if hard and soft:
        return "both"
    return "hard" if hard else "soft" if soft else None


def _dynamic(segments: list[Segment]) -> tuple[tuple[str, ...], bool]:
    """The needed libraries, and whether the file calls itself a position-independent program."""
    from elftools.elf.dynamic import DynamicSegment

    needed: list[str] = []
    pie = False
    for segment in segments:
        if isinstance(segment, DynamicSegment):
            for tag in segment.iter_tags():
                if tag.entry.d_tag == "DT_NEEDED":
                    needed.append(tag.needed)  # type: ignore[attr-defined]
                elif tag.entry.d_tag == "DT_FLAGS_1":
                    pie = bool(tag.entry.d_val & DF_1_PIE)
    return tuple(needed), pie


def _bytes(elf: ELFFile, section: Section) -> bytes:
    return _read(elf, section["sh_offset"], section["sh_size"])


def _read(elf: ELFFile, offset: int, size: int) -> bytes:
    elf.stream.seek(offset)
    return elf.stream.read(size)


def parse_arm_attributes(data: bytes, endianness: Literal["little", "big"]) -> ArmAttributes:
    """The file-wide attributes of vendor "aeabi" in the bytes of .ARM.attributes. Raises ValueError if malformed."""
    if data[:1] != b"A":
        raise ValueError(f".ARM.attributes of the unknown format {data[:1]!r}")
    tags: dict[int, int | str] = {}
    for vendor_data in _blocks(data, 1, 0, endianness):
        vendor, end, rest = vendor_data.partition(b"\0")
        if not end:
            raise ValueError(".ARM.attributes: a vendor's name does not end")
        if vendor == b"aeabi":
            for scope in _blocks(rest, 0, 1, endianness):
                # Scope 1 is the whole file; 2 and 3, single sections and symbols, are obsolete.
                if scope[0] == 1:
                    tags |= _tags(scope[1:])
    fp_arch, simd_arch, number_model = (int(tags.get(tag, 0)) for tag in (10, 12, 23))
    return ArmAttributes(
        cpu_name=str(tags.get(5, "")),
        cpu_arch=int(tags[6]) if 6 in tags else None,
        fp_arch=fp_arch,
        simd_arch=simd_arch,
        vfp_args=int(tags.get(28, 0)) if 28 in tags or number_model else None,
    )


def _blocks(data: bytes, at: int, before: int, endianness: Literal["little", "big"]) -> Iterator[bytes]:
    """Blocks of data that each tell their own size in 4 bytes, after ``before`` bytes that count and are kept."""
    while at < len(data):
        start = at + before + 4
        size = int.from_bytes(data[at + before : start], "little" if endianness == "little" else "big")
        if size < before + 4 or at + size > len(data):
            raise ValueError(f".ARM.attributes: a block of {size} bytes where {len(data) - at} are left")
        yield data[at : at + before] + data[start : at + size]
        at += size


def _tags(data: bytes) -> dict[int, int | str]:
    """Numbers and strings by tag. Which it is: 4, 5 and odd ones above 32 are strings, 32 is both."""
    tags: dict[int, int | str] = {}
    at = 0
    while at < len(data):
        tag, at = _uleb128(data, at)
        value: int | str = 0
        if tag not in (4, 5) and not (tag > 32 and tag % 2):
            value, at = _uleb128(data, at)
        if tag in (4, 5, 32) or (tag > 32 and tag % 2):
            end = data.index(b"\0", at)
            value, at = data[at:end].decode(errors="replace"), end + 1
        tags[tag] = value
    return tags


def _uleb128(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data):
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if data[at - 1] < 0x80:
            return value, at
    raise ValueError(".ARM.attributes: a number does not end")


def _go_build_info(elf: ELFFile, segments: list[Segment], sections: list[Section]) -> GoBuildInfo | None:
    """Go's build information, looked for where Go's own reader does: its section, or else the first data segment."""
    loads = [s for s in segments if s["p_type"] == "PT_LOAD"]

    def read_address(address: int, size: int) -> bytes:
        for load in loads:
            inside = address - load["p_vaddr"]
            if 0 <= inside < load["p_filesz"]:
                return _read(elf, load["p_offset"] + inside, min(size, load["p_filesz"] - inside))
        return b""

    section = next((s for s in sections if s.name == ".go.buildinfo" and s["sh_type"] == "SHT_PROGBITS"), None)
    if section is not None:
        start, size = section["sh_offset"], section["sh_size"]
        found = find_magic(_bytes(elf, section))
        if found < 0:
            raise ValueError("the section .go.buildinfo has no build information")
    else:
        data = next((s for s in loads if s["p_flags"] & (PF_X | PF_W) == PF_W and s["p_filesz"]), None)
        if data is None:
            return None
        start, size = data["p_offset"], data["p_filesz"]
        # The block is aligned in memory; the segment itself need not be.
        skip = -data["p_vaddr"] % ALIGNMENT
        start, size = start + skip, size - skip
        found = _search(elf, start, size)
        if found < 0:
            return None
    return parse_build_info(_read(elf, start + found, size - found), read_address)


def _search(elf: ELFFile, start: int, size: int) -> int:
    """Where the magic is, or -1; in chunks, as a data segment may be large. Aligned, so never across two chunks."""
    for offset in range(0, max(size, 0), CHUNK):
        found = find_magic(_read(elf, start + offset, min(CHUNK, size - offset)))
        if found >= 0:
            return offset + found
    return -1
