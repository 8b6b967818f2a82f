"""Repositories for git's types: the same commits each time, the last one signed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tasks.boot.host.kinds import git
from tasks.boot.host.kinds.setting import FixtureError, Setting
from tests.unit.places import make_places


def setting(tmp_path: Path, files: dict[str, str] | None = None) -> Setting:
    return Setting(
        name="git",
        address="127.0.0.1",
        stand_ins=tmp_path / "none",
        folder=tmp_path,
        logs=tmp_path,
        at=make_places(tmp_path / "places"),
        files=files or {},
    )


def ask(repository: Path, *words: str) -> str:
    command = ["git", f"--git-dir={repository}", *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_the_last_commit_is_signed(tmp_path: Path) -> None:
    git.make_repositories(setting(tmp_path), tmp_path / "all")
    main = tmp_path / "all" / "main.git"
    assert ask(main, "cat-file", "commit", "main").splitlines() == (git.FILES / "commit").read_text().splitlines()
    assert "-----BEGIN PGP SIGNATURE-----" in ask(main, "cat-file", "commit", "main")
    # A signature of a tree that is there, and nothing broken in it.
    assert "dangling" not in ask(main, "fsck", "--strict")
    assert ask(main, "ls-tree", "--name-only", "main").split() == sorted(
        [".gitattributes", ".gitmodules", "README", "large.bin", "part"]
    )


def test_the_submodule_and_the_large_file_are_there(tmp_path: Path) -> None:
    git.make_repositories(setting(tmp_path), tmp_path / "all")
    main, part = tmp_path / "all" / "main.git", tmp_path / "all" / "part.git"
    assert ask(main, "rev-parse", "main:part") == ask(part, "rev-parse", "main")
    pointer = dict(line.split(" ") for line in ask(main, "show", "main:large.bin").splitlines())
    digest = pointer["oid"].removeprefix("sha256:")
    assert (tmp_path / "all" / "lfs" / digest).stat().st_size == int(pointer["size"])


def test_files_are_on_branches(tmp_path: Path) -> None:
    files = {"a/x": "1", "a/y/z": "two\nlines\n", "b/x": ""}
    git.make_repositories(setting(tmp_path, files), tmp_path / "all")
    main = tmp_path / "all" / "main.git"
    assert ask(main, "ls-tree", "-r", "--name-only", "a").split() == ["x", "y/z"]
    assert ask(main, "show", "a:y/z") == "two\nlines"
    assert ask(main, "show", "b:x") == ""


def test_a_signature_of_something_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(git._MAIN, "README", "something else\n")
    with pytest.raises(FixtureError, match="is not one on"):
        git.make_repositories(setting(tmp_path), tmp_path / "all")
