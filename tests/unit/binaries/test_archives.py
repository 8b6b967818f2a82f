"""Archives of every shape: nested, packed, linked, empty, cut off, damaged."""

from __future__ import annotations

import bz2
import errno
import gzip
import lzma
import os
import random
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from crosscourse.binaries import archives as inspect
from crosscourse.binaries import unpacking
from crosscourse.binaries.unpacking import ArchiveError
from crosscourse.errors import CrosscourseError
from tasks.verify.engine import VerifyReport
from tasks.verify.report.text import render
from tasks.verify.rules.table import RULES
from tasks.verify.verdict import verify_archive
from tests.unit.helpers_elf import X86_64, Member, build_elf, tar
from toolchains.targets import get_target

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

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


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress, zstd.compress])
@pytest.mark.parametrize("name", ["inner.tgz", "inner.tar", "data"])
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


def base256(archive: bytes, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    """The archive with another size and kind in its first header, and the sum of that."""
    header = bytearray(archive[:512])
    header[124:136] = (b"\xff" if size < 0 else b"\x80") + (size % (1 << 88)).to_bytes(11, "big")
    header[156:157] = kind
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + archive[512:]


SECOND_HEADER = 512 + 1024


DAMAGED = [
    PLAIN[:300],
    PLAIN[:700],
    PLAIN[:SECOND_HEADER],
    PLAIN[: SECOND_HEADER + 100],
    PLAIN[:SECOND_HEADER] + b"?" * 512 + PLAIN[SECOND_HEADER + 512 :],
    PACKED[:20],
    PACKED[:-9],
    PACKED[:-1],
    PACKED[:-8] + b"\0\0\0\0" + PACKED[-4:],
    PACKED[:11] + b"\xff" * 9 + PACKED[20:],
    gzip.compress(PLAIN[:SECOND_HEADER]),
    bz2.compress(PLAIN)[:-4],
    bz2.compress(PLAIN)[:30] + b"????" + bz2.compress(PLAIN)[34:],
    lzma.compress(PLAIN)[:-4],
    lzma.compress(PLAIN)[:20] + b"????" + lzma.compress(PLAIN)[24:],
    zstd.compress(PLAIN)[:-4],
    zstd.compress(PLAIN)[:20],
    # A member of -512 bytes, as GNU tar writes large numbers: who believes it reads the same header for ever.
    base256(PLAIN, -512),
    base256(tar(("x", b"")), 1 << 40, tarfile.XHDTYPE),
    base256(tar(("x", b"")), 1 << 40, tarfile.GNUTYPE_LONGNAME),
    base256(tar(("x", b"a" * (2 << 20)), ("y", b"")), 2 << 20, tarfile.GNUTYPE_LONGNAME),
]
NO_ARCHIVES = [b"", b"no archive at all" * 100, gzip.compress(b"text"), zstd.compress(b"text")]


@pytest.mark.parametrize("content", [*DAMAGED, *NO_ARCHIVES], ids=range(len(DAMAGED) + len(NO_ARCHIVES)))
def test_a_damaged_archive_is_an_error_with_its_name(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ArchiveError, match=r"d\.tgz: cut off"):
        verify(tmp_path, content)


@pytest.mark.parametrize("content", DAMAGED, ids=range(len(DAMAGED)))
def test_a_damaged_archive_in_another_is_a_violation_and_the_rest_is_looked_at(tmp_path: Path, content: bytes) -> None:
    report = verify(tmp_path, gzip.compress(tar(("bin/x", GOOD), ("c/notes", content), ("bin/y", GOOD))))
    assert [(violation.file, violation.rule) for violation in report.violations] == [("c/notes", "readable")]
    assert {"bin/x", "bin/y"} <= set(found_in(report))


@pytest.mark.parametrize("content", NO_ARCHIVES, ids=range(len(NO_ARCHIVES)))
@pytest.mark.parametrize("name", ["notes.tar", "notes.tgz", "notes.tar.zst", "notes"])
def test_what_is_no_archive_is_none_whatever_it_is_called(tmp_path: Path, content: bytes, name: str) -> None:
    report = verify(tmp_path, gzip.compress(tar(("bin/x", GOOD), (name, content))))
    assert (found_in(report), report.violations) == (["bin/x"], ())


def nested(levels: int, content: bytes = WRONG) -> bytes:
    for _ in range(levels):
        content = gzip.compress(tar(("x", content)), mtime=0)
    return content


@pytest.mark.parametrize("levels", [2, 7, 8, 9, 300])
def test_archives_deep_in_each_other(tmp_path: Path, levels: int) -> None:
    """In one: that many. What is too deep is said; it is never passed over."""
    report = verify(tmp_path, nested(levels))
    looked_into = levels <= inspect.MAX_DEPTH
    assert [violation.rule for violation in report.violations] == (
        ["machine", "class"] if looked_into else ["readable"]
    )
    assert looked_into or "not looked into" in report.violations[0].found


@pytest.mark.parametrize("levels", [1, 3, 300])
@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress])
def test_packed_more_than_once(tmp_path: Path, pack: Callable[[bytes], bytes], levels: int) -> None:
    content = tar(("bin/y", GOOD))
    for _ in range(levels):
        content = pack(content)
    report = verify(tmp_path, gzip.compress(tar(("bin/x", GOOD), ("c/notes", content))))
    if levels <= inspect.MAX_DEPTH:
        assert (found_in(report), report.violations) == (["bin/x", "c/notes!/bin/y"], ())
    else:
        assert [violation.rule for violation in report.violations] == ["readable"]


@pytest.mark.parametrize("pack", [bz2.compress, lzma.compress, zstd.compress])
def test_a_small_archive_of_much_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pack: Callable[[bytes], bytes]
) -> None:
    monkeypatch.setattr(unpacking, "UNSUSPICIOUS", 1 << 20)
    bomb = pack(tar(("zeros", bytes(8 << 20))))
    assert len(bomb) < 20_000
    report = verify(tmp_path, gzip.compress(tar(("bin/x", GOOD), ("c/bomb", bomb), ("bin/y", GOOD))))
    assert [(violation.file, violation.rule) for violation in report.violations] == [("c/bomb", "readable")]
    assert "250 times" in report.violations[0].found
    assert found_in(report) == ["bin/x", "bin/y"]


def test_all_archives_together_have_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspect, "Budget", lambda: unpacking.Budget(bytes=1 << 20))
    part = gzip.compress(tar(("a", bytes(600_000))))
    with pytest.raises(ArchiveError, match=r"unpacks, with what was before it, to more than"):
        verify(tmp_path, gzip.compress(tar(("1.tgz", part), ("2.tgz", part), ("bin/x", GOOD))))


def test_the_number_of_members_has_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspect, "Budget", lambda: unpacking.Budget(members=3))
    verify(tmp_path, gzip.compress(tar(("1", b""), ("2", b""), ("bin/x", GOOD))))
    with pytest.raises(ArchiveError, match="members"):
        verify(tmp_path, gzip.compress(tar(("1", b""), ("2", b""), ("3", b""), ("bin/x", GOOD))))


def test_a_sparse_file_of_a_terabyte(tmp_path: Path) -> None:
    (tmp_path / "hole").touch()
    os.truncate(tmp_path / "hole", 1 << 40)
    with (tmp_path / "hole").open("r+b") as stream:
        stream.write(GOOD)
    if not shutil.which("tar"):
        pytest.skip("there is no tar")
    for kind in ("gnu", "pax"):
        command = ["tar", "--sparse", f"--format={kind}", "-cf", str(tmp_path / "x.tar"), "hole"]
        subprocess.run(command, cwd=tmp_path, check=True)
        report = verify(tmp_path, gzip.compress((tmp_path / "x.tar").read_bytes()))
        assert [violation.rule for violation in report.violations] == ["readable"]
        assert "not looked into" in report.violations[0].found


def test_names_are_shown_so_that_a_terminal_obeys_none(tmp_path: Path) -> None:
    report = verify(tmp_path, gzip.compress(tar(("bin/\x1b[2J\udcff", WRONG))))
    assert found_in(report) == [r"bin/\x1b[2J\udcff"]
    assert render(report).encode().isascii()


SEED = int(os.environ.get("SEED") or 9)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress, zstd.compress])
def test_flipped_bytes_end_with_a_verdict(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    """Any damage of a distribution is a report or an error of ours; seeds are in the environment variable SEED."""
    chance = random.Random(SEED)  # noqa: S311  # no secret
    inner = pack(tar(("opt/x", GOOD), ("opt/long" * 40, b"x" * 700), links=(("l", "opt/x", tarfile.LNKTYPE),)))
    whole = pack(tar(("bin/x", build_elf()), ("c/inner", inner), ("bin/y", GOOD)))
    for number in range(150):
        damaged = bytearray(whole)
        for _ in range(chance.choice((1, 1, 2, 8))):
            at = chance.randrange(len(damaged))
            damaged[at] = chance.choice((0, 255, damaged[at] ^ 1 << chance.randrange(8)))
        if chance.random() < 0.2:
            del damaged[chance.randrange(len(damaged)) :]
        try:
            verify(tmp_path, bytes(damaged))
        except CrosscourseError:
            pass
        except Exception as error:
            pytest.fail(f"seed {SEED}, number {number}: {error!r}")


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

    monkeypatch.setattr("crosscourse.binaries.unpacking.igzip.IGzipFile.read", broken)
    with pytest.raises(OSError, match="Input/output"):
        verify(tmp_path, gzip.compress(tar(("bin/x", GOOD))))
