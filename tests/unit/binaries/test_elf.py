"""Facts of tiny ELF files made by hand, and of damaged ones."""

from __future__ import annotations

import io
import os
import random
from pathlib import Path
from typing import Any

import pytest

from crosscourse.binaries.armattributes import ArmAttributes, parse_arm_attributes
from crosscourse.binaries.elf import ElfError, ElfFacts, is_elf, read_elf
from tests.unit.helpers_elf import AARCH64, ARM, HARD, X86_64, arm_attributes, build_elf, go_block


def facts(content: bytes) -> ElfFacts:
    return read_elf(io.BytesIO(content), "bin/x")


def test_everything_of_an_arm_program() -> None:
    assert facts(build_elf(tags=HARD | {5: "cortex-a15", 12: 2})) == ElfFacts(
        machine="EM_ARM",
        class_=32,
        endianness="little",
        type="ET_EXEC",
        flags=0x5000400,
        eabi=5,
        float_flags="hard",
        arm=ArmAttributes(cpu_name="cortex-a15", cpu_arch=10, fp_arch=4, simd_arch=2, vfp_args=1),
        program=True,
        stripped=True,
    )


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        ({"machine": ARM}, {"machine": "EM_ARM", "eabi": 5}),
        ({"machine": AARCH64, "bits": 64}, {"machine": "EM_AARCH64", "class_": 64, "eabi": None, "arm": None}),
        ({"machine": X86_64, "bits": 64, "flags": 0x400}, {"machine": "EM_X86_64", "float_flags": None, "arm": None}),
        ({"machine": 0x1234}, {"machine": "EM_4660"}),
        ({"order": "big"}, {"endianness": "big", "arm": ArmAttributes(cpu_arch=10, fp_arch=4, vfp_args=1)}),
        ({"bits": 64, "order": "big", "machine": 22}, {"machine": "EM_S390", "class_": 64, "endianness": "big"}),
        ({"type": 1}, {"type": "ET_REL", "program": False}),
        ({"type": 3}, {"type": "ET_DYN", "program": False}),
        ({"type": 3, "pie": True}, {"type": "ET_DYN", "program": True, "static": True}),
        ({"flags": 0x5000002}, {"eabi": 5, "float_flags": None}),
        ({"flags": 0x4000200}, {"eabi": 4, "float_flags": "soft"}),
        ({"flags": 0x600}, {"eabi": 0, "float_flags": "both"}),
        ({"tags": None}, {"arm": None}),
        ({"interpreter": "/lib/ld.so.1"}, {"interpreter": "/lib/ld.so.1", "static": False}),
        ({"needed": ("libc.so.6", "libm.so.6")}, {"needed": ("libc.so.6", "libm.so.6"), "static": False}),
        ({"needed": ("a.so",), "bits": 64, "machine": AARCH64}, {"needed": ("a.so",), "interpreter": None}),
        ({"symbols": True}, {"stripped": False}),
        ({"go": None}, {"go": None}),
        ({"section_headers": False}, {"arm": None, "stripped": True, "static": True}),
    ],
)
def test_facts(made: dict[str, Any], expected: dict[str, Any]) -> None:
    found = facts(build_elf(**made))
    assert {name: getattr(found, name) for name in expected} == expected


@pytest.mark.parametrize(
    "made",
    [
        {"go": go_block({"GOARM": "7"})},
        {"data": go_block({"GOARM": "7"})},
        {"data": go_block({"GOARM": "7"}), "section_headers": False},
        {"data": b"\0" * 5 + go_block()[:14] + b"\0" * 13 + go_block({"GOARM": "7"})},
        {"data": b"\0" * (1 << 20) + go_block({"GOARM": "7"})},
    ],
    ids=["section", "data segment", "no sections", "after a misaligned one", "in the second chunk"],
)
def test_go_build_info_is_found(made: dict[str, Any]) -> None:
    go = facts(build_elf(**made)).go
    assert go is not None
    assert go.settings == {"GOARM": "7"}


@pytest.mark.parametrize(
    ("tags", "vfp_args", "float_abi"),
    [
        ({28: 1}, 1, "hard"),
        ({28: 0}, 0, "soft"),
        ({23: 3}, 0, "soft"),
        ({6: 10}, None, None),
        ({28: 2}, 2, "toolchain-specific"),
        ({28: 3}, 3, "either"),
        ({28: 9}, 9, "Tag_ABI_VFP_args 9"),
    ],
)
def test_float_abi_of_attributes(tags: dict[int, int | str], vfp_args: int | None, float_abi: str | None) -> None:
    found = parse_arm_attributes(arm_attributes(tags), "little")
    assert (found.vfp_args, found.float_abi) == (vfp_args, float_abi)


def test_attributes_of_every_form() -> None:
    """Strings (4, 5, 65, 67), numbers of two bytes, and 32, which is a number and a string."""
    data = arm_attributes({4: "raw", 5: "name", 67: "2.09", 65: "\x06\x0b", 70: 300, 6: 14, 32: (1, "\x06\x07")})
    assert parse_arm_attributes(data, "little") == ArmAttributes(cpu_name="name", cpu_arch=14)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "unknown format"),
        (b"B\0\0\0\0", "unknown format"),
        (b"A\0\0\0\0", "block of 0 bytes"),
        (b"A\xff\0\0\0aeabi\0", "block of 255 bytes"),
        (b"A\x09\0\0\0aeabi", "name does not end"),
        (b"A\x0f\0\0\0aeabi\0\1\0\0\0\0", "block of 0 bytes"),
        (b"A\x11\0\0\0aeabi\0\1\7\0\0\0\6\x80", "number does not end"),
    ],
)
def test_damaged_attributes(data: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_arm_attributes(data, "little")


WHOLE = build_elf(needed=("libc.so.6",), interpreter="/lib/ld.so", pie=True, go=go_block({"GOARM": "7"}), symbols=True)


def test_every_cut_is_an_error_with_the_name() -> None:
    for length in range(4, len(WHOLE)):
        with pytest.raises(ElfError, match=r"^bin/x: not a sound ELF file: ."):
            facts(WHOLE[:length])
    assert facts(WHOLE).go


def test_a_cut_segment_and_a_cut_section() -> None:
    """Neither is needed to read the facts, so the reader has to look."""
    content = build_elf(section_headers=False, data=b"code" * 10)
    with pytest.raises(ElfError, match="cut off: a segment would end at byte"):
        facts(content[:-1])
    content = build_elf(tags=None, symbols=True)
    # sh_size of the first section after the empty one.
    at = int.from_bytes(content[32:36], "little") + 40 + 20
    with pytest.raises(ElfError, match="cut off: a section would end at byte"):
        facts(content[:at] + b"\xf0\xff" + content[at + 2 :])


@pytest.mark.parametrize(
    ("at", "message"),
    [(42, "program headers of 255 bytes instead of 32"), (46, "section headers of 255 bytes instead of 40"),
     (50, "the names of the sections are in section 255, of ")],
)  # fmt: skip
def test_a_header_that_says_something_odd_of_the_tables(at: int, message: str) -> None:
    """e_phentsize, e_shentsize, e_shstrndx."""
    with pytest.raises(ElfError, match=message):
        facts(WHOLE[:at] + b"\xff\0" + WHOLE[at + 2 :])


def test_an_address_before_the_first_segment() -> None:
    """DT_STRTAB, the second word of the entry with the tag 5, below BASE."""
    tag = next(at for at in range(0, len(WHOLE), 4) if WHOLE[at : at + 4] == b"\5\0\0\0" and WHOLE[at + 8] == 10)
    with pytest.raises(ElfError, match="the address 0xfff is in no segment"):
        facts(WHOLE[: tag + 4] + b"\xff\x0f\0\0" + WHOLE[tag + 8 :])


def test_no_damage_is_a_traceback_or_a_hang() -> None:
    errors = 0
    for at in range(4, len(WHOLE)):
        try:
            facts(WHOLE[:at] + bytes([WHOLE[at] ^ 0xFF]) + WHOLE[at + 1 :])
        except ElfError:
            errors += 1
    assert errors > 100


SEED = int(os.environ.get("SEED") or 9)


def test_no_damage_of_numbers_is_a_traceback_or_a_hang(tmp_path: Path) -> None:
    """Fields of headers at random, in memory and in a file, where a seek to nowhere is an error of the system."""
    chance = random.Random(SEED)  # noqa: S311  # to be repeated
    errors = 0
    for number in range(200):
        content = bytearray(chance.choice((WHOLE, build_elf(go=go_block({"GOARM": "7"})))))
        for _ in range(chance.choice((1, 2, 8))):
            at, size = chance.randrange(4, len(content) - 8), chance.choice((1, 2, 4, 8))
            content[at : at + size] = chance.choice((b"\xff", b"\0", b"\x7f", b"\x80")) * size
        (tmp_path / "x").write_bytes(content)
        with (tmp_path / "x").open("rb") as stream:
            for source in (stream, io.BytesIO(content)):
                try:
                    read_elf(source, "bin/x")
                except ElfError:
                    errors += 1
                except Exception as error:
                    pytest.fail(f"seed {SEED}, number {number}: {error!r}")
    assert errors > 50


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ({"go": b"\0" * 64}, r"\.go\.buildinfo has no build information"),
        ({"go": go_block({"GOARM": "7"})[:50]}, "bytes where"),
    ],
)
def test_damaged_build_information(made: dict[str, Any], message: str) -> None:
    with pytest.raises(ElfError, match=message):
        facts(build_elf(**made))


@pytest.mark.parametrize(("header", "expected"), [(WHOLE, True), (b"\x7fELF", True), (b"\x7fEL", False), (b"", False)])
def test_is_elf(header: bytes, expected: bool) -> None:
    assert is_elf(header) is expected
