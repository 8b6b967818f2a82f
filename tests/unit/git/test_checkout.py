"""Marks of checkouts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from crosscourse.errors import CrosscourseError
from crosscourse.git.checkout import Mark, mark_file, read_mark, readable_marks, write_mark

MARK = Mark(base="b", commit="c", patches={"a": "applied", "b": "already upstream"})


def test_a_mark_holds_patches_in_their_order() -> None:
    assert MARK.holds(["a", "b"])
    assert not MARK.holds(["b", "a"])
    assert not MARK.holds(["a"])


def test_a_mark_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_mark(mark_file(tmp_path), MARK)
    assert read_mark(tmp_path) == MARK


def test_what_is_no_mark_is_passed_over(tmp_path: Path) -> None:
    write_mark(tmp_path / "mark", MARK)
    for name, data in (("damaged", "{"), ("of another", "{}")):
        (tmp_path / name).write_text(data)
    paths = [tmp_path / name for name in ("damaged", "absent", "mark", "of another")]
    assert list(readable_marks(*paths)) == [MARK]


def test_a_folder_without_a_mark_is_not_ours(tmp_path: Path) -> None:
    with pytest.raises(CrosscourseError, match="is not a checkout made here"):
        read_mark(tmp_path)


def test_a_pipe_in_place_of_a_mark_is_none(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "mark")  # reading it would wait for ever
    assert list(readable_marks(tmp_path / "mark")) == []
