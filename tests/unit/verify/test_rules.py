"""Each rule with files that meet it and files that do not."""

from __future__ import annotations

import dataclasses
import io
from typing import Any

import msgspec
import pytest

from crosscourse.binaries.elf import read_elf
from tasks.verify.engine import Contents, Finding, Rule, Subject, check_contents
from tasks.verify.rules.table import RULES
from tests.unit.helpers_elf import AARCH64, ARM, HARD, X86_64, build_elf, go_block
from tests.unit.verify import test_trees
from toolchains.targets import Expected, get_target

ARMV7 = get_target("armv7").expected
ARMV6 = msgspec.structs.replace(ARMV7, goarm=6, elf=msgspec.structs.replace(ARMV7.elf, cpu=6))
ARMV5 = msgspec.structs.replace(ARMV7, goarm=5, elf=msgspec.structs.replace(ARMV7.elf, cpu=5, float_abi="soft"))
ARMV8 = msgspec.structs.replace(ARMV7, elf=msgspec.structs.replace(ARMV7.elf, cpu=8))
AMD64 = get_target("amd64").expected
ARM64 = get_target("arm64").expected
C: dict[str, Any] = {"machine": ARM, "flags": 0x5000400, "tags": HARD}
GO: dict[str, Any] = {"machine": ARM, "flags": 0x5000002, "tags": None}
X86: dict[str, Any] = {"machine": X86_64, "bits": 64, "flags": 0, "tags": None}


def go(goarm: str) -> dict[str, Any]:
    """As Go's own linker makes it: no float bits, no attributes."""
    return GO | {"go": go_block({"GOARCH": "arm", "GOOS": "linux", "GOARM": goarm})}


def go_amd64(level: str) -> dict[str, Any]:
    return X86 | {"go": go_block({"GOARCH": "amd64", "GOOS": "linux", "GOAMD64": level})}


def old_go(version: str = "go1.12.7") -> bytes:
    return go_block(version=version)


def subject(made: dict[str, Any], path: str = "bin/x") -> Subject:
    made = dict(made)
    mode = made.pop("mode", 0o755)
    return Subject(path=path, mode=mode, facts=read_elf(io.BytesIO(build_elf(**made)), path))


def broken(target: Expected, made: dict[str, Any], *, own: bool = True) -> dict[str, str]:
    """The rules that a file breaks, and what each found. ``own``: made by us, not by Debian."""
    contents = Contents(files=(dataclasses.replace(subject(made), own=own),))
    violations = check_contents(contents, target, RULES)
    assert all(violation.file == "bin/x" and violation.expected and violation.why for violation in violations)
    return {violation.rule: violation.found for violation in violations}


def dynamic(*versions: str, needed: tuple[str, ...] = ("libc.so.6",), more: dict[str, Any] = C) -> dict[str, Any]:
    """A program that is linked dynamically, against these versions of symbols of glibc."""
    loader = {"interpreter": "/lib/ld-linux-armhf.so.3", "needed": needed}
    return more | loader | {"versions_needed": {"libc.so.6": versions} if versions else {}}


PROMISED = msgspec.structs.replace(ARMV7, glibc="2.34")


@pytest.mark.parametrize(
    ("target", "made", "expected"),
    [
        (PROMISED, C, {}),
        (PROMISED, dynamic("GLIBC_2.4", "GLIBC_2.34"), {}),
        (PROMISED, dynamic("GLIBC_2.4", needed=("libm.so.6", "libc.so.6", "ld-linux-armhf.so.3")), {}),
        # 2.4 is older than 2.34, 2.4.1 is newer than 2.4, 2.100 than 2.34.
        (PROMISED, dynamic("GLIBC_2.4", "GLIBC_2.36", "GLIBC_2.35"), {"glibc": "GLIBC_2.36"}),
        (PROMISED, dynamic("GLIBC_2.100"), {"glibc": "GLIBC_2.100"}),
        (msgspec.structs.replace(ARMV7, glibc="2.4"), dynamic("GLIBC_2.4.1"), {"glibc": "GLIBC_2.4.1"}),
        (PROMISED, dynamic("GLIBC_PRIVATE"), {"glibc": "GLIBC_PRIVATE"}),
        (PROMISED, dynamic(), {"glibc": "cannot be told: no versions of symbols"}),
        (
            PROMISED,
            dynamic("GLIBC_2.4", needed=("libc.so.6", "libseccomp.so.2")),
            {"static": "loader /lib/ld-linux-armhf.so.3, needs libseccomp.so.2"},
        ),
        (
            ARMV7,
            dynamic("GLIBC_2.4"),
            {"static": "loader /lib/ld-linux-armhf.so.3, needs libc.so.6"},
        ),
    ],
)
def test_a_promise_of_glibc(target: Expected, made: dict[str, Any], expected: dict[str, str]) -> None:
    assert broken(target, made) == expected


@pytest.mark.parametrize(
    ("target", "made"),
    [
        (ARMV7, C),
        (ARMV7, C | {"type": 3, "pie": True}),
        (ARMV7, C | {"tags": HARD | {28: 3}}),
        (ARMV7, C | {"tags": {6: 10, 10: 4}}),
        (ARMV7, C | {"tags": {6: 9, 10: 2, 23: 3, 28: 1}}),
        (ARMV7, C | {"tags": {6: 6, 28: 3}, "flags": 0x5000000}),
        (ARMV7, go("7")),
        (ARMV7, go("6")),
        (ARMV7, go("5,hardfloat")),
        (ARMV7, go("7") | {"flags": 0x5000400, "tags": HARD}),
        (ARMV7, C | {"type": 3, "mode": 0o644}),
        (ARMV6, go("6")),
        (ARMV6, C | {"tags": {6: 7, 10: 2, 28: 1}}),
        (ARMV5, go("5")),
        (ARMV5, C | {"flags": 0x5000200, "tags": {6: 4, 23: 3}}),
        (ARMV8, C | {"tags": {6: 14, 10: 7, 12: 3, 28: 1}}),
        (AMD64, X86),
        (AMD64, go_amd64("v1")),
        (AMD64, X86 | {"go": old_go()}),
        (ARM64, X86 | {"machine": AARCH64}),
    ],
)
def test_files_that_are_right(target: Expected, made: dict[str, Any]) -> None:
    assert broken(target, made) == {}


BROKEN: list[tuple[str, Expected, dict[str, Any], str]] = [
    ("machine", ARMV7, X86, "EM_X86_64"),
    ("machine", ARMV7, {"machine": 3, "tags": None}, "EM_386"),
    ("machine", AMD64, X86 | {"machine": AARCH64}, "EM_AARCH64"),
    ("class", ARMV7, X86, "64 bit"),
    ("class", AMD64, X86 | {"bits": 32}, "32 bit"),
    ("endianness", ARMV7, C | {"order": "big"}, "big"),
    ("type", ARMV7, C | {"type": 1}, "ET_REL"),
    ("type", ARMV7, C | {"type": 4}, "ET_CORE"),
    ("eabi-version", ARMV7, C | {"flags": 0x4000400}, "version 4"),
    ("eabi-version", ARMV7, C | {"flags": 0x400}, "none"),
    ("float-abi", ARMV7, C | {"flags": 0x5000200, "tags": {6: 10, 23: 3}}, "soft (e_flags), soft (.ARM.attributes)"),
    ("float-abi", ARMV7, C | {"tags": {6: 10, 23: 3}}, "hard (e_flags), soft (.ARM.attributes)"),
    ("float-abi", ARMV7, C | {"flags": 0x5000200}, "soft (e_flags), hard (.ARM.attributes)"),
    ("float-abi", ARMV7, C | {"flags": 0x5000600}, "both (e_flags), hard (.ARM.attributes)"),
    ("float-abi", ARMV7, C | {"tags": HARD | {28: 2}}, "hard (e_flags), toolchain-specific (.ARM.attributes)"),
    ("float-abi", ARMV7, C | {"flags": 0x5000000, "tags": {6: 10}}, "cannot be told"),
    ("float-abi", ARMV7, GO, "cannot be told"),
    ("float-abi", ARMV7, GO | {"go": old_go()}, "cannot be told"),
    ("float-abi", ARMV7, go("5"), "soft (GOARM=5)"),
    ("float-abi", ARMV7, go("7,softfloat"), "soft (GOARM=7,softfloat)"),
    ("float-abi", ARMV7, go("5") | {"flags": 0x5000400}, "hard (e_flags), soft (GOARM=5)"),
    ("float-abi", ARMV7, go("seven"), "cannot be told"),
    ("float-abi", ARMV7, go("7,hardboiled"), "cannot be told"),
    ("float-abi", ARMV5, go("7"), "hard (GOARM=7)"),
    ("cpu-arch", ARMV7, C | {"tags": HARD | {6: 14}}, "ARMv8-A"),
    ("cpu-arch", ARMV6, C | {"tags": {6: 8, 28: 1}}, "ARMv6T2"),
    ("cpu-arch", ARMV5, C | {"tags": {6: 6}}, "ARMv6"),
    ("cpu-arch", ARMV7, C | {"tags": HARD | {6: 99}}, "cannot be told: Tag_CPU_arch 99"),
    ("cpu-arch", ARMV7, C | {"tags": {28: 1}}, "cannot be told"),
    ("cpu-arch", ARMV7, GO, "cannot be told"),
    ("fp-arch", ARMV7, C | {"tags": HARD | {10: 3}}, "VFPv3 (32 double registers)"),
    ("fp-arch", ARMV7, C | {"tags": HARD | {10: 6}}, "VFPv4-D16 (16 double registers)"),
    ("fp-arch", ARMV7, C | {"tags": HARD | {10: 77}}, "cannot be told: Tag_FP_arch 77"),
    ("fp-arch", ARMV6, C | {"tags": {6: 6, 10: 4, 28: 1}}, "VFPv3-D16 (16 double registers)"),
    ("fp-arch", ARMV5, C | {"tags": {6: 5, 10: 1}}, "VFPv1 (16 double registers)"),
    ("neon", ARMV7, C | {"tags": HARD | {12: 1}}, "NEONv1"),
    ("neon", ARMV7, C | {"tags": HARD | {12: 44}}, "Tag_Advanced_SIMD_arch 44"),
    ("go-platform", ARMV7, GO | {"go": go_block({"GOARCH": "arm", "GOOS": "android"})}, "GOOS=android"),
    ("go-platform", AMD64, X86 | {"go": go_block({"GOARCH": "386", "GOOS": "js"})}, "GOOS=js, GOARCH=386"),
    ("goarm", ARMV6, go("7"), "7"),
    ("goarm", ARMV5, go("6,softfloat"), "6,softfloat"),
    ("goarm", ARMV7, C | {"go": old_go()}, "cannot be told: go1.12.7 recorded no GOARM"),
    ("goarm", ARMV7, go("seven"), "cannot be told: GOARM=seven"),
    ("goamd64", AMD64, go_amd64("v2"), "v2"),
    ("goamd64", AMD64, go_amd64("w1"), "cannot be told: GOAMD64=w1"),
    ("goamd64", AMD64, X86 | {"go": go_block({})}, "cannot be told: go1.26.8 recorded no GOAMD64"),
    ("goamd64", AMD64, X86 | {"go": old_go("devel +abc")}, "cannot be told: devel +abc recorded no GOAMD64"),
    ("static", ARMV7, C | {"interpreter": "/lib/ld.so"}, "loader /lib/ld.so"),
    ("static", ARMV7, C | {"needed": ("libc.so.6", "libm.so.6")}, "needs libc.so.6, needs libm.so.6"),
    ("executable", ARMV7, C | {"mode": 0o644}, "mode 0644"),
    ("executable", ARMV7, C | {"mode": 0o750}, "mode 0750"),
    ("executable", ARMV7, C | {"type": 3, "pie": True, "mode": 0o600}, "mode 0600"),
]


@pytest.mark.parametrize(("rule", "target", "made", "found"), BROKEN)
def test_files_that_break_a_rule(rule: str, target: Expected, made: dict[str, Any], found: str) -> None:
    violations = broken(target, made)
    assert rule in violations
    assert violations[rule].startswith(found)


SOFT: dict[str, Any] = C | {"flags": 0x5000200, "tags": {6: 4, 23: 3}}


@pytest.mark.parametrize(
    ("target", "made", "own", "rules"),
    [
        ("armv6", SOFT, False, set()),
        ("armv6", SOFT, True, {"float-abi"}),
        ("armv6", C | {"tags": {6: 7, 10: 2, 23: 3, 28: 1}}, True, set()),
        ("armv6", C | {"tags": {6: 7, 10: 2, 23: 3, 28: 1}}, False, {"float-abi"}),
        ("armv6", SOFT | {"tags": {6: 10, 23: 3}}, False, {"cpu-arch"}),
        ("armv6", go("5"), False, set()),
        ("armv7", SOFT, False, {"float-abi"}),
        ("armv7", C | {"tags": HARD | {6: 14}}, False, set()),
    ],
)
def test_a_tree_may_be_of_another_float_abi_and_of_no_newer_cpu(
    target: str, made: dict[str, Any], own: bool, rules: set[str]
) -> None:
    assert broken(get_target(target).expected, made, own=own).keys() == rules


@pytest.mark.parametrize(
    ("path", "own", "breaks"),
    [
        ("r/rootfs.tgz!/usr/lib/arm-linux-gnueabi/libatomic.so.1.2.0", False, False),
        ("r/rootfs.tgz!/usr/lib/arm-linux-gnueabi/libatomic.so.1.2.0", True, True),
        ("r/rootfs.tgz!/usr/lib/arm-linux-gnueabi/libc.so.6", False, True),
    ],
)
def test_what_chooses_by_the_processor_may_have_code_for_newer_ones(path: str, own: bool, breaks: bool) -> None:
    made = dataclasses.replace(subject(SOFT | {"tags": {6: 10, 23: 3}}, path), own=own)
    found = check_contents(Contents(files=(made,)), get_target("armv6").expected, RULES)
    assert ("cpu-arch" in {violation.rule for violation in found}) == breaks


def test_every_rule_has_a_case_and_an_explanation() -> None:
    of_trees = {rule for _, expected in test_trees.BROKEN for _, rule in expected}
    assert {rule for rule, *_ in BROKEN} | of_trees | {"not-empty", "readable", "embedded", "glibc"} == {
        rule.id for rule in RULES
    }
    assert len({rule.id for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert rule.title
        assert rule.why.endswith((".", ")"))


def test_a_wrong_machine_is_not_reported_as_wrong_arm() -> None:
    assert broken(ARMV7, X86) == {"machine": "EM_X86_64", "class": "64 bit"}
    assert broken(AMD64, C) == {"machine": "EM_ARM", "class": "32 bit"}


def test_only_what_is_broken_is_reported() -> None:
    assert broken(ARMV7, C | {"tags": HARD | {10: 3}}).keys() == {"fp-arch"}
    assert broken(ARMV6, go("7")).keys() == {"goarm"}


def test_what_a_rule_says_is_shown_so_that_a_terminal_obeys_none() -> None:
    rule = Rule(
        id="x", title="x", why="x", check=lambda _contents, _target: iter([("x", Finding("\x1b[2J", "\udcff"))])
    )
    (violation,) = check_contents(Contents(), ARMV7, (rule,))
    assert (violation.found, violation.expected) == (r"\x1b[2J", r"\udcff")
