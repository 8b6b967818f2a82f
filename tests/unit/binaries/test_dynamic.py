"""What tiny ELF files made by hand ask of a loader, and damage of that."""

from __future__ import annotations

import io
from typing import Any

import pytest

from crosscourse.binaries.dynamic import Dynamic
from crosscourse.binaries.elf import ElfError, read_elf
from tests.unit.helpers_elf import AARCH64, build_elf

EVERYTHING: dict[str, Any] = {
    "type": 3,
    "needed": ("libc.so.6", "libm.so.6"),
    "soname": "libx.so.1",
    "rpath": "/a:$ORIGIN/b",
    "runpath": "/c::/d",
    "versions": ("X_1", "X_2"),
    "versions_needed": {"libc.so.6": ("GLIBC_2.4", "?GLIBC_9"), "libm.so.6": ("GLIBC_2.35",)},
    "pie": True,
}


def dynamic(content: bytes) -> Dynamic:
    return read_elf(io.BytesIO(content), "bin/x").dynamic


@pytest.mark.parametrize(
    "kind", [{}, {"order": "big"}, {"bits": 64, "machine": AARCH64, "tags": None}, {"section_headers": False}]
)
def test_everything(kind: dict[str, Any]) -> None:
    assert dynamic(build_elf(**EVERYTHING, **kind)) == Dynamic(
        needed=("libc.so.6", "libm.so.6"),
        soname="libx.so.1",
        rpath=("/a", "$ORIGIN/b"),
        runpath=("/c", "/d"),
        versions_needed=(("libc.so.6", ("GLIBC_2.4",)), ("libm.so.6", ("GLIBC_2.35",))),
        versions=("X_1", "X_2"),
        pie=True,
    )


def test_a_static_file_asks_for_nothing() -> None:
    assert dynamic(build_elf()) == Dynamic()
    assert dynamic(build_elf(pie=True)) == Dynamic(pie=True)


WHOLE = build_elf(**EVERYTHING)


@pytest.mark.parametrize("text", [b"libx.so.1\0", b"GLIBC_2.35\0"])
def test_a_text_that_does_not_end(text: bytes) -> None:
    """All from there to the end of the table of texts has no NUL."""
    at = WHOLE.index(b"\0" + text) + 1
    end = WHOLE.index(b"GLIBC_2.35\0") + len(b"GLIBC_2.35\0")
    with pytest.raises(ElfError, match="does not end in a table"):
        dynamic(WHOLE[:at] + b"x" * (end - at) + WHOLE[end:])


def test_versions_without_an_end() -> None:
    """The first need's step to the next is far, or so short that records lie in each other."""
    at = WHOLE.index(b"\x01\0\x02\0") + 12
    with pytest.raises(ElfError, match="versions of symbols are cut off"):
        dynamic(WHOLE[:at] + b"\xff\xff\0\0" + WHOLE[at + 4 :])


def test_versions_that_lead_into_each_other_end() -> None:
    """Chains that share their records would take the square of the time: there is a bound for all together."""
    long = build_elf(needed=("a",), versions_needed={"a": tuple(f"V{number}" for number in range(2100))})
    with pytest.raises(ElfError, match="too many versions"):
        dynamic(long)


def test_texts_that_are_nowhere() -> None:
    """DT_STRTAB, which DT_STRSZ comes behind, with an address that is in no segment."""
    place = next(
        offset
        for offset in range(0, len(WHOLE) - 8, 4)
        if WHOLE[offset : offset + 4] == b"\5\0\0\0" and WHOLE[offset + 8 : offset + 12] == b"\n\0\0\0"
    )
    with pytest.raises(ElfError, match="the address 0xffffffff is in no segment"):
        dynamic(WHOLE[: place + 4] + b"\xff\xff\xff\xff" + WHOLE[place + 8 :])
