"""What git says when it can't tell a repository's state."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from crosscourse.errors import CrosscourseError, DiskFullError
from crosscourse.git.command import ask


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    (tmp_path / ".git" / "index").write_text("not an index")
    return tmp_path


def test_a_damaged_one_is_told_with_a_remedy(damaged: Path) -> None:
    with pytest.raises(CrosscourseError, match=r"can't tell its state: .*index") as caught:
        ask(damaged, ["status"])
    assert "remove the folder" in caught.value.remedy


def test_on_a_full_disk_that_is_the_reason(damaged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = SimpleNamespace(f_blocks=1 << 30, f_bavail=3, f_frsize=1024, f_files=10000, f_favail=100, f_flag=0)
    monkeypatch.setattr(os, "statvfs", lambda _: room)
    with pytest.raises(DiskFullError, match="3 kB free"):
        ask(damaged, ["status"])
