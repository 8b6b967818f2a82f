"""One run at a time, whatever is in the lock's place, and whether or not there are locks."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from crosscourse import files
from crosscourse.engine.lock import BusyError, exclusive, held, in_turn, owning
from crosscourse.errors import CrosscourseError, DiskFullError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "build" / "release"


def test_a_second_one_is_told_who_is_there(folder: Path) -> None:
    with (
        exclusive(folder),
        pytest.raises(BusyError, match=f"process {os.getpid()}"),
        exclusive(folder),
    ):
        pass
    with exclusive(folder):
        assert (folder / "CACHEDIR.TAG").is_file()
        assert (folder.parent / "CACHEDIR.TAG").is_file()


def test_who_only_asks_is_no_run(folder: Path) -> None:
    with exclusive(folder):
        pass
    stream = (folder / ".lock").open("rb")
    fcntl.flock(stream, fcntl.LOCK_SH)
    threading.Timer(0.01, stream.close).start()
    with exclusive(folder):
        assert stream.closed


@pytest.mark.parametrize("kind", ["folder", "FIFO", "dangling link", "link to itself", "garbage"])
def test_whatever_is_in_its_place(folder: Path, kind: str) -> None:
    folder.mkdir(parents=True)
    for path in (folder / ".lock", folder / "turn"):
        if kind == "folder":
            (path / "x").mkdir(parents=True)
        elif kind == "FIFO":
            os.mkfifo(path)
        elif kind == "garbage":
            path.write_bytes(bytes(range(256)) * 99)
        else:
            path.symlink_to(path if kind == "link to itself" else folder / "nowhere" / "x")
    with exclusive(folder), pytest.raises(BusyError), exclusive(folder):
        pass
    with in_turn(folder / "turn", pytest.fail):
        pass


def raising(number: int) -> Any:
    def fail(*_: Any, **__: Any) -> Any:
        raise OSError(number, os.strerror(number))

    return fail


def test_a_disk_without_locks_goes_without(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "flock", raising(errno.ENOLCK))
    with exclusive(folder):
        pass
    with in_turn(folder / "turn", pytest.fail):
        pass


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
def test_where_nothing_can_be_written_nothing_is_held(
    folder: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(files, "own_folder", raising(number))
    with exclusive(folder):
        assert not folder.exists()


def test_what_ends_the_block_is_passed_on_as_it_is(folder: Path) -> None:
    error = OSError(errno.EROFS, "inside")
    with pytest.raises(OSError, match="inside") as caught, exclusive(folder):
        raise error
    assert caught.value is error


def test_other_troubles_are_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.parent.write_text("a file")
    with pytest.raises(CrosscourseError, match="Something else is in its place"), exclusive(folder):
        pass
    monkeypatch.setattr(files, "own_folder", raising(errno.ENOSPC))
    with pytest.raises(DiskFullError), exclusive(folder):
        pass


def test_who_wants_it_alone_is_not_passed_over(tmp_path: Path) -> None:
    """Some of those who share it are always at work, each of them for a while."""
    path, ended, shared = tmp_path / "lock", threading.Event(), threading.Event()

    def share() -> None:
        while not ended.is_set():
            with held(path, shared=True):
                shared.set()
                time.sleep(0.05)

    def alone() -> None:
        with held(path, shared=False):
            ended.set()

    threads = [threading.Thread(target=share, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
        time.sleep(0.0125)
    assert shared.wait(10)
    threading.Thread(target=alone, daemon=True).start()
    came = ended.wait(10)
    ended.set()
    for thread in threads:
        thread.join()
    assert came


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("second", [True, False])
def test_held_together_or_alone(tmp_path: Path, first: bool, second: bool) -> None:
    got = threading.Event()

    def other() -> None:
        with held(tmp_path / "lock", shared=second):
            got.set()

    with held(tmp_path / "lock", shared=first):
        thread = threading.Thread(target=other, daemon=True)
        thread.start()
        assert got.wait(10 if first and second else 0.2) == (first and second)
    assert got.wait(10)
    thread.join()


def test_who_owns_removes_the_file_and_who_waited_owns_a_new_one(tmp_path: Path) -> None:
    path, order = tmp_path / "boot.owner", list[str]()
    waits = threading.Event()

    def second() -> None:
        with owning(path, lambda _: waits.set()) as mine:
            order.append(f"second {mine} {path.exists()}")

    thread = threading.Thread(target=second)
    with owning(path) as mine:
        thread.start()
        assert waits.wait(10)
        with owning(path) as other:
            assert not other
        order.append(f"first {mine} {path.exists()}")
    thread.join(10)
    assert order == ["first True True", "second True True"]
    assert not path.exists()
