"""Patches applied by git: as commits that come out the same everywhere, or with the reason why not."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from crosscourse.patches.apply import PatchError, commit_patches
from crosscourse.patches.states import APPLIED, FAILED, UPSTREAM
from tests.unit.places import make_places

LINES = [f"{number}\n" for number in range(8)]


def git(folder: Path, *words: str) -> str:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@t", *words]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.mkdir()
    git(path, "init", "-q")
    (path / "a").write_text("".join(LINES))
    git(path, "add", "-A")
    git(path, "commit", "-qm", "base", "--date=2020-01-01T00:00:00Z")
    return path


def patch(tmp_path: Path, name: str, old: str, new: str, *, file: str = "a") -> Path:
    path = tmp_path / f"{name}.patch"
    head = f"Subject: {name}\n\ndiff --git a/{file} b/{file}\n--- a/{file}\n+++ b/{file}\n"
    path.write_text(f"{head}@@ -3,3 +3,3 @@\n 2\n-{old}\n+{new}\n 4\n")
    return path


def committed(folder: Path, *patches: Path, date: int = 1) -> tuple[str, dict[str, str]]:
    at = make_places(folder.parent)
    base = git(folder, "rev-parse", "HEAD")
    return commit_patches(folder, base, {path.name: path for path in patches}, at, source="x", date=date)


def test_each_patch_is_a_commit_and_no_file_is_touched(folder: Path, tmp_path: Path) -> None:
    commit, outcomes = committed(folder, patch(tmp_path, "p", "3", "three"), patch(tmp_path, "q", "three", "drei"))
    assert outcomes == {"p.patch": APPLIED, "q.patch": APPLIED}
    told = git(folder, "log", "-2", "--format=%an <%ae> %at %ct %s", commit).splitlines()
    assert told == [f"crosscourse <crosscourse@localhost> 1 1 vendor patch {name}.patch" for name in ("q", "p")]
    assert git(folder, "show", f"{commit}:a").splitlines()[3] == "drei"
    assert git(folder, "status", "--short") == ""


def test_the_date_decides_the_commit(folder: Path, tmp_path: Path) -> None:
    path = patch(tmp_path, "p", "3", "three")
    assert committed(folder, path) == committed(folder, path)
    assert committed(folder, path)[0] != committed(folder, path, date=2)[0]


def test_what_upstream_has_makes_no_commit(folder: Path, tmp_path: Path) -> None:
    commit, outcomes = committed(folder, patch(tmp_path, "p", "drei", "3"))
    assert outcomes == {"p.patch": UPSTREAM}
    assert commit == git(folder, "rev-parse", "HEAD")
    assert "p.patch is already in x: it can go" in (tmp_path / "log").read_text()


@pytest.mark.parametrize(
    ("file", "old", "found"),
    [
        ("a", "drei", "the hunk for a at line 3 does not apply. There now:\n      3  2\n      4  3\n"),
        ("b", "3", "it changes b, which upstream no longer has"),
    ],
)
def test_why_a_patch_does_not_apply(folder: Path, tmp_path: Path, file: str, old: str, found: str) -> None:
    with pytest.raises(PatchError) as caught:
        committed(folder, patch(tmp_path, "p", "drei", "3"), patch(tmp_path, "q", old, "vier", file=file))
    assert found in str(caught.value)
    assert caught.value.outcomes == {"p.patch": UPSTREAM, "q.patch": FAILED}


def test_what_is_no_patch(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "p.patch").write_text("Subject: nothing\n")
    with pytest.raises(PatchError, match="is not a patch that git can read"):
        committed(folder, tmp_path / "p.patch")
