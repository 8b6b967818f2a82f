"""What .ARM.attributes says of the CPU that code was made for, and how it passes floats.

Source: https://github.com/ARM-software/abi-aa/blob/main/addenda32/addenda32.rst ("Build attributes").
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

# "Tag_CPU_arch" (6): name, and the architecture version that a CPU needs to run it.
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
