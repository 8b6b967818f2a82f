"""Reading of ELF files: facts only. What they ought to be is said by ``tasks.verify.rules``.

A distribution with root filesystems has thousands: each is read in a fraction of a millisecond, by its tables.
Sources: see ``image``, ``dynamic`` and ``armattributes``; e_flags of ARM,
https://github.com/ARM-software/abi-aa/blob/main/aaelf32/aaelf32.rst ("ELF header").
"""

from __future__ import annotations

import errno
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import IO, Literal

from crosscourse.binaries.armattributes import ArmAttributes, parse_arm_attributes
from crosscourse.binaries.dynamic import Dynamic, read_dynamic
from crosscourse.binaries.gobuildinfo import ALIGNMENT, GoBuildInfo, find_magic, parse_build_info
from crosscourse.binaries.image import PT_INTERP, PT_LOAD, Image
from crosscourse.errors import CrosscourseError

ELF_MAGIC = b"\x7fELF"
# e_machine and e_type, by their numbers.
_EM_ARM, _ET_EXEC = 40, 2
# e_flags of ARM. The float bits are only set by linkers that know the ABI of what they link: Go's own does not.
EABI_SHIFT = 24
FLOAT_SOFT = 0x200
FLOAT_HARD = 0x400
# Of p_flags, as in glibc's elf.h; types of sections.
PF_X, PF_W = 1, 2
_PROGBITS, _SYMTAB, _ARM_ATTRIBUTES = 1, 2, 0x70000003
CHUNK = 1 << 20
NOTHING = Dynamic()
"""What a file without a dynamic section asks of a loader."""


class ElfError(CrosscourseError):
    """A file that begins as an ELF file and can't be read as one: cut off or damaged."""

    def __init__(self, name: str, found: str) -> None:
        super().__init__(name, f"not a sound ELF file: {found}", "Remove the file and build it again.")


@dataclass(frozen=True, kw_only=True)
class ElfFacts:
    """What an ELF file says of itself.

    ``machine`` and ``type``: pyelftools's names (EM_…, ET_…; the number where there is no name).
    ``class_``: bits. ``eabi``: version in e_flags; None if not ARM. ``float_flags``: the float ABI in e_flags;
    None if not ARM or neither bit is set. ``interpreter``: of PT_INTERP. ``dynamic``: what it asks of a loader.
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
    dynamic: Dynamic = NOTHING
    program: bool = False
    stripped: bool = False
    go: GoBuildInfo | None = None

    @property
    def needed(self) -> tuple[str, ...]:
        """The libraries of DT_NEEDED."""
        return self.dynamic.needed

    @property
    def static(self) -> bool:
        """Needs no loader and no library; a static position-independent program counts."""
        return self.interpreter is None and not self.needed


def is_elf(header: bytes) -> bool:
    """Whether a file that starts with these bytes (4 are enough) is an ELF file."""
    return header.startswith(ELF_MAGIC)


def read_elf(stream: IO[bytes], name: str) -> ElfFacts:
    """The facts of an ELF file. ``stream`` must be seekable; ``name`` is what errors call it. Raises ElfError."""
    try:
        return _facts(Image(stream))
    except MemoryError:
        raise ElfError(name, "takes more memory to read than there is") from None
    except Exception as exc:
        # A broken disk is no damage of the file; to be sent where no file can be is (EINVAL).
        if isinstance(exc, OSError) and exc.errno not in (None, errno.EINVAL):
            raise
        raise ElfError(name, str(exc) or type(exc).__name__) from exc


def _facts(image: Image) -> ElfFacts:
    arm = image.machine == _EM_ARM
    interpreter = next((image.text(each.offset) for each in image.segments if each.type == PT_INTERP), None)
    dynamic = read_dynamic(image)
    attributes = next((each for each in image.sections if arm and each.type == _ARM_ATTRIBUTES), None)
    return ElfFacts(
        machine=_names("EM").get(image.machine, f"EM_{image.machine}"),
        class_=image.class_,
        endianness=image.endianness,
        type=_names("ET").get(image.type, f"ET_{image.type}"),
        flags=image.flags,
        eabi=image.flags >> EABI_SHIFT if arm else None,
        float_flags=_float_flags(image.flags) if arm else None,
        arm=parse_arm_attributes(image.read(attributes.offset, attributes.size), image.endianness)
        if attributes is not None
        else None,
        interpreter=interpreter,
        dynamic=dynamic if dynamic != NOTHING else NOTHING,
        program=image.type == _ET_EXEC or dynamic.pie,
        stripped=not any(section.type == _SYMTAB for section in image.sections),
        go=_go_build_info(image),
    )


@cache
def _names(kind: Literal["EM", "ET"]) -> dict[int, str]:
    from elftools.elf import enums

    names: Mapping[str, int] = enums.ENUM_E_MACHINE if kind == "EM" else enums.ENUM_E_TYPE
    return {number: name for name, number in names.items() if name.startswith(kind)}


def _float_flags(flags: int) -> Literal["hard", "soft", "both"] | None:
    hard, soft = bool(flags & FLOAT_HARD), bool(flags & FLOAT_SOFT)
    if hard and soft:
        return "both"
    return "hard" if hard else "soft" if soft else None


def _go_build_info(image: Image) -> GoBuildInfo | None:
    """Go's build information, looked for where Go's own reader does: its section, or else the first data segment."""
    section = image.section(".go.buildinfo", _PROGBITS)
    if section is not None:
        start, size = section.offset, section.size
        found = find_magic(image.read(start, size))
        if found < 0:
            raise ValueError("the section .go.buildinfo has no build information")
    else:
        data = next(
            (s for s in image.segments if s.type == PT_LOAD and s.flags & (PF_X | PF_W) == PF_W and s.size), None
        )
        if data is None:
            return None
        # The block is aligned in memory; the segment itself need not be.
        skip = -data.address % ALIGNMENT
        start, size = data.offset + skip, data.size - skip
        found = _search(image, start, size)
        if found < 0:
            return None
    return parse_build_info(image.read(start + found, size - found), image.at_address)


def _search(image: Image, start: int, size: int) -> int:
    """Where the magic is, or -1; in chunks, as a data segment may be large. Aligned, so never across two chunks."""
    for offset in range(0, max(size, 0), CHUNK):
        found = find_magic(image.read(start + offset, min(CHUNK, size - offset)))
        if found >= 0:
            return offset + found
    return -1
