"""Errors of the system in words."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from crosscourse.errors import CrosscourseError, DiskFullError, SystemFaultError, of_any, of_system


@pytest.mark.parametrize("number", sorted(errno.errorcode))
def test_each_has_words(number: int) -> None:
    told = of_system(OSError(number, os.strerror(number), "/a/file"), "compile:x")
    assert str(told).startswith("compile:x: ")
    assert isinstance(told, DiskFullError) is (number in (errno.ENOSPC, errno.EDQUOT))


def test_of_a_rename_the_goal_is_named() -> None:
    assert "/goal" in str(of_system(OSError(errno.EISDIR, "Is a directory", "/from", None, "/goal")))


def test_what_shutil_collects_is_what_the_first_one_was() -> None:
    error = shutil.Error([("/a", "/b", str(OSError(errno.ENOSPC, "No space left on device", "/b")))])
    assert isinstance(of_system(error), DiskFullError)
    error = shutil.Error([("/a", "/b", str(OSError(errno.EROFS, "Read-only file system", "/b")))])
    assert "/b: Read-only" in str(of_system(error))
    assert isinstance(of_system(shutil.Error("odd")), SystemFaultError)
    assert isinstance(of_system(OSError("a library's, without a number"), "x", ["/c: 0 kB free"]), DiskFullError)


def test_others() -> None:
    own = CrosscourseError("a", "b")
    assert of_any(own) is own
    assert "memory" in str(of_any(MemoryError()))
    assert "ulimit -u" in str(of_any(RuntimeError("can't start new thread")))
    assert of_any(KeyError("a fault of ours")) is None


def test_a_path_of_bytes_or_none(tmp_path: Path) -> None:
    assert "x\udcff" in str(of_system(OSError(errno.EIO, "I/O error", b"x\xff")))
    assert str(of_system(OSError(errno.EIO, "I/O error"))).startswith("system: I/O error")
    assert str(tmp_path) in str(of_system(OSError(errno.EACCES, "Permission denied", str(tmp_path))))
