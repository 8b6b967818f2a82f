"""Files read one by one: every change is seen, and no file, however strange, is waited for."""

from __future__ import annotations

import io
import os
import random
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import TextIO

import pytest

from crosscourse.engine.special import SpecialFileError, refuse_special
from crosscourse.git import command, identity
from crosscourse.git import fingerprint as module
from crosscourse.git.fingerprint import Fingerprints, fingerprint, listing
from crosscourse.git.identity import TooMuchError


def git(folder: Path, *words: str) -> str:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@t", *words]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture(params=["folder", "checkout", "committed"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A source: a plain folder, a checkout in which all of it is new, one in which all of it is committed."""
    folder = tmp_path / "source"
    for name in ("one/f", "other/f", "run", "text"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"{name}\n")
    (folder / "to").symlink_to("one")
    if request.param != "folder":
        git(folder, "init", "-q")
    if request.param == "committed":
        git(folder, "add", "-A")
        git(folder, "commit", "-qm", "first")
    return folder


def point_elsewhere(folder: Path) -> None:
    (folder / "to").unlink()
    (folder / "to").symlink_to("other")


def folder_for_link(folder: Path) -> None:
    (folder / "to").unlink()
    shutil.copytree(folder / "one", folder / "to")


def file_for_link(folder: Path) -> None:
    (folder / "to").unlink()
    (folder / "to").write_text("one")  # what the link held


def folder_for_file(folder: Path) -> None:
    (folder / "run").unlink()
    (folder / "run").mkdir()
    (folder / "run" / "f").write_text("f")


def link_for_folder(folder: Path) -> None:
    shutil.rmtree(folder / "one")
    (folder / "one").symlink_to("other")


def same_size_and_times(folder: Path) -> None:
    info = (folder / "text").stat()
    (folder / "text").write_text("TEXT\n")
    os.utime(folder / "text", ns=(info.st_atime_ns, info.st_mtime_ns))


def clock_set_back(folder: Path) -> None:
    (folder / "text").write_text("TEXT\n")
    os.utime(folder / "text", (1, 1))


def executable(folder: Path) -> None:
    (folder / "run").chmod(0o755)


def case(folder: Path) -> None:
    (folder / "text").rename(folder / "Text")


def strange_name(folder: Path) -> None:
    Path(os.fsdecode(os.fsencode(folder) + b"/new\n\xff\t\"'\\")).write_text("x")


def hard_link(folder: Path) -> None:
    (folder / "text").unlink()
    (folder / "text").hardlink_to(folder / "run")


def sparse(folder: Path) -> None:
    with (folder / "text").open("r+b") as stream:
        stream.truncate(1 << 20)


def nested_repository(folder: Path) -> None:
    (folder / "inner").mkdir()
    git(folder / "inner", "init", "-q")


@pytest.mark.parametrize(
    "edit",
    [
        point_elsewhere,
        folder_for_link,
        file_for_link,
        folder_for_file,
        link_for_folder,
        same_size_and_times,
        clock_set_back,
        executable,
        case,
        strange_name,
        hard_link,
        sparse,
        nested_repository,
    ],
)
def test_every_change_is_seen(source: Path, edit: Callable[[Path], None]) -> None:
    before = fingerprint(source)
    edit(source)
    after = fingerprint(source)
    assert after != before
    assert fingerprint(source) == after


def pipe(path: Path) -> None:
    os.mkfifo(path)


def a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


@pytest.mark.parametrize("make", [pipe, a_socket])
@pytest.mark.parametrize("name", ["new", "text", ".gitmodules"])
def test_what_is_no_file_is_told(source: Path, make: Callable[[Path], None], name: str) -> None:
    (source / name).unlink(missing_ok=True)
    make(source / name)
    with pytest.raises(SpecialFileError, match=rf"source/{name}: is a (named pipe|socket)"):
        # What git doesn't list is found before something is made of the source.
        fingerprint(source)
        refuse_special(source)


@pytest.mark.parametrize("name", [".gitignore", "one/.gitignore"])
def test_git_is_not_waited_for_that_waits_for_a_pipe(source: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(command, "PATIENCE", 0.3)
    os.mkfifo(source / name)
    with pytest.raises(SpecialFileError, match=rf"{name}: is a named pipe"):
        fingerprint(source)
        refuse_special(source)


@pytest.mark.parametrize("name", ["index", "packed-refs", "refs/heads/main"])
def test_git_is_not_waited_for_that_waits_for_a_pipe_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    git(tmp_path, "init", "-q", "-b", "main", "source")
    source = tmp_path / "source"
    git(source, "commit", "-qm", "first", "--allow-empty")
    monkeypatch.setattr(command, "PATIENCE", 0.3)
    a_socket(source / ".git" / "fsmonitor--daemon.ipc")
    (source / ".git" / name).unlink(missing_ok=True)
    os.mkfifo(source / ".git" / name)
    with pytest.raises(SpecialFileError, match=rf"{name}: is a named pipe.*: the clone is damaged") as told:
        fingerprint(source)
    # Not of the pipe alone: git would miss what it stood for.
    assert "/source, and it is made from its upstream again" in told.value.remedy


def test_git_s_own_sockets_are_no_part_of_a_source(source: Path) -> None:
    (source / ".git").mkdir(exist_ok=True)
    a_socket(source / ".git" / "fsmonitor--daemon.ipc")
    refuse_special(source)


@pytest.mark.parametrize(("limit", "value", "told"), [("MOST_FILES", 4, "4 files"), ("MOST_BYTES", 1 << 19, "GiB")])
def test_a_folder_that_is_no_source_is_refused_before_it_is_read(
    source: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, told: str
) -> None:
    fingerprint(source)
    monkeypatch.setattr(identity, limit, value)
    sparse(source)
    (source / "more").mkdir()
    for number in range(4):
        (source / "more" / str(number)).touch()
    with pytest.raises(TooMuchError, match=rf"source: holds .*{told}"):
        fingerprint(source)


def test_what_grows_while_it_is_read_has_an_end() -> None:
    grown, whole = io.BytesIO(b"ab" + b"c" * 100), io.BytesIO(b"abc")
    assert identity._blob("sha1", 3, grown) == identity._blob("sha1", 3, whole)


def test_a_person_is_told_what_takes_long(
    source: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    may_end = Event()

    def say(text: str, *, file: TextIO, flush: bool) -> None:
        file.write(text)
        assert flush
        may_end.set()

    monkeypatch.setattr(command, "PATIENCE", 0.05)
    monkeypatch.setattr(module, "fingerprint", lambda _folder: {"read": str(may_end.wait(10))})
    monkeypatch.setattr("builtins.print", say)
    assert Fingerprints().get(source) == {"read": "True"}
    assert "source, to see what changed in it ..." in capsys.readouterr().err


def plainly(source: Path, folder: Path) -> dict[str, str]:
    """What a source contains, told without git."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(source, folder, symlinks=True, ignore=shutil.ignore_patterns(".git"))
    return listing(folder, fingerprint(folder))


def some_edit(source: Path, chance: random.Random) -> None:
    """Make, change, replace, move or remove something, or have git take note of what there is."""
    path = source / chance.choice(["one", "other", "new", "."]) / chance.choice(["f", "g", "F", "k\n\x7fé", "d"])
    what = chance.randrange(10)
    if what < 3:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif os.path.lexists(path):
            path.unlink()
    if what in (0, 3, 4) and path.parent.is_dir() and not path.is_dir():
        path.write_text(chance.choice(["x", "y", "x\r\n", ""]))
    elif what == 1 and path.parent.is_dir():
        path.symlink_to(chance.choice(["f", "../one", "nowhere"]))
    elif what == 2 and path.parent.is_dir():
        path.mkdir()
        (path / "deep").write_text("z")
    elif what == 5 and path.is_file():
        path.chmod(chance.choice([0o644, 0o755]))
    elif what == 6:
        git(source, "add", "-A", *(["-f"] if chance.random() < 0.5 else []))
    elif what == 7:
        git(source, "commit", "-qm", "next", "--allow-empty")
    elif what == 8:
        tracked = git(source, "ls-files", "-z").split("\0")[:-1]
        flags = ["--assume-unchanged", "--no-assume-unchanged", "--skip-worktree", "--no-skip-worktree"]
        git(source, "update-index", chance.choice(flags), *chance.sample(tracked, len(tracked) // 2))
    elif what == 9:
        (source / ".gitignore").write_text(chance.choice(["*\n", "f\n", ""]))


@pytest.mark.parametrize("seed", range(4))
def test_any_edits_in_a_checkout_are_told_as_without_git(tmp_path: Path, seed: int) -> None:
    chance, source = random.Random(seed), tmp_path / "source"  # noqa: S311  # no secret
    for name in ("one/f", "other/g", "new/F"):
        (source / name).parent.mkdir(parents=True)
        (source / name).write_text(name)
    git(source, "init", "-q")
    git(source, "add", "-A")
    git(source, "commit", "-qm", "first")
    for _ in range(40):
        some_edit(source, chance)
        assert listing(source, fingerprint(source)) == plainly(source, tmp_path / "plain")
