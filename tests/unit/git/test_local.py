"""Stores of local sources: the same commit for the same content."""

from __future__ import annotations

from pathlib import Path

import pytest

from crosscourse.errors import CrosscourseError
from crosscourse.git.local import is_local, make_store
from crosscourse.git.store import store_commit
from tests.unit.places import make_places


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "example"
    path.mkdir()
    (path / "a").write_text("a\n")
    (path / ".gitignore").write_text("a\n")
    return path


def made(folder: Path, place: Path, *, date: int = 1) -> str:
    make_store(folder, place / "store", make_places(place), name="x", url="example", date=date)
    return store_commit(place / "store")


@pytest.mark.parametrize(("url", "local"), [("examples/printer", True), ("https://example.org/x", False)])
def test_is_local(url: str, local: bool) -> None:
    assert is_local(url) == local


def test_the_commit_is_told_by_content_and_date(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = made(folder, tmp_path / "1")
    monkeypatch.setenv("GIT_AUTHOR_NAME", "somebody")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert made(folder, tmp_path / "2") == first
    assert made(folder, tmp_path / "3", date=2) != first
    (folder / "a").write_text("b\n")  # ignored by git, and yet a file of the source
    assert made(folder, tmp_path / "4") != first


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CrosscourseError, match=r"Check source\.x\.url"):
        made(tmp_path / "none", tmp_path / "1")
