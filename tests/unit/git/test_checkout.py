"""Marks of checkouts, and what in a checkout is a person's own."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from crosscourse.errors import CrosscourseError
from crosscourse.git.checkout import (
    EditedCheckoutError,
    Mark,
    edits_in,
    mark_file,
    read_mark,
    readable_marks,
    refuse_edits,
    write_mark,
)

MARK = Mark(base="b", commit="c", patches={"a": "applied", "b": "already upstream"})
Git = Callable[..., str]


@pytest.fixture
def git(tmp_path: Path) -> Git:
    """A checkout at the commit that its mark names."""

    def call(*words: str) -> str:
        command = ["git", "-c", "user.name=t", "-c", "user.email=t@t", *words]
        return subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout.strip()

    call("init", "-q")
    (tmp_path / "a").write_text("one\n")
    (tmp_path / ".gitignore").write_text("ignored\n")
    call("add", "-A")
    call("commit", "-qm", "base")
    call("checkout", "-q", "--detach")
    call("branch", "-q", "-D", call("branch", "--format=%(refname:short)").splitlines()[-1])
    commit = call("rev-parse", "HEAD")
    write_mark(mark_file(tmp_path), Mark(base=commit, commit=commit, patches={}))
    return call


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


def test_edits(git: Git, tmp_path: Path) -> None:
    assert edits_in(tmp_path) == []
    refuse_edits(tmp_path, "It would go.")
    (tmp_path / "a").write_text("two\n")
    (tmp_path / "ignored").write_text("mine\n")
    assert edits_in(tmp_path) == ["a", "ignored"]
    git("commit", "-qam", "mine")
    (tmp_path / "ignored").unlink()
    git("branch", "mine")
    assert edits_in(tmp_path) == [f"commit {git('rev-parse', 'HEAD')[:12]}", "refs/heads/mine"]
    with pytest.raises(EditedCheckoutError, match=r"It would go\. Either"):
        refuse_edits(tmp_path, "It would go.")
