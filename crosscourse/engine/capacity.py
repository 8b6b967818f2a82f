"""What running tasks share: processor slots and memory. A task waits until there is enough of both."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


def available_memory() -> int:
    """Memory that can be used without swapping, in MiB (``MemAvailable`` of proc_meminfo(5))."""
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) // 1024
    return 2048


class Pool:
    """``slots`` tasks at once, as long as their memory (MiB) fits; tasks with the same key one after the other.

    Of several that could go, the one that needs most memory goes first: what is big takes long, and must not come last.
    A task that alone needs more than there is still runs, but then alone.
    """

    def __init__(self, slots: int | None = None, memory: int | None = None) -> None:
        # One more than there are processors: linkers and pauses leave one idle now and then.
        self.slots = slots or (os.cpu_count() or 1) + 1
        self.memory = memory or available_memory()
        self._running: list[_Request] = []
        self._waiting: list[_Request] = []
        self._changed = threading.Condition()

    def _why_not(self, request: _Request) -> str:
        """What keeps a task from running now; empty if nothing does."""
        if any(other.key == request.key for other in self._running):
            return f"waiting for its turn with {request.key}"
        if len(self._running) >= self.slots:
            return "waiting for a processor"
        used = sum(other.memory for other in self._running)
        if self._running and used + request.memory > self.memory:
            return f"waiting for {request.memory} MiB of memory"
        return ""

    def _is_next(self, request: _Request) -> str:
        """Like ``_why_not``, but a bigger task that could run now is let past."""
        why = self._why_not(request)
        if not why and any(other.memory > request.memory and not self._why_not(other) for other in self._waiting):
            return "waiting for a processor"
        return why

    @contextmanager
    def hold(self, memory: int, key: str, note: Callable[[str], None]) -> Iterator[None]:
        """One slot and ``memory`` MiB for the time of the block; ``note`` is told what is being waited for."""
        request = _Request(memory=memory, key=key)
        with self._changed:
            self._waiting.append(request)
            while why := self._is_next(request):
                note(why)
                self._changed.wait()
            self._waiting.remove(request)
            self._running.append(request)
            self._changed.notify_all()
        note("")
        try:
            yield
        finally:
            with self._changed:
                self._running.remove(request)
                self._changed.notify_all()


@dataclass(eq=False, frozen=True, kw_only=True)
class _Request:
    """One task's wish; compared by identity."""

    memory: int
    key: str
