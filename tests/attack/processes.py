"""Programs that are started to be attacked, and what they leave behind.

This process adopts what its children leave (PR_SET_CHILD_SUBREAPER, prctl(2)), so that nothing escapes the look.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
# A killed run's watchdog needs a moment to end the others.
GRACE = 5.0


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a run ended: exit status, all that it printed, processes that it left; ``hung``: it had to be killed."""

    code: int
    text: str
    seconds: float
    hung: bool = False
    left: tuple[str, ...] = ()


class Running:
    """A run under way, in a session of its own. ``output``: the file that gets what it prints."""

    def __init__(self, words: Sequence[str], *, folder: Path, env: Mapping[str, str], output: Path) -> None:
        adopt()
        self._output = output
        self._others = set(descendants())
        self._started = time.monotonic()
        with output.open("wb") as stream:
            self.process = subprocess.Popen(
                words,
                cwd=folder,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait(self, seconds: float) -> bool:
        """Wait for its end, at most so long; whether it has ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=max(seconds, 0))
        return self.process.returncode is not None

    def below(self) -> list[int]:
        """The processes that it started, and those that they did."""
        return [pid for pid in descendants(self.process.pid) if pid not in self._others | {self.process.pid}]

    def send(self, number: int, whom: Sequence[int]) -> None:
        """Send a signal to processes; those that are gone don't count."""
        for pid in whom:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def finish(self, limit: float) -> Ended:
        """Wait for the end, and for the end of all that it started; what then is still there is told, and killed."""
        hung = True
        try:
            hung = not self.wait(limit)
        finally:
            if hung:  # or this one is interrupted
                self.process.kill()
                self.process.wait()
        left = _wait_until_gone(self._others, GRACE)
        return Ended(
            code=self.process.returncode,
            text=self._output.read_text(errors="replace"),
            seconds=time.monotonic() - self._started,
            hung=hung,
            left=tuple(left),
        )


def adopt() -> None:
    """Make orphans below this process its children."""
    libc: Callable[..., int] = ctypes.CDLL(None).prctl
    libc(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def descendants(own: int = 0) -> list[int]:
    """All processes below this one that are alive; dead orphans are taken note of, but for ``own``, so that they go."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError, ValueError):
                state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
                if state not in "ZX":
                    parents[int(folder.name)] = int(parent)
                elif int(parent) == os.getpid() and int(folder.name) != own:
                    os.waitpid(int(folder.name), os.WNOHANG)
    found: list[int] = []
    todo = [os.getpid()]
    while todo:
        above = todo.pop()
        below = [pid for pid, parent in parents.items() if parent == above]
        found += below
        todo += below
    return found


def _wait_until_gone(others: set[int], seconds: float) -> list[str]:
    end = time.monotonic() + seconds
    while found := [pid for pid in descendants() if pid not in others]:
        if time.monotonic() > end:
            told = [_describe(pid) for pid in found]
            for pid in found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.2)
            descendants()
            return told
        time.sleep(0.02)
    return []


def _describe(pid: int) -> str:
    try:
        return (Path("/proc") / str(pid) / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ").strip()
    except OSError:
        return f"process {pid}"
