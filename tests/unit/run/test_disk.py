"""Whether there is room is asked of the file system."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from crosscourse.run import disk


@pytest.mark.parametrize(
    ("free", "files", "spoken", "says"),
    [
        (10 << 30, 9999, False, ""),
        (10 << 30, 9999, True, ""),  # whatever a program prints
        (0, 9999, False, "0 kB free"),
        (300 << 10, 9999, False, "300 kB free"),
        (50 << 20, 9999, False, ""),
        (50 << 20, 9999, True, "51200 kB free"),  # the program removed what it had written
        (10 << 30, 0, False, "0 more files possible"),
    ],
)
def test_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, files: int, spoken: bool, says: str) -> None:
    room = SimpleNamespace(
        f_blocks=1 << 30, f_bavail=free // 1024, f_frsize=1024, f_files=10000, f_favail=files, f_flag=0
    )
    monkeypatch.setattr(os, "statvfs", lambda _: room)
    found = disk.full([tmp_path, tmp_path / "not" / "there"], spoken=spoken)  # one file system: one line
    assert found == ([f"{tmp_path}: {says}"] if says else [])


@pytest.mark.parametrize(
    ("text", "speaks"),
    [
        ("write x: no space left on device", True),
        ("No space left on device", True),
        ("index.lock write error. Out of diskspace", True),
        ("error: NoSpaceLeft", True),
        ("Disk quota exceeded", True),
        ("undefined: nospace", False),
        ("", False),
    ],
)
def test_words(text: str, speaks: bool) -> None:
    assert disk.speaks_of_room(text) is speaks


def test_the_folders_of_a_program_are_those_that_it_is_told() -> None:
    env = {"GOCACHE": "/cache", "PATH": "/bin:/usr/bin", "TZ": "UTC", "TMPDIR": "/t"}
    assert {Path("/cache"), Path("/t"), Path("/c"), Path("/l")} <= set(disk.of_program(Path("/c"), Path("/l/x"), env))


def test_what_is_on_no_disk_is_never_full() -> None:
    file = os.memfd_create("x")
    try:
        assert disk.full([f"/proc/{os.getpid()}/fd/{file}", "/proc/self"], spoken=True) == []
    finally:
        os.close(file)
