"""Kernel modules: ELF files of a few hundred bytes, with a real section .modinfo."""

from __future__ import annotations

import lzma

import pytest
from elftools.common.exceptions import ELFError

from tasks.boot.guest.kernel_modules import ModuleError, dependencies, load_order, name_of, unpacked
from tests.unit.helpers_elf import build_elf


def module(depends: str | None) -> bytes:
    """A module that needs others; None: one whose section does not say."""
    rows = ["license=GPL", *([] if depends is None else [f"depends={depends}"]), "intree=Y", "parm=depends:a number"]
    content = b"".join(row.encode() + b"\0" for row in rows)
    # A section of another name in the helper; the table of names keeps its length.
    return build_elf(type=1, go=content).replace(b".go.buildinfo\0", b".modinfo\0".ljust(14, b"\0"))


def known(**needs: str) -> dict[str, bytes]:
    return {name: module(text) for name, text in needs.items()}


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("kernel/fs/ext4/ext4.ko", "ext4"),
        ("usr/lib/modules/6.1.0-9-armmp/kernel/fs/ext4/ext4.ko.xz", "ext4"),
        ("kernel/crypto/crc32c-generic.ko.xz", "crc32c_generic"),
        ("nf_log_syslog.ko", "nf_log_syslog"),
    ],
)
def test_a_module_is_named_by_its_file(path: str, name: str) -> None:
    assert name_of(path) == name


@pytest.mark.parametrize(
    ("depends", "expected"),
    [(None, []), ("", []), ("mbcache", ["mbcache"]), ("jbd2,crc-16", ["jbd2", "crc_16"])],
)
def test_a_module_says_what_it_needs(depends: str | None, expected: list[str]) -> None:
    assert dependencies(module(depends)) == expected


def test_a_file_without_the_section_needs_nothing() -> None:
    assert dependencies(build_elf()) == []


def test_what_is_no_elf_file_is_refused() -> None:
    with pytest.raises(ELFError):
        dependencies(b"text")


def test_unpacked_by_name() -> None:
    content = module("x")
    assert unpacked("a.ko.xz", lzma.compress(content)) == content
    assert unpacked("a.ko", content) == content


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (["ext4"], ["crc16", "jbd2", "mbcache", "ext4"]),
        (["mbcache", "ext4"], ["mbcache", "crc16", "jbd2", "ext4"]),
        (["ext4", "jbd2", "ext4"], ["crc16", "jbd2", "mbcache", "ext4"]),
        (["nf-nat"], ["nf_conntrack", "nf_nat"]),
        (["virtio_blk", "crc32c-generic"], ["virtio_blk"]),
        ([], []),
    ],
)
def test_each_after_what_it_needs(wanted: list[str], expected: list[str]) -> None:
    available = known(
        ext4="jbd2,mbcache", jbd2="crc16,crc32c-generic", crc16="", mbcache="", nf_nat="nf-conntrack",
        nf_conntrack="", virtio_blk="virtio",
    )  # fmt: skip
    assert load_order(wanted, available, ["crc32c-generic", "virtio"]) == expected


def test_what_is_built_in_is_not_loaded_even_if_there_is_a_file() -> None:
    assert load_order(["loop", "a"], known(loop="", a="loop"), ["loop"]) == ["a"]


def test_all_that_is_missing_is_named() -> None:
    with pytest.raises(ModuleError) as caught:
        load_order(["one-gone", "a", "two"], known(a="b", b="deep_gone"), [])
    assert caught.value.subject == "kernel modules one_gone, deep_gone, two"
    assert "[boot] modules" in caught.value.remedy


def test_what_is_missing_is_named_once() -> None:
    with pytest.raises(ModuleError) as caught:
        load_order(["a", "b", "gone"], known(a="gone", b="gone"), [])
    assert caught.value.subject == "kernel modules gone"
