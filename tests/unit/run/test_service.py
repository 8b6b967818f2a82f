"""Programs beside a step, real ones: they run for the time of a block, and a killed run's are found and ended."""

from __future__ import annotations

import os
import signal
import time
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from crosscourse.run import service
from crosscourse.run.process import CommandError
from crosscourse.run.service import Service, end_left_over, serving

ENV = {"PATH": os.environ["PATH"]}
FOR_A_WHILE = "n=0; while [ $n -lt 200 ]; do n=$((n + 1)); sleep 0.05; done"
STUBBORN = f"trap '' TERM; echo up; {FOR_A_WHILE}"


def started(folder: Path, script: str) -> AbstractContextManager[Service]:
    return serving(["sh", "-c", script], log=folder / "sh.log", env=ENV, folder=folder)


def await_text(log: Path) -> str:
    """The first line of a log, once it is there."""
    end = time.monotonic() + 10
    while not log.read_text().endswith("\n"):
        assert time.monotonic() < end
        time.sleep(0.01)
    return log.read_text().splitlines()[0]


def gone(pid: int) -> bool:
    """Whether a process has ended within a while; one that nobody waits for counts."""
    end = time.monotonic() + 5
    while time.monotonic() < end:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.01)
    return False


def test_a_program_runs_for_the_time_of_the_block(tmp_path: Path) -> None:
    with started(tmp_path, "echo $PWD ${HOME-none}; exec sleep 20") as running:
        assert running.name == "sh"
        assert await_text(running.log) == f"{tmp_path} none"
        assert running.alive()
        running.check()
        assert (tmp_path / service.RECORD).read_text().split()[0] == str(running.pid)
    assert not running.alive()
    assert gone(running.pid)


def test_an_error_in_the_block_ends_the_program_and_its_children(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="mine"), started(tmp_path, "sleep 20 & echo $!; wait") as running:
        child = int(await_text(running.log))
        raise ValueError("mine")
    assert gone(running.pid)
    assert gone(child)


def test_one_that_has_ended_says_why(tmp_path: Path) -> None:
    with started(tmp_path, "echo 'no such port' >&2; exit 3") as running:
        assert gone(running.pid)
        end = time.monotonic() + 5
        while running.alive() and time.monotonic() < end:
            time.sleep(0.01)
        with pytest.raises(CommandError, match="sh: ended too early") as caught:
            running.check()
    assert caught.value.tail == "no such port"
    assert str(tmp_path / "sh.log") in caught.value.remedy


class Unshown:
    """A child like sh's, which waits for its end to be shown."""

    def __repr__(self) -> str:
        raise AssertionError("waits until the program ends")


def test_it_can_be_shown_while_it_runs() -> None:
    assert "qemu" in repr(Service(name="qemu", pid=1, log=Path("log"), child=Unshown()))


def test_stop_is_asked_for_and_waits(tmp_path: Path) -> None:
    with started(tmp_path, f"trap 'echo bye; exit 0' TERM; echo up; {FOR_A_WHILE}") as running:
        await_text(running.log)
        assert running.stop()
        assert running.log.read_text().splitlines()[-1] == "bye"
        assert running.stop()  # one that is gone already is no error


def test_stop_has_an_end_where_the_program_has_none(tmp_path: Path) -> None:
    with started(tmp_path, STUBBORN) as running:
        await_text(running.log)
        begun = time.monotonic()
        assert not running.stop(seconds=0.1)
        assert time.monotonic() - begun < 3
        assert running.alive()
        assert running.stop(signal.SIGKILL)


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    with (
        pytest.raises(CommandError, match="no-such-program: this program was not found"),
        serving(["no-such-program"], log=tmp_path / "log", env=ENV, folder=tmp_path),
    ):
        pytest.fail("it was started")


def test_what_was_left_running_is_ended_with_its_children(tmp_path: Path) -> None:
    with started(tmp_path, "sleep 20 & echo $!; wait") as running:
        child = int(await_text(running.log))
        assert end_left_over(tmp_path) == [running.pid]
        assert gone(running.pid)
        assert gone(child)
    assert end_left_over(tmp_path) == []


def test_a_number_that_another_process_has_by_now_is_left_alone(tmp_path: Path) -> None:
    with started(tmp_path, "echo up; exec sleep 20") as running:
        await_text(running.log)
        pid, ticks = (tmp_path / service.RECORD).read_text().split()
        (tmp_path / service.RECORD).write_text(f"{pid} {int(ticks) - 1}\n")
        assert end_left_over(tmp_path) == []
        time.sleep(0.05)
        assert running.alive()


@pytest.mark.parametrize(
    "text", [None, "", "\n", "12\n", f"{os.getpid()} -\n", f"{os.getpid()} 1 1\n", "999999999 1\n"]
)
def test_a_record_that_names_nobody(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / service.RECORD).write_text(text)
    assert end_left_over(tmp_path) == []


@pytest.mark.parametrize("content", [b"x y\n", b"\xff\xfe 1\n"])
def test_a_damaged_record_keeps_no_boot_from_beginning(tmp_path: Path, content: bytes) -> None:
    (tmp_path / service.RECORD).write_bytes(content)
    assert end_left_over(tmp_path) == []
