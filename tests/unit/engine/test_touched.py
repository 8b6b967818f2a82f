"""Traces of writing, read from the kernel's own times."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from crosscourse.engine.reads import Reads
from crosscourse.engine.touched import clock, touched


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    top = tmp_path / "tree"
    for name in ("a.c", "folder/b.c", "folder/deep/c.c", ".git/index"):
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(name)
    time.sleep(0.02)  # the kernel's clock for files ticks every 1 to 10 ms
    return top


READS = {
    "file": Reads.of(files=["a.c"]),
    "folder": Reads.of(folders=["folder"]),
    "tree": Reads.of(trees=["folder"]),
    "all": Reads.of(trees=["."]),
    "suffixes": Reads.of(suffixes=[".c"]),
    "nothing there": Reads.of(files=["x"], folders=["y"], trees=["z"]),
}


@pytest.mark.parametrize(
    ("path", "seen_by"),
    [
        ("a.c", {"file", "all", "suffixes"}),
        ("folder/b.c", {"folder", "tree", "all", "suffixes"}),
        ("folder/deep/c.c", {"tree", "all", "suffixes"}),
        (".git/index", set()),
    ],
)
def test_who_sees_that_a_file_was_written(tree: Path, path: str, seen_by: set[str]) -> None:
    since = clock(tree.parent)
    assert [name for name, reads in READS.items() if touched(tree, reads, since)] == []
    info = (tree / path).stat()
    (tree / path).write_text(path)
    os.utime(tree / path, ns=(info.st_atime_ns, info.st_mtime_ns))  # its times put back, as far as that goes
    assert {name for name, reads in READS.items() if touched(tree, reads, since)} == seen_by


def test_a_file_that_came_and_went(tree: Path) -> None:
    since = clock(tree.parent)
    (tree / "folder" / "new").touch()
    (tree / "folder" / "new").unlink()
    seen = {name: touched(tree, reads, since) for name, reads in READS.items()}
    assert {name: path for name, path in seen.items() if path} == dict.fromkeys(
        ["folder", "tree", "all", "suffixes"], "folder"
    )


def test_links_are_looked_at_themselves(tree: Path) -> None:
    (tree / "folder" / "outside").symlink_to(tree.parent / "elsewhere")
    (tree.parent / "elsewhere").touch()
    time.sleep(0.02)
    since = clock(tree.parent)
    (tree.parent / "elsewhere").write_text("x")
    assert touched(tree, READS["all"], since) is None


@pytest.mark.parametrize(
    ("began", "ended", "seen"),
    [
        (-1, 1, True),  # seconds before and after the file was written
        (1, 2, False),
        (-3700, -3600, False),  # the clock was set back an hour before the step
        (-5, -4, True),  # another machine's clock
        (-1, -3600, True),  # set back during the step: on doubt it counts
    ],
)
def test_a_clock_that_was_set_back(
    tree: Path, monkeypatch: pytest.MonkeyPatch, began: int, ended: int, seen: bool
) -> None:
    written = (tree / "a.c").stat().st_ctime_ns
    monkeypatch.setattr(time, "time_ns", lambda: written + ended * 10**9)
    assert (touched(tree, READS["file"], written + began * 10**9) == "a.c") == seen


def test_a_clock_that_is_set_back_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([100, 40])

    class Marker:
        st_ctime_ns = 0

    def stat_of(_path: Path) -> Marker:
        marker = Marker()
        marker.st_ctime_ns = next(times)
        return marker

    monkeypatch.setattr(Path, "stat", stat_of)
    assert clock(tmp_path) == 40
