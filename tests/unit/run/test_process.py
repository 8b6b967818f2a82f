"""Child processes: their logs, their errors, and their end."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from crosscourse.errors import DiskFullError
from crosscourse.run import disk, process
from crosscourse.run.children import Children
from crosscourse.run.process import CommandError, StoppedError

ENV = {"PATH": os.environ["PATH"]}


def test_output_is_returned_and_logged(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "x.log"
    assert process.run(["sh", "-c", "echo out; echo err >&2"], log=log, env=ENV) == "out\nerr\n"
    process.run(["sh", "-c", "pwd"], log=log, env=ENV, cwd=tmp_path)
    assert log.read_text().splitlines() == [
        "$ sh -c 'echo out; echo err >&2'",
        "out",
        "err",
        "$ sh -c pwd",
        str(tmp_path),
    ]


def test_the_environment_is_only_what_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAK", "yes")
    assert "LEAK" not in process.run(["env"], log=tmp_path / "x.log", env={**ENV, "KEPT": "1"})


def test_failure_has_the_last_lines_whole(tmp_path: Path) -> None:
    long = "x" * 2000
    with pytest.raises(CommandError) as caught:
        process.run(["sh", "-c", f"seq 1 40; echo {long}; exit 3"], log=tmp_path / "x.log", env=ENV)
    assert "exit status 3" in str(caught.value)
    lines = caught.value.tail.splitlines()
    assert len(lines) == process.TAIL
    assert lines[-1] == long


def test_killed_by_a_signal(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="SIGKILL"):
        process.run(["sh", "-c", "kill -9 $$"], log=tmp_path / "x.log", env=ENV)


def test_unknown_program(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="was not found"):
        process.run(["no-such-program"], log=tmp_path / "x.log", env=ENV)


def test_a_program_that_merely_speaks_of_a_full_disk_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "full", lambda *_, **__: [])  # there is room
    with pytest.raises(CommandError, match="exit status 1") as caught:
        process.run(["sh", "-c", "echo 'write: No space left on device' >&2; exit 1"], log=tmp_path / "x.log", env=ENV)
    assert "there is room" in str(caught.value)


def test_where_the_file_system_is_full_it_is_said_whatever_the_program_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "full", lambda *_, **__: ["/x: 0 kB free"])
    with pytest.raises(DiskFullError, match="/x: 0 kB free"):
        process.run(["sh", "-c", "exit 1"], log=tmp_path / "x.log", env=ENV)


def test_output_that_was_cut_off_says_as_much_as_words_of_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "full", lambda *_, spoken: ["/x: 5 kB free"] if spoken else [])
    with pytest.raises(DiskFullError, match="/x: 5 kB free"):
        process.run(["sh", "-c", "printf 'writing output: no spa'; exit 1"], log=tmp_path / "x.log", env=ENV)
    for ended in ("echo no such thing; exit 1", "exit 1"):
        with pytest.raises(CommandError, match="exit status 1"):
            process.run(["sh", "-c", ended], log=tmp_path / "x.log", env=ENV)


def test_what_a_child_left_running_is_ended(tmp_path: Path) -> None:
    out = process.run(["sh", "-c", "sleep 60 >/dev/null 2>&1 & echo $!"], log=tmp_path / "x.log", env=ENV)
    assert_gone(int(out))


def test_nothing_is_started_once_the_run_is_being_ended(tmp_path: Path) -> None:
    with Children() as children:
        children.kill_all()
        with pytest.raises(StoppedError):
            process.run(["sh", "-c", "echo started"], log=tmp_path / "x.log", env=ENV)
    assert "\nstarted" not in (tmp_path / "x.log").read_text()


def test_a_program_that_the_end_of_the_run_killed_did_not_fail_by_itself(tmp_path: Path) -> None:
    with Children() as children:
        threading.Timer(0.2, children.kill_all).start()
        with pytest.raises(StoppedError):
            process.run(["sleep", "20"], log=tmp_path / "x.log", env=ENV)


def assert_gone(pid: int) -> None:
    end = time.monotonic() + 5
    while time.monotonic() < end:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return
        if state == "Z":
            return
        time.sleep(0.02)
    pytest.fail(f"process {pid} is still there")


def test_children_end_when_we_are_killed(tmp_path: Path) -> None:
    """The watchdog ends a child and its children after a SIGKILL of the one that started them."""
    script = (
        "import os, pathlib, sys\nfrom crosscourse.run import process\n"
        f"process.run(['sh', '-c', 'sleep 60 & echo $! $$ > {tmp_path}/pids; wait'], "
        f"log=pathlib.Path('{tmp_path}/x.log'), env=dict(os.environ))\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script])
    pids = tmp_path / "pids"
    end = time.monotonic() + 10
    while not (pids.is_file() and pids.read_text().strip()):
        assert time.monotonic() < end
        time.sleep(0.02)
    parent.kill()
    parent.wait()
    for pid in pids.read_text().split():
        assert_gone(int(pid))


def test_a_child_that_is_killed_before_it_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_launch: object) -> object:
        raise ValueError("not enough values to unpack (expected 2, got 1)")  # of what the child tells sh of itself

    with Children() as children, (tmp_path / "log").open("wb") as log:
        monkeypatch.setattr(children, "start", start)
        with pytest.raises(CommandError, match="was ended while it was being started"):
            process.start(["true"], children=children, stream=log, env=os.environ)
