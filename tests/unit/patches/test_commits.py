"""Commits of a checkout, made by git itself: which patch each belongs to, and what is refused."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from crosscourse.errors import CrosscourseError
from crosscourse.patches.commits import Change, Repository, changes, refuse_unfinished

Git = Callable[..., str]


@pytest.fixture
def git(tmp_path: Path) -> Git:
    folder = tmp_path / "checkout"
    folder.mkdir()

    def call(*words: str) -> str:
        command = ["git", "-c", "user.name=t", "-c", "user.email=t@t", *words]
        return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()

    call("init", "-q")
    (folder / "a").write_text("".join(f"{number}\n" for number in range(30)))
    call("add", "-A")
    call("commit", "-qm", "base")
    call("tag", "base")
    return call


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    (tmp_path / "scratch").mkdir()
    return Repository(folder=tmp_path / "checkout", log=tmp_path / "log", scratch=tmp_path / "scratch")


def commit(repository: Repository, git: Git, message: str, line: int, text: str) -> None:
    """Commit a change of one line."""
    path = repository.folder / "a"
    lines = path.read_text().splitlines()
    lines[line] = text
    path.write_text("\n".join(lines) + "\n")
    git("commit", "-qam", message)


def found(repository: Repository, git: Git) -> list[Change]:
    base = git("rev-parse", "base")
    return changes(repository, base, repository.commits(base))


def test_a_commit_a_patch(repository: Repository, git: Git) -> None:
    commit(repository, git, "vendor patch x/one.patch", 1, "one")
    commit(repository, git, "a new thing\n\nFor this reason.\n", 20, "new")
    commit(repository, git, "a new thing", 25, "another")
    one, new, same = found(repository, git)
    assert (one.file, new.file, same.file) == ("x/one.patch", None, None)
    assert (new.commits[0].subject, new.commits[0].body) == ("a new thing", "For this reason.")
    assert (one.after, new.after) == (new.before, same.before)
    assert same.after == git("rev-parse", "HEAD^{tree}")


def test_what_is_computed_leaves_no_objects(repository: Repository, git: Git) -> None:
    commit(repository, git, "vendor patch x/one.patch", 1, "one")
    commit(repository, git, "vendor patch x/two.patch", 20, "two")
    commit(repository, git, "fixup! vendor patch x/one.patch", 2, "also one")
    before = git("count-objects", "-v")
    assert found(repository, git)[0].after
    assert git("count-objects", "-v") == before


@pytest.mark.parametrize("file", ["/etc/x.patch", "../x.patch", "a/../../x.patch", "no-suffix"])
def test_a_file_elsewhere_is_no_vendor_patch(repository: Repository, git: Git, file: str) -> None:
    commit(repository, git, f"vendor patch {file}", 1, "one")
    assert found(repository, git)[0].file is None


def test_fixups_are_moved_to_their_patch(repository: Repository, git: Git) -> None:
    commit(repository, git, "vendor patch x/one.patch", 1, "one")
    commit(repository, git, "vendor patch x/two.patch", 20, "two")
    commit(repository, git, "fixup! vendor patch x/one.patch", 2, "also one")
    commit(repository, git, "fixup! fixup! vendor patch x/one.patch", 2, "one too")
    one, two = found(repository, git)
    assert len(one.commits) == 3
    assert two.after == git("rev-parse", "HEAD^{tree}")
    assert "one too" in repository.git("show", f"{one.after}:a")
    assert "two" not in repository.git("show", f"{one.after}:a")


@pytest.mark.parametrize(
    ("message", "line", "expected"),
    [
        ("fixup! vendor patch x/one.patch", 20, "can't be moved"),
        ("fixup! vendor patch x/three.patch", 3, "names no commit before it"),
        ("amend! vendor patch x/one.patch\n\nother", 3, "names no commit before it"),
    ],
)
def test_fixups_that_git_must_move(repository: Repository, git: Git, message: str, line: int, expected: str) -> None:
    commit(repository, git, "vendor patch x/one.patch", 1, "one")
    commit(repository, git, "vendor patch x/two.patch", 20, "two")
    commit(repository, git, message, line, "three")
    with pytest.raises(CrosscourseError, match=expected) as caught:
        found(repository, git)
    assert "rebase -i --autosquash" in caught.value.remedy


def test_a_merge_is_refused(repository: Repository, git: Git) -> None:
    git("switch", "-qc", "side")
    commit(repository, git, "side", 1, "side")
    git("switch", "-q", "--detach", "base")
    commit(repository, git, "main", 20, "main")
    git("merge", "-q", "--no-edit", "side")
    with pytest.raises(CrosscourseError, match="has a merge"):
        found(repository, git)


def test_head_elsewhere_is_refused(repository: Repository, git: Git) -> None:
    git("switch", "-q", "--orphan", "other")
    git("commit", "-q", "--allow-empty", "-m", "other")
    with pytest.raises(CrosscourseError, match="is not built on"):
        found(repository, git)


def test_diffs_do_not_depend_on_settings(repository: Repository, git: Git) -> None:
    commit(repository, git, "one", 10, "changed")
    trees = git("rev-parse", "base^{tree}"), git("rev-parse", "HEAD^{tree}")
    plain = repository.diff(*trees, context=1)
    for setting in ("diff.noprefix=true", "diff.context=9", "color.ui=always", "diff.mnemonicPrefix=true"):
        git("config", *setting.split("="))
    assert repository.diff(*trees, context=1) == plain
    assert b"--- a/a\n+++ b/a\n@@ -10,3 +10,3 @@" in plain


def test_a_rebase_under_way(repository: Repository, git: Git) -> None:
    commit(repository, git, "one", 10, "one")
    git("switch", "-q", "--detach", "base")
    commit(repository, git, "two", 10, "two")
    with pytest.raises(subprocess.CalledProcessError):
        git("rebase", "-q", "--onto", "HEAD", "base", "HEAD@{2}")
    with pytest.raises(CrosscourseError, match="a rebase is under way"):
        refuse_unfinished(repository.folder, ())
