"""Zip archives as others read them, and the same bytes each time."""

import os
import time
import zipfile
from pathlib import Path

import pytest

from crosscourse.formats.entries import Entry, PlaceError
from crosscourse.formats.zip import write_zip

EPOCH = 1785727830  # 2026-08-03 03:30:30


def test_what_is_written_is_read(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(os.urandom(1000) + bytes(100_000))
    path = tmp_path / "x.zip"
    write_zip(
        path,
        [
            Entry(name="fly.exe", source=program, mode=0o755),
            Entry(name="a/read me", source=b"text" * 100),
            Entry(name="empty", source=b""),
        ],
        epoch=EPOCH,
    )
    with zipfile.ZipFile(path) as opened:
        assert opened.testzip() is None
        assert opened.namelist() == ["a/", "a/read me", "empty", "fly.exe"]
        assert opened.read("fly.exe") == program.read_bytes()
        assert opened.read("a/read me") == b"text" * 100
        info = opened.getinfo("fly.exe")
        assert info.external_attr >> 16 == 0o100755
        assert info.date_time == tuple(time.gmtime(EPOCH)[:6])
        assert info.compress_size < 2000
        assert opened.getinfo("a/").is_dir()


def test_the_same_bytes_each_time(tmp_path: Path) -> None:
    entries = [Entry(name=name, source=name.encode() * 1000) for name in ("b", "a", "c")]
    write_zip(tmp_path / "1.zip", entries, epoch=EPOCH)
    write_zip(tmp_path / "2.zip", entries[::-1], epoch=EPOCH)
    assert (tmp_path / "1.zip").read_bytes() == (tmp_path / "2.zip").read_bytes()


def test_times_before_its_own(tmp_path: Path) -> None:
    write_zip(tmp_path / "x.zip", [Entry(name="a", source=b"a")], epoch=0)
    with zipfile.ZipFile(tmp_path / "x.zip") as opened:
        assert opened.getinfo("a").date_time == (1980, 1, 1, 0, 0, 0)


def test_what_has_no_place_in_it(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="links"):
        write_zip(tmp_path / "x.zip", [Entry(name="a", link="b")], epoch=EPOCH)
    with pytest.raises(PlaceError):
        write_zip(tmp_path / "x.zip", [Entry(name="../a", source=b"")], epoch=EPOCH)
