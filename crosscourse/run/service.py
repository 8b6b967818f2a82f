"""Programs that run beside the work of a step (servers, a virtual machine), each in a group of its own, with its log.

They end with the block that started them. If this process is killed, the watchdog ends them; if that is killed too,
``end_left_over`` of the next run does, from the record in the folder they ran in.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crosscourse.errors import CrosscourseError
from crosscourse.run import process
from crosscourse.run.children import of_this_run

RECORD = "processes"


class NotReadyError(CrosscourseError):
    """A program that runs and can't be used."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """A running program. ``log``: everything that it prints."""

    name: str
    pid: int
    log: Path
    child: Any = field(repr=False)  # whose own repr waits for it to end

    def alive(self) -> bool:
        """Whether it still runs."""
        return bool(self.child.is_alive())

    def check(self) -> None:
        """Raise CommandError, with the end of the log, if the program has ended by itself."""
        if not self.alive():
            raise process.CommandError(self.name, "ended too early", process.tail_of(self.log), f"Its log: {self.log}")

    def wait_until(self, ready: Callable[[], bool], trouble: str, *, seconds: float) -> None:
        """Wait until the program can be used. ``trouble``: what the error says if that takes longer than ``seconds``.

        Raises NotReadyError, CommandError (it has ended), StoppedError.
        """
        end = time.monotonic() + seconds
        while not ready():
            self.check()
            if process.stopping():
                raise process.StoppedError
            if time.monotonic() > end:
                raise NotReadyError(self.name, f"{trouble} within {seconds:.0f} s", f"Its log: {self.log}")
            time.sleep(0.05)

    def stop(self, number: int = signal.SIGTERM, *, seconds: float = 10) -> bool:
        """Ask the program to end. Returns whether it did within that time."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)
        end = time.monotonic() + seconds
        while self.alive() and time.monotonic() < end:
            time.sleep(0.05)
        return not self.alive()


@contextmanager
def serving(
    argv: Sequence[str | Path],
    *,
    log: Path,
    env: Mapping[str, str],
    folder: Path,
    user: int | None = None,
    stop_with: int = signal.SIGTERM,
) -> Iterator[Service]:
    """A program that runs for the time of the block, in ``folder``, where its process is recorded too.

    ``user``: the user id to run as, where this process is root's. ``stop_with``: the signal that asks it to end at
    the end of the block; if it does not within 5 s, it is killed. Raises CommandError if the program is not there.
    """
    name = Path(argv[0]).name
    with of_this_run() as children, log.open("ab") as stream:
        child = process.start(argv, children=children, stream=stream, env=env, cwd=folder, user=user)
        service = Service(name=name, pid=child.pid, log=log, child=child)
        try:
            _record(folder, child.pid)
            yield service
        finally:
            service.stop(stop_with, seconds=5)
            children.end(child.pid)
            with contextlib.suppress(Exception):  # how it ended is of no interest any more
                child.wait()


def _record(folder: Path, pid: int) -> None:
    with (folder / RECORD).open("a", encoding="utf-8") as stream:
        stream.write(f"{pid} {started_at(pid)}\n")


def started_at(pid: int) -> str:
    """When a process started, in clock ticks after boot (proc_pid_stat(5), field 22); ``-`` if there is none.

    With its number it is unique.
    """
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return "-"


def end_left_over(folder: Path) -> list[int]:
    """End what a killed run left running in ``folder``, whole process groups. Returns their numbers."""
    try:
        text = (folder / RECORD).read_text(encoding="ascii", errors="replace")
    except OSError:
        return []
    rows = [re.fullmatch(r"(\d+) (\d+)", line) for line in text.splitlines()]
    found = [int(row[1]) for row in rows if row and started_at(int(row[1])) == row[2]]
    for pid in found:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
    return found
