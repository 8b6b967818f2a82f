"""What a person told git not to look at: seen all the same, in every format of its index."""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path

import pytest

from crosscourse.errors import CrosscourseError
from crosscourse.git.fingerprint import fingerprint, listing, tree_of
from crosscourse.git.index import entries

LONG = "deep/" * 3 + "x" * 200


def git(folder: Path, *words: str) -> str:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@t", *words]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture(params=["2", "4", "split", "sha256"])
def repository(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q", *(["--object-format=sha256"] if request.param == "sha256" else []))
    for name in ("a", "b", "folder/c", "folder/program", "folder/ü\n", LONG):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "folder" / "program").chmod(0o755)
    (tmp_path / "link").symlink_to("a")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "first")
    if request.param == "split":
        git(tmp_path, "update-index", "--split-index")
    elif request.param == "4":
        git(tmp_path, "update-index", "--index-version=4")
    return tmp_path


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_a_file_that_git_is_told_not_to_look_at(repository: Path, flag: str) -> None:
    clean = fingerprint(repository)
    git(repository, "update-index", flag, "folder/c", "folder/ü\n", LONG, "a")
    assert fingerprint(repository) == clean
    (repository / "folder" / "c").write_text("edited")
    (repository / "a").unlink()
    seen = fingerprint(repository)
    assert list(seen) == ["commit", "a (edited)", "folder/c (edited)"]
    assert "a" not in listing(repository, seen)
    (repository / "a").write_text("a")
    (repository / "folder" / "c").write_text("folder/c")
    assert fingerprint(repository) == clean


def test_in_a_sparse_checkout_what_is_left_out_is_no_edit(repository: Path) -> None:
    git(repository, "sparse-checkout", "set", "--no-cone", "/*", "!/folder")
    clean = fingerprint(repository)
    assert list(clean) == ["commit", "paths left out"]
    git(repository, "update-index", "--assume-unchanged", "b")
    (repository / "b").write_text("edited")
    (repository / "folder").mkdir()
    (repository / "folder" / "c").write_text("put back, but edited")
    assert list(fingerprint(repository))[2:] == ["b (edited)", "folder/c (edited)"]


def test_all_entries_are_what_the_commit_has(repository: Path) -> None:
    data = (repository / ".git" / "index").read_bytes()
    commit = git(repository, "rev-parse", "HEAD").strip()
    try:
        found = dict(entries(data, size=len(commit) // 2, everything=True, sparse=False))
    except LookupError:
        assert data[7] == 4 or b"link" in data
        return
    assert {name.decode(): row for name, row in found.items()} == tree_of(repository, commit)
    assert list(entries(data, size=len(commit) // 2, everything=False, sparse=False)) == []


def test_names_longer_than_the_index_can_say() -> None:
    """Built by hand, as no file system has them in one piece: three entries, the one between of 5,000 characters."""
    names = [b"a", b"b" * 5000, b"c" * 0xFFF]
    data = b"DIRC" + (3).to_bytes(4, "big") + len(names).to_bytes(4, "big")
    for number, name in enumerate(names):
        flags = min(len(name), 0xFFF) | (0x4000 if number == 1 else 0)
        entry = (
            b"\0" * 24 + (0o100644).to_bytes(4, "big") + b"\0" * 12 + bytes([number]) * 20 + flags.to_bytes(2, "big")
        )
        entry += (b"\x40\0" if number == 1 else b"") + name
        data += entry + b"\0" * (8 - len(entry) % 8)
    data += b"TREE"
    assert [name for name, _ in entries(data, size=20, everything=True, sparse=False)] == names
    assert list(entries(data, size=20, everything=False, sparse=False)) == [(names[1], "100644 " + "01" * 20)]
    assert list(entries(data, size=20, everything=False, sparse=True)) == []


def test_an_index_that_was_cut_off_anywhere_is_told(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    for name in ("a/file", "b/other", "c"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    index = tmp_path / ".git" / "index"
    whole = index.read_bytes()
    for length in range(0, len(whole), 7):
        index.write_bytes(whole[:length])
        with contextlib.suppress(CrosscourseError):
            assert fingerprint(tmp_path) is not None
