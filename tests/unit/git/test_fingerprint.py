"""What a folder contains, as git or its files say."""

import os
import subprocess
from pathlib import Path

import pytest

from crosscourse.errors import CrosscourseError
from crosscourse.git.fingerprint import Fingerprints, fingerprint, parse_status


def git(folder: Path, *words: str) -> str:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@t", *words]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "b.txt").write_text("b")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "first")
    return tmp_path


def test_parse_status() -> None:
    text = "\0".join(
        [
            "# branch.oid 1234",
            "# branch.head (detached)",
            "1 .M N... 100644 100644 100644 aaa bbb with space.txt",
            "u UU N... 100644 100644 100644 100644 a b c both.txt",
            "? new\nline.txt",
            "! ignored.o",
            "",
        ]
    )
    state = parse_status(text)
    assert state.commit == "1234"
    assert state.changed == ("both.txt", "ignored.o", "new\nline.txt", "with space.txt")


def test_clean_repository_is_its_commit(repository: Path) -> None:
    assert fingerprint(repository) == {"commit": git(repository, "rev-parse", "HEAD").strip()}


def test_every_kind_of_edit_changes_it_and_reverting_restores_it(repository: Path) -> None:
    seen = [fingerprint(repository)]
    (repository / "a.txt").write_text("A")
    seen.append(fingerprint(repository))
    (repository / "a.txt").write_text("Z")  # a second edit of the same size
    seen.append(fingerprint(repository))
    (repository / "new").write_text("")
    seen.append(fingerprint(repository))
    (repository / "new").chmod(0o755)
    seen.append(fingerprint(repository))
    (repository / "new").rename(repository / "renamed")
    seen.append(fingerprint(repository))
    (repository / "renamed").unlink()
    (repository / "renamed").symlink_to("a.txt")
    seen.append(fingerprint(repository))
    (repository / "b.txt").unlink()
    seen.append(fingerprint(repository))
    assert len({str(one) for one in seen}) == len(seen)
    (repository / "renamed").unlink()
    git(repository, "checkout", "-q", ".")
    assert fingerprint(repository) == seen[0]


def test_ignored_files_count_too(repository: Path) -> None:
    (repository / ".gitignore").write_text("*.gen\nmodules/\n")
    seen = [fingerprint(repository)]
    (repository / "x.gen").write_text("1")
    seen.append(fingerprint(repository))
    (repository / "x.gen").write_text("2")
    seen.append(fingerprint(repository))
    (repository / "modules").mkdir()
    (repository / "modules" / "m").write_text("1")
    seen.append(fingerprint(repository))
    (repository / "modules" / "m").write_text("22")
    seen.append(fingerprint(repository))
    assert len({str(one) for one in seen}) == len(seen)


def test_touching_changes_nothing(repository: Path) -> None:
    before = fingerprint(repository)
    os.utime(repository / "a.txt", (1, 1))
    assert fingerprint(repository) == before


def test_folder_without_git(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "f").write_text("x")
    one = fingerprint(tmp_path)
    assert list(one) == ["sub/f"]
    (tmp_path / "sub" / "f").write_text("y")
    assert fingerprint(tmp_path) != one


def test_each_folder_is_read_once_until_it_is_forgotten(repository: Path) -> None:
    prints = Fingerprints()
    prints.prefetch([repository, repository / "no such folder"])
    first = prints.get(repository)
    (repository / "a.txt").write_text("A")
    assert prints.get(repository) == first
    prints.forget(repository)
    assert prints.get(repository) != first


def test_broken_repository_is_a_clear_error(repository: Path) -> None:
    (repository / ".git" / "HEAD").unlink()
    with pytest.raises(CrosscourseError, match="git can't tell its state"):
        fingerprint(repository)
