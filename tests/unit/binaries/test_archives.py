"""Archives of every shape: nested, packed, linked, empty, cut off, damaged."""

from __future__ import annotations

import bz2
import errno
import gzip
import lzma
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from crosscourse.binaries import archives as inspect
from crosscourse.binaries.archives import ArchiveError
from crosscourse.errors import CrosscourseError
from tasks.verify.engine import VerifyReport, verify_archive
from tasks.verify.rules.table import RULES
from tests.unit.helpers_elf import X86_64, Member, build_elf, tar
from toolchains.targets import get_target

ARMV7 = get_target("armv7").expected
GOOD = build_elf()
WRONG = build_elf(machine=X86_64, bits=64, flags=0, tags=None)


def verify(folder: Path, content: bytes) -> VerifyReport:
    path = folder / "d.tgz"
    path.write_bytes(content)
    return verify_archive(path, ARMV7, RULES)


def found_in(report: VerifyReport) -> list[str]:
    return [file.path for file in report.files]


def test_a_good_distribution(tmp_path: Path) -> None:
    report = verify(tmp_path, gzip.compress(tar(("c/bin/a", GOOD), ("c/README", b"text"), ("c/bin/b", GOOD))))
    assert (found_in(report), report.violations) == (["c/bin/a", "c/bin/b"], ())
    assert (report.archive, report.target, report.machines) == ("d.tgz", "armv7", {"EM_ARM": 2})
    assert report.rules == RULES


@pytest.mark.parametrize(
    "members", [(), (("c/README", b"text"),), (("rootfs.tgz", gzip.compress(tar())),)], ids=["empty", "text", "nested"]
)
def test_nothing_to_check_is_a_violation(tmp_path: Path, members: tuple[Member, ...]) -> None:
    report = verify(tmp_path, gzip.compress(tar(*members)))
    assert [violation.rule for violation in report.violations] == ["not-empty"]


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("name", ["rootfs.tgz", "rootfs.tar", "data"])
def test_nested_archives_by_content(tmp_path: Path, pack: Callable[[bytes], bytes], name: str) -> None:
    inner = pack(tar(("./opt/resource/check", WRONG), ("etc/passwd", b"")))
    middle = pack(tar((name, inner), ("in/the/middle", GOOD)))
    report = verify(tmp_path, pack(tar((f"c/x/{name}", middle), ("c/bin/last", GOOD))))
    inside = f"c/x/{name}!/{name}!/opt/resource/check"
    assert found_in(report) == [inside, f"c/x/{name}!/in/the/middle", "c/bin/last"]
    assert {violation.file for violation in report.violations} == {inside}


def test_elf_files_are_found_by_content_and_not_by_name(tmp_path: Path) -> None:
    report = verify(tmp_path, gzip.compress(tar(("doc.txt", GOOD), ("a.tgz", GOOD), ("bin/tool", b"#!/bin/sh\n"))))
    assert found_in(report) == ["doc.txt", "a.tgz"]


def test_packed_text_is_no_archive(tmp_path: Path) -> None:
    odd = [("m.1.gz", gzip.compress(b"manual")), ("broken.gz", b"\x1f\x8bnot really"), ("e.bz2", b"BZh")]
    assert found_in(verify(tmp_path, gzip.compress(tar(("bin/x", GOOD), *odd)))) == ["bin/x"]


def test_links_are_not_files(tmp_path: Path) -> None:
    links = (("s", "bin/x", tarfile.SYMTYPE), ("h", "bin/x", tarfile.LNKTYPE), ("gone", "nowhere", tarfile.SYMTYPE))
    report = verify(tmp_path, gzip.compress(tar(("./bin/x", GOOD), links=links)))
    assert (found_in(report), report.violations) == (["bin/x"], ())


def test_a_hard_link_to_nothing(tmp_path: Path) -> None:
    report = verify(tmp_path, gzip.compress(tar(("bin/x", GOOD), links=(("h", "bin/y", tarfile.LNKTYPE),))))
    assert [(v.file, v.rule) for v in report.violations] == [("h", "readable")]
    assert "bin/y" in report.violations[0].found


def test_all_violations_of_all_files_in_a_stable_order(tmp_path: Path) -> None:
    members = (("z", WRONG), ("cut", GOOD[:100]), ("a", build_elf(flags=0x4000200)), ("good", GOOD))
    report = verify(tmp_path, gzip.compress(tar(*members)))
    assert [(violation.file, violation.rule) for violation in report.violations] == [
        ("a", "eabi-version"), ("a", "float-abi"), ("cut", "readable"), ("z", "machine"), ("z", "class"),
    ]  # fmt: skip


def test_a_large_file_goes_through_a_temporary_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspect, "IN_MEMORY", 64)
    assert found_in(verify(tmp_path, gzip.compress(tar(("bin/x", GOOD))))) == ["bin/x"]


PLAIN = tar(("a", b"x" * 600), ("bin/x", GOOD), ("b", b"y" * 600))
PACKED = gzip.compress(PLAIN, mtime=0)
SECOND_HEADER = 512 + 1024


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no archive at all" * 100,
        PLAIN[:300],
        PLAIN[:700],
        PLAIN[:SECOND_HEADER],
        PLAIN[: SECOND_HEADER + 100],
        PLAIN[:SECOND_HEADER] + b"?" * 512 + PLAIN[SECOND_HEADER + 512 :],
        PACKED[:20],
        PACKED[:-9],
        PACKED[:-1],
        PACKED[:-8] + b"\0\0\0\0" + PACKED[-4:],
        gzip.compress(b"text"),
        gzip.compress(PLAIN[:SECOND_HEADER]),
        bz2.compress(PLAIN)[:-4],
        bz2.compress(PLAIN)[:30] + b"????" + bz2.compress(PLAIN)[34:],
        lzma.compress(PLAIN)[:-4],
    ],
    ids=range(16),
)
@pytest.mark.parametrize("nested", [False, True])
def test_a_damaged_archive_is_an_error_with_its_name(tmp_path: Path, content: bytes, nested: bool) -> None:
    name = r"d\.tgz!/c/rootfs\.tgz: " if nested else r"d\.tgz: "
    outer = gzip.compress(tar(("bin/x", GOOD), ("c/rootfs.tgz", content))) if nested else content
    with pytest.raises(CrosscourseError, match=name + "cut off"):
        verify(tmp_path, outer)


def test_the_damaged_archive_is_named_and_not_one_inside_it(tmp_path: Path) -> None:
    # Noise, so that the outer archive is cut in the middle of the inner one.
    noise = bytes((at * at * 7919 >> 5) & 0xFF for at in range(200_000))
    packed = gzip.compress(tar(("c/rootfs.tgz", gzip.compress(tar(("a", noise))))))
    with pytest.raises(ArchiveError, match=r"d\.tgz: cut off"):
        verify(tmp_path, packed[: len(packed) // 2])


def test_no_archive_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match=r"none\.tgz: there is no such archive\n.*doit build"):
        verify_archive(tmp_path / "none.tgz", ARMV7, RULES)
    with pytest.raises(ArchiveError):
        verify_archive(tmp_path, ARMV7, RULES)


def test_a_full_disk_is_not_called_a_damaged_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("crosscourse.binaries.archives.shutil.copyfileobj", full)
    with pytest.raises(OSError, match="No space"):
        verify(tmp_path, gzip.compress(tar(("bin/x", GOOD))))


def test_a_disk_that_cannot_be_read_is_not_called_a_damaged_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("crosscourse.binaries.archives.igzip.IGzipFile.read", broken)
    with pytest.raises(OSError, match="Input/output"):
        verify(tmp_path, gzip.compress(tar(("bin/x", GOOD))))
