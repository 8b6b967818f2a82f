"""What a run started, and that nothing of it outlives the run. Real processes throughout."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from crosscourse.run import process
from crosscourse.run.children import Children, of_this_run, stopping
from crosscourse.run.process import StoppedError

ENV = {"PATH": os.environ["PATH"]}
ROOT = Path(__file__).resolve().parents[3]


def wait_until(condition: Callable[[], object], what: str, seconds: float = 5) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.01)


def runs(pid: int) -> bool:
    """Whether a process is there; one that nobody waits for is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def sleeper(children: Children) -> subprocess.Popen[bytes]:
    """A program that runs for long, in a group of its own, and a child of it."""

    def launch(announce: Callable[[], None]) -> subprocess.Popen[bytes]:
        def before() -> None:
            os.setpgid(0, 0)
            announce()

        return subprocess.Popen(["sh", "-c", "sleep 60 & wait"], preexec_fn=before)  # noqa: PLW1509  # few threads here

    child = children.start(launch)
    assert isinstance(child, subprocess.Popen)
    return child


def watchdogs() -> set[int]:
    """Watchdogs that this process started."""
    found = set()
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            words = (folder / "cmdline").read_bytes()
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == os.getpid() and b"watchdog.py" in words:
            found.add(int(folder.name))
    return found


def test_a_run_without_children_has_no_watchdog() -> None:
    before = watchdogs()
    with Children():
        assert watchdogs() == before


def test_nothing_is_left_when_the_run_ends() -> None:
    before = watchdogs()
    with Children() as children:
        one, two = sleeper(children), sleeper(children)
        assert len(watchdogs() - before) == 1
        assert one.poll() is two.poll() is None
    assert one.wait(5) == two.wait(5) == -9
    assert watchdogs() == before


def test_an_error_ends_the_children_too() -> None:
    with pytest.raises(ValueError, match="mine"), Children() as children:
        child = sleeper(children)
        raise ValueError("mine")
    assert child.wait(5) == -9


def test_once_the_run_is_being_ended_nothing_starts() -> None:
    children = Children()
    with children:
        assert not children.stopping
        assert not stopping()
        child = sleeper(children)
        children.kill_all()
        assert child.wait(5) == -9
        assert stopping()
        assert children.start(lambda _: pytest.fail("it was started")) is None
    assert children.stopping
    assert children.start(lambda _: pytest.fail("it was started")) is None


def test_a_second_run_starts_afresh(tmp_path: Path) -> None:
    with Children() as first:
        first.kill_all()
    assert not stopping()
    with Children():
        assert not stopping()
        assert process.run(["echo", "on"], log=tmp_path / "x.log", env=ENV) == "on\n"


def test_a_thread_that_outlives_its_run_starts_nothing(tmp_path: Path) -> None:
    go_on, outcome = threading.Event(), list[str]()

    def work(children: Children) -> None:
        with children.at_work():
            go_on.wait(10)
            try:
                outcome.append(process.run(["echo", "started"], log=tmp_path / "x.log", env=ENV))
            except StoppedError:
                outcome.append("stopped")

    with Children() as children:
        thread = threading.Thread(target=work, args=(children,))
        thread.start()
    with Children():  # another run, which is no business of that thread
        go_on.set()
        thread.join(10)
    assert outcome == ["stopped"]


def test_threads_that_work_for_a_run_share_its_children() -> None:
    found = list[Children]()

    def work(children: Children) -> None:
        with children.at_work(), of_this_run() as mine:
            found.append(mine)
        with of_this_run() as other:
            found.append(other)

    with Children() as children:
        thread = threading.Thread(target=work, args=(children,))
        thread.start()
        thread.join()
        with of_this_run() as own:
            assert own is children
    assert found[0] is children
    assert found[1] is not children


def test_outside_of_a_run_children_last_for_a_block() -> None:
    before = watchdogs()
    with of_this_run() as children:
        child = sleeper(children)
        with of_this_run() as again:
            assert again is children
    assert child.wait(5) == -9
    assert watchdogs() == before


def test_what_a_child_left_in_its_group_ends_with_it(tmp_path: Path) -> None:
    with Children():
        script = "sleep 60 >/dev/null 2>&1 & echo $!"
        left = int(process.run(["sh", "-c", script], log=tmp_path / "x.log", env=ENV))
        wait_until(lambda: not runs(left), "the child of a child is still there")


def test_a_watchdog_that_was_killed_is_replaced(tmp_path: Path) -> None:
    """By one that knows of what the former knew of: both children end when this process is killed."""
    script = f"""
        import os, sys, time
        from pathlib import Path
        sys.path.insert(0, {os.fspath(ROOT)!r})
        from crosscourse.run.children import Children
        from tests.unit.run.test_children import runs, sleeper, wait_until, watchdogs

        with Children() as children:
            one = sleeper(children)
            (first,) = watchdogs()
            os.kill(first, 9)
            wait_until(lambda: not runs(first), "it is still there")
            two = sleeper(children)
            Path({os.fspath(tmp_path / "pids")!r}).write_text(f"{{one.pid}} {{two.pid}} .")
            time.sleep(60)
    """
    pids = tmp_path / "pids"
    parent = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)])
    wait_until(lambda: pids.is_file() and pids.read_text().endswith("."), "no children", seconds=20)
    children = [int(pid) for pid in pids.read_text().split()[:2]]
    assert all(map(runs, children))
    parent.kill()
    parent.wait()
    wait_until(lambda: not any(map(runs, children)), "children are still there")
