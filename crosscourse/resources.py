"""What running tasks share: processor slots and memory. A task waits until there is enough of both."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def available_memory() -> int:
    """Memory that can be used without swapping, in MiB (``MemAvailable`` of proc_meminfo(5))."""
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) // 1024
    return 2048


class Pool:
    """``slots`` tasks at once, as long as their memory (MiB) fits; tasks with the same key one after the other.

    A task that alone needs more than there is still runs, but then alone.
    """

    def __init__(self, slots: int | None = None, memory: int | None = None) -> None:
        self.slots = slots or os.cpu_count() or 1
        self.memory = memory or available_memory()
        self._used_slots = 0
        self._used_memory = 0
        self._keys: set[str] = set()
        self._changed = threading.Condition()

    def _why_not(self, memory: int, key: str) -> str:
        if key in self._keys:
            return f"waiting for its turn with {key}"
        if self._used_slots >= self.slots:
            return "waiting for a processor"
        if self._used_slots and self._used_memory + memory > self.memory:
            return f"waiting for {memory} MiB of memory"
        return ""

    @contextmanager
    def hold(self, memory: int, key: str, note: Callable[[str], None]) -> Iterator[None]:
        """One slot and ``memory`` MiB for the time of the block; ``note`` is told what is being waited for."""
        with self._changed:
            while why := self._why_not(memory, key):
                note(why)
                self._changed.wait()
            self._used_slots += 1
            self._used_memory += memory
            self._keys.add(key)
        note("")
        try:
            yield
        finally:
            with self._changed:
                self._used_slots -= 1
                self._used_memory -= memory
                self._keys.discard(key)
                self._changed.notify_all()
