"""The records of what was done: whatever befalls their file costs time, never an error, never a wrong record."""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crosscourse.engine.lock import BusyError
from crosscourse.engine.records import CrashSafeDB, is_whole
from crosscourse.errors import CrosscourseError, DiskFullError

ROOT = Path(__file__).resolve().parents[3]
VALUES = {"result": "r", "inputs": {"a": "ä\n"}}


def save(db: CrashSafeDB, task: str, values: Any) -> None:
    """As doit saves a task that was done."""
    db.set(task, "_values_:", values)
    db.set(task, "result:", values)
    db.set(task, "checker:", "MD5Checker")
    db.set(task, "deps:", ())


def open_at(path: Path) -> CrashSafeDB:
    return CrashSafeDB(str(path))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "build" / "records"


@pytest.fixture
def filled(path: Path) -> Path:
    db = open_at(path)
    for number in range(20):
        save(db, f"task:{number}", {**VALUES, "number": number})
    db.remove("task:3")
    db.dump()
    return path


def numbers(db: CrashSafeDB) -> dict[str, int]:
    names = [f"task:{number}" for number in range(20)]
    return {name: db.get(name, "_values_:")["number"] for name in names if db.in_(name)}


def test_a_record_is_there_when_its_task_is_done_and_not_before(path: Path) -> None:
    db = open_at(path)
    db.set("a", "_values_:", VALUES)
    assert not open_at(path).in_("a")
    db.set("a", "deps:", ())
    assert open_at(path).get("a", "_values_:") == VALUES  # though the process goes on, or is killed now
    assert open_at(path).get("a", "deps:") == []
    db.remove("a")
    assert not open_at(path).in_("a")
    assert db.get("a", "_values_:") is None


def test_of_a_group_nothing_is_written(filled: Path) -> None:
    before = filled.read_bytes()
    db = open_at(filled)
    save(db, "build", {})
    db.dump()
    assert filled.read_bytes() == before


def test_what_is_kept_otherwise_is_there_at_the_end(path: Path) -> None:
    db = open_at(path)
    db.set("a", "ignore:", "1")  # `doit ignore`
    db.dump()
    assert open_at(path).get("a", "ignore:") == "1"
    again = open_at(path)
    again.remove_all()
    again.dump()
    assert not open_at(path).in_("a")


def test_looking_opens_nothing_for_writing(tmp_path: Path, filled: Path) -> None:
    before = filled.stat()
    db = open_at(filled)
    assert numbers(db)["task:4"] == 4
    db.dump()
    assert filled.stat() == before
    nothing = open_at(tmp_path / "no" / "records")
    nothing.dump()
    assert not (tmp_path / "no").exists()


def test_a_refreshed_record_is_written_if_that_is_possible_and_no_error_if_not(filled: Path) -> None:
    db = open_at(filled)
    db.refresh("task:1", {"number": 100})
    assert db.get("task:1", "_values_:") == {"number": 100}
    with filled.open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        db.dump()
    assert numbers(open_at(filled))["task:1"] == 1
    db = open_at(filled)
    db.refresh("task:1", {"number": 100})
    db.dump()
    assert numbers(open_at(filled))["task:1"] == 100


def damaged(kind: str, path: Path) -> None:
    content = path.read_bytes()
    path.unlink()
    if kind == "garbage":
        path.write_bytes(bytes(random.Random(1).randbytes(5000)))  # noqa: S311
    elif kind == "a flipped bit":
        spot = len(content) // 2
        path.write_bytes(content[:spot] + bytes([content[spot] ^ 1]) + content[spot + 1 :])
    elif kind == "zeros":
        path.write_bytes(bytes(30) + content[30:])
    elif kind == "of another version":
        path.write_bytes(content.replace(b"records 1", b"records 0"))
    elif kind == "a database":
        path.write_bytes(b"SQLite format 3\0" + bytes(4080))
    elif kind == "a folder":
        (path / "inside").mkdir(parents=True)
    elif kind == "a FIFO":
        os.mkfifo(path)
    elif kind == "huge":
        with path.open("wb") as stream:
            stream.truncate(1 << 40)
    elif kind == "a dangling link":
        path.symlink_to(path.parent / "nowhere" / "x")
    elif kind == "a link to itself":
        path.symlink_to(path)


KINDS = ("garbage", "a flipped bit", "zeros", "of another version", "a database", "a folder", "a FIFO", "huge")


@pytest.mark.parametrize("kind", [*KINDS, "a link to itself", "a dangling link"])
def test_a_damaged_file_is_set_aside_and_said(kind: str, filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damaged(kind, filled)
    looking = open_at(filled)
    assert numbers(looking) == {}
    looking.dump()
    assert "is found out anew" in capsys.readouterr().err
    assert not filled.with_name("records.damaged").exists()  # a look changes nothing
    for _ in range(2):  # an earlier one is in its place
        db = open_at(filled)
        save(db, "task:7", {"number": 7})
        db.dump()
        assert numbers(open_at(filled)) == {"task:7": 7}
        aside = filled.with_name("records.damaged")
        assert aside.exists() or aside.is_symlink()
        assert f"set aside: {os.path.relpath(aside)}" in capsys.readouterr().err
        damaged(kind, filled)


def test_cut_off_anywhere_what_is_before_counts(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = filled.read_bytes()
    whole = numbers(open_at(filled))
    for length in range(0, len(content), 7):
        filled.write_bytes(content[:length])
        db = open_at(filled)
        found = numbers(db)
        assert found.items() <= (whole | {"task:3": 3}).items()
        save(db, "task:19", {"number": 190})
        db.dump()
        assert numbers(open_at(filled)) == found | {"task:19": 190}
    assert capsys.readouterr().err == ""


def test_any_flipped_byte_is_noticed_or_changes_nothing_but_the_last_record(filled: Path) -> None:
    content = filled.read_bytes()
    whole = numbers(open_at(filled))
    for spot in range(0, len(content), 3):
        filled.write_bytes(content[:spot] + bytes([content[spot] ^ 0x11]) + content[spot + 1 :])
        assert numbers(open_at(filled)) in ({}, whole, whole | {"task:3": 3})


@contextlib.contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """What stands in for a full disk: writing more is an error of the system."""
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)


def test_of_a_record_that_has_no_room_nothing_is_left(filled: Path) -> None:
    size, whole = filled.stat().st_size, numbers(open_at(filled))
    for room in (0, 1, 10, 100):
        with no_file_larger_than(size + room):
            db = open_at(filled)
            with pytest.raises(CrosscourseError):
                save(db, "task:7", {"number": 70, "more": "x" * 5000})
            db.dump()
        assert filled.stat().st_size == size
        assert numbers(open_at(filled)) == whole
    save(open_at(filled), "task:7", {"number": 70})
    assert numbers(open_at(filled)) == whole | {"task:7": 70}


def test_the_first_line_has_no_room(path: Path) -> None:
    path.parent.mkdir()
    (path.parent / "CACHEDIR.TAG").write_text("crosscourse")
    with no_file_larger_than(5), pytest.raises(CrosscourseError):
        save(open_at(path), "task:7", {"number": 7})
    save(open_at(path), "task:7", {"number": 7})
    assert numbers(open_at(path)) == {"task:7": 7}


def test_a_build_forgives_a_record_that_can_not_be_removed(filled: Path) -> None:
    size = filled.stat().st_size
    with no_file_larger_than(size):
        db = open_at(filled)
        with pytest.raises(CrosscourseError):
            db.remove("task:7")
        db.dump()
        db = open_at(filled)
        db.forgiving = True
        db.remove("task:7")
        assert not db.in_("task:7")
        db.dump()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_called_so(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    db = open_at(path)
    save(db, "a", VALUES)
    assert db._file is not None
    full = os.open("/dev/full", os.O_RDWR)
    monkeypatch.setattr("crosscourse.engine.records.os.ftruncate", lambda *_: None)
    os.dup2(full, db._file)
    os.close(full)
    with pytest.raises(DiskFullError, match="records of what was done"):
        save(db, "b", VALUES)


def test_lines_that_no_longer_count_go(path: Path) -> None:
    for _ in range(6):
        db = open_at(path)
        for number in range(60):
            save(db, f"task:{number % 3}", {"number": number})
        db.dump()
    assert path.read_bytes().count(b"\n") < 250
    assert numbers(open_at(path)) == {"task:0": 57, "task:1": 58, "task:2": 59}
    assert not list(path.parent.glob("*.partial"))


def test_two_at_once_wait_for_each_other_and_lose_nothing(path: Path) -> None:
    builds = open_at(path)
    save(builds, "a", VALUES)
    script = (
        "import sys; from crosscourse.engine.records import CrashSafeDB;"
        "db = CrashSafeDB(sys.argv[1]); print(flush=True);"
        "db.set('b', '_values_:', {'x': 1}); db.set('b', 'deps:', ()); db.dump()"
    )
    with subprocess.Popen([sys.executable, "-c", script, path], cwd=ROOT, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        save(builds, "c", VALUES)
        builds.dump()
    assert other.returncode == 0
    assert all(open_at(path).in_(name) for name in "abc")


def test_who_waits_for_too_long_is_told(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crosscourse.engine.records._PATIENCE", 0)
    with filled.open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        db = open_at(filled)
        with pytest.raises(BusyError):
            db._open(0)


GOOD = {
    "format": 2,
    "inputs": {"a": "b", "c": {"d": "e"}},
    "seconds": 0.1,
    "outputs": {"x": ["path", "digest", 1, 2, 3, 4]},
    "result": {"x": "digest"},
    "source": {},
    "reads": {"trees": ["."]},
    "content": "",
}


def _without(key: str) -> dict[str, Any]:
    return {name: value for name, value in GOOD.items() if name != key}


@pytest.mark.parametrize(
    "record",
    [*map(_without, GOOD), *({**GOOD, key: [1]} for key in GOOD), {**GOOD, "outputs": {"x": []}}, None, [], "x", 3, {}],
)
def test_a_record_that_lacks_something_counts_as_none(record: Any) -> None:
    assert is_whole(GOOD, 2)
    assert not is_whole(GOOD, 3)
    assert not is_whole(record, 2)


def test_nobody_reads_what_is_said(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged("garbage", filled)
    monkeypatch.setattr(sys, "stderr", None)
    open_at(filled)
