"""Archives depend on their content alone."""

import gzip
import os
import shutil
import stat
import subprocess
import tarfile
from pathlib import Path

import pytest

from crosscourse.archive import Entry, with_parents, write_tgz

ENTRIES = [
    Entry(name="top/bin/program", source=b"#!", mode=0o755),
    Entry(name="top/a", source=b"text"),
    Entry(name="top/link", link="a"),
    Entry(name="top/tmp", mode=0o1777),
]


def test_same_bytes_whatever_the_order_umask_and_time(tmp_path: Path) -> None:
    write_tgz(tmp_path / "one.tgz", ENTRIES, epoch=1000)
    before = os.umask(0o077)
    try:
        write_tgz(tmp_path / "two.tgz", reversed(ENTRIES), epoch=1000)
    finally:
        os.umask(before)
    assert (tmp_path / "one.tgz").read_bytes() == (tmp_path / "two.tgz").read_bytes()


def test_members(tmp_path: Path) -> None:
    write_tgz(tmp_path / "x.tgz", ENTRIES, epoch=1000)
    with tarfile.open(tmp_path / "x.tgz") as tar:
        members = {member.name: member for member in tar}
    assert list(members) == ["top", "top/a", "top/bin", "top/bin/program", "top/link", "top/tmp"]
    assert {m.mtime for m in members.values()} == {1000}
    assert {(m.uid, m.gid, m.uname, m.gname) for m in members.values()} == {(0, 0, "", "")}
    assert members["top/bin/program"].mode == 0o755
    assert members["top/tmp"].mode == 0o1777
    assert members["top/link"].linkname == "a"
    assert members["top"].isdir()


def test_same_bytes_whatever_the_number_of_threads(tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(b"".join(b"%d\n" % number for number in range(500_000)))
    entries = [*ENTRIES, Entry(name="large", source=large), Entry(name="zz", source=large)]
    for threads in (1, 2, 5):
        write_tgz(tmp_path / f"{threads}.tgz", entries, epoch=1000, threads=threads)
    assert len({(tmp_path / f"{threads}.tgz").read_bytes() for threads in (1, 2, 5)}) == 1


@pytest.mark.parametrize("as_bytes", [True, False])
def test_an_archive_in_an_archive_is_stored(tmp_path: Path, as_bytes: bool) -> None:
    inner = gzip.compress(os.urandom(100_000), mtime=0)
    (tmp_path / "inner").write_bytes(inner)
    source = inner if as_bytes else tmp_path / "inner"
    write_tgz(tmp_path / "x.tgz", [*ENTRIES, Entry(name="top/i.tgz", source=source)], epoch=0, threads=1)
    # As it is, but for the heads of stored blocks of less than 64 KiB (RFC 1951, 3.2.4).
    assert inner[:60_000] in (tmp_path / "x.tgz").read_bytes()
    with tarfile.open(tmp_path / "x.tgz") as tar:
        member = tar.extractfile("top/i.tgz")
        assert member is not None
        assert member.read() == inner
        assert len(tar.getmembers()) == 7


@pytest.mark.skipif(not shutil.which("tar"), reason="there is no tar")
def test_tar_reads_it(tmp_path: Path) -> None:
    content = os.urandom(3_000_000)
    write_tgz(tmp_path / "x.tgz", [*ENTRIES, Entry(name="zz", source=content)], epoch=0, threads=2)
    listed = subprocess.run(["tar", "-tzf", tmp_path / "x.tgz"], capture_output=True, text=True, check=True)
    assert listed.stdout.split() == ["top/", "top/a", "top/bin/", "top/bin/program", "top/link", "top/tmp/", "zz"]
    out = subprocess.run(["tar", "-xOzf", tmp_path / "x.tgz", "zz"], capture_output=True, check=True)
    assert out.stdout == content


def test_gzip_header_has_no_time_and_no_name(tmp_path: Path) -> None:
    write_tgz(tmp_path / "x.tgz", ENTRIES, epoch=1000)
    header = (tmp_path / "x.tgz").read_bytes()[:10]
    assert header[3] == 0  # no name, no comment (RFC 1952, 2.3.1)
    assert header[4:8] == b"\0\0\0\0"
    gzip.decompress((tmp_path / "x.tgz").read_bytes())


def test_file_content_comes_from_its_path(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"content")
    source.chmod(stat.S_IRUSR)
    write_tgz(tmp_path / "x.tgz", [Entry(name="f", source=source)], epoch=0)
    with tarfile.open(tmp_path / "x.tgz") as tar:
        member = tar.extractfile("f")
        assert member is not None
        assert member.read() == b"content"
        assert tar.getmember("f").mode == 0o644


def test_parents_come_before_children() -> None:
    names = [entry.name for entry in with_parents([Entry(name="a/b/c", source=b""), Entry(name="a.b", source=b"")])]
    assert names == ["a", "a/b", "a/b/c", "a.b"]
