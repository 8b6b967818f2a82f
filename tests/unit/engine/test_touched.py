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
