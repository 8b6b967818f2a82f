"""What the running tasks of a run do at this moment, in their own words."""

from __future__ import annotations

import threading
import time

# How the status of a task opens that takes no processor: others are shown before it.
WAITING = "waiting"


class Statuses:
    """A status by the name of a task. Tasks set theirs, whoever shows the run asks, each from threads of its own.

    Made for a run, and gone with it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._texts: dict[str, str] = {}
        # Since when a task that had to wait is at work, on the monotonic clock (s).
        self._resumed: dict[str, float] = {}

    def set(self, task: str, text: str) -> None:
        """What a task does from now on, in a few words ("linking"); one that waits begins with ``WAITING``."""
        with self._lock:
            if is_waiting(self._texts.get(task)) and not is_waiting(text):
                self._resumed[task] = time.monotonic()
            self._texts[task] = text

    def clear(self, task: str) -> None:
        """A task has no status any more; how long it waited is still known."""
        with self._lock:
            self._texts.pop(task, None)

    def get(self, task: str) -> str | None:
        """A task's status, or None."""
        with self._lock:
            return self._texts.get(task) or None

    def at_work_since(self, task: str, started: float) -> float:
        """When a task that started at ``started`` began its work, both on the monotonic clock (s): after its wait."""
        with self._lock:
            return max(started, self._resumed.get(task, 0.0))


def is_waiting(status: str | None) -> bool:
    """Whether a task with that status only waits."""
    return bool(status) and str(status).startswith(WAITING)
