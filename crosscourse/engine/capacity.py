"""What running tasks share: processors and memory, as many as the kernel grants. Who may run now, and who goes first.

A container or a service may be granted less than the machine has: fewer processors (affinity), less of their time and
less memory (control groups). The limits of a group hold for all below it, so that those of its parents count too.
Sources: sched(7); https://docs.kernel.org/admin-guide/cgroup-v2.html ("CPU Interface Files", "Memory Interface
Files"); https://docs.kernel.org/admin-guide/cgroup-v1/memory.html; https://docs.kernel.org/scheduler/sched-bwc.html.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from crosscourse.run import process

_SYSTEM = Path("/")
# A guess at what a task of unknown duration takes, so that it can be ordered among the others: Concourse's own
# program takes 1200 MiB and 60 to 120 s, the small ones 300 MiB and 10 to 30 s.
_MIB_PER_SECOND = 15
# How often a waiting task looks whether the run is being stopped, in seconds.
_LOOK = 0.2


def granted_processors(system: Path = _SYSTEM, *, affinity: int | None = None) -> int:
    """Processors that this process may use, at least 1; a part of one counts as one.

    ``system``: where the files of /proc and /sys are looked up. ``affinity``: default: the kernel's answer.
    """
    processors = affinity if affinity is not None else len(os.sched_getaffinity(0))
    for folder in _control_groups(system, "cpu"):
        quota, _, period = _read(folder / "cpu.max").partition(" ")
        if not quota:
            quota, period = _read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")
        if quota.isdecimal() and period.isdecimal() and int(period):  # "max" and "-1" are no limit
            processors = min(processors, -(-int(quota) // int(period)))
    return max(processors, 1)


def granted_memory(system: Path = _SYSTEM) -> int:
    """Memory that this process may use now without swapping or being killed, in MiB; what is used already is not in it.

    ``system``: where the files of /proc and /sys are looked up.
    """
    free = [_field(_read(system / "proc/meminfo"), "MemAvailable:", 2048 * 1024) * 1024]
    for folder in _control_groups(system, "memory"):
        for limit, used, reclaimable in (
            ("memory.max", "memory.current", "inactive_file"),
            ("memory.high", "memory.current", "inactive_file"),  # above it tasks are slowed down
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        ):
            most, now = _read(folder / limit), _read(folder / used)
            if most.isdecimal() and now.isdecimal():
                # Cached files count as used, but make room when memory is short.
                free.append(int(most) - int(now) + _field(_read(folder / "memory.stat"), reclaimable, 0))
    return max(min(free) >> 20, 0)


def _read(path: Path) -> str:
    """The text of a small file; empty if it can't be read (a controller that is off, a container that hides it)."""
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape").strip()
    except OSError:
        return ""


def _field(text: str, name: str, default: int) -> int:
    """A number out of lines of ``name number``."""
    for line in text.splitlines():
        words = line.split()
        if len(words) > 1 and words[0] == name and words[1].isdecimal():
            return int(words[1])
    return default


def _control_groups(system: Path, controller: str) -> Iterator[Path]:
    """The folders of the control groups that this process is in, own and parents; both versions may be mounted."""
    groups = {}
    for line in _read(system / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        groups.update(dict.fromkeys(controllers.split(","), path))  # version 2 names no controllers
    for root, place, kind, options in _mounts(_read(system / "proc/self/mountinfo")):
        if kind == "cgroup2":
            group = groups.get("")
        elif kind == "cgroup" and controller in options:
            group = groups.get(controller)
        else:
            continue
        if group is None:
            continue
        # What is mounted may be a part of the hierarchy: a container sees its own group at the mount's root.
        inside = os.path.relpath(group, root)
        top = system / place.lstrip("/")
        folder = top if inside.startswith("..") else top / inside
        yield folder
        while folder != top:
            folder = folder.parent
            yield folder


def _mounts(text: str) -> Iterator[tuple[str, str, str, list[str]]]:
    """Of each line of proc_pid_mountinfo(5): root, place, type of file system, its options."""
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        fields, more = before.split(" "), after.split(" ")
        if len(fields) > 4 and len(more) > 2:
            yield _unescape(fields[3]), _unescape(fields[4]), more[0], more[2].split(",")


def _unescape(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)


@dataclass(frozen=True, kw_only=True)
class Grant:
    """What a task may use: ``memory`` in MiB, and ``processors``, which it shares with the others.

    Memory is what the task asked for and its share (one slot's) of what is unused when it starts.
    Processors are not divided: the kernel does that as it goes, and a task that is alone uses them all.
    """

    memory: int
    processors: int


class Pool:
    """Lets tasks run: ``slots`` at once, as long as their memory (MiB) fits; of the same key one after the other.

    The task that takes longest goes first; if it lacks memory, others start meanwhile only if they fit beside it,
    so that it waits for nothing but what already ran. A task that alone needs more than there is runs alone.

    ``slots``: by default the processors that are granted, as one ``go build`` uses them all (measured on 2 cores:
    a cold build takes 228 s with one slot, 220 s with two, 244 to 269 s with three). What is granted is found out
    when it is first needed.
    """

    def __init__(self, slots: int | None = None, memory: int | None = None, processors: int | None = None) -> None:
        self._slots = slots
        self._memory = memory
        self._processors = processors
        self._running: list[_Request] = []
        self._waiting: list[_Request] = []
        # The task that goes next but lacks memory, and those that started since then.
        self._next: _Request | None = None
        self._passed: list[_Request] = []
        self._changed = threading.Condition()

    @cached_property
    def processors(self) -> int:
        """Processors that are granted."""
        return self._processors or granted_processors()

    @cached_property
    def slots(self) -> int:
        """How many tasks run at once."""
        return self._slots or self.processors

    @cached_property
    def memory(self) -> int:
        """Memory that is granted, in MiB."""
        return self._memory or granted_memory()

    @contextmanager
    def hold(
        self, memory: int, key: str, status: Callable[[str], None], *, seconds: float | None = None
    ) -> Iterator[Grant]:
        """One slot and ``memory`` MiB for the time of the block; ``status`` is told what is being waited for.

        ``seconds``: how long the task is expected to take, as it took the last time. Raises StoppedError when the
        run is being stopped while the task waits.
        """
        request = _Request(memory=memory, key=key, seconds=memory / _MIB_PER_SECOND if seconds is None else seconds)
        try:
            with self._changed:
                self._waiting.append(request)
                self._start_who_can()
            self._wait(request, status)
            assert request.grant is not None
            yield request.grant
        finally:
            with self._changed:
                for requests in (self._waiting, self._running, self._passed):
                    if request in requests:
                        requests.remove(request)
                self._start_who_can()

    def _wait(self, request: _Request, status: Callable[[str], None]) -> None:
        """Until ``request`` runs."""
        said = ""
        while True:
            if process.stopping():
                raise process.StoppedError
            with self._changed:
                why = self._why_not(request)
                if why and why == said:
                    self._changed.wait(_LOOK)
                    continue
            if why != said or not why:
                status(why)  # without the lock: it may take its time
            if not why:
                return
            said = why

    def _start_who_can(self) -> None:
        """After any change, with the lock held: start every task that may start now."""
        while (request := self._choose()) is not None:
            self._waiting.remove(request)
            # Of what was given, not of what was asked for, so that no memory is given twice.
            given = sum(other.grant.memory for other in self._running if other.grant)
            share = max(self.memory - given - request.memory, 0) // self.slots
            request.grant = Grant(memory=request.memory + share, processors=self.processors)
            self._running.append(request)
            self._passed.append(request)
        self._changed.notify_all()

    def _choose(self) -> _Request | None:
        """The task to start now, if any."""
        if len(self._running) >= self.slots:
            return None
        keys = {other.key for other in self._running}
        # Sorting keeps the order of arrival where the rest is equal.
        ready = sorted((request for request in self._waiting if request.key not in keys), key=_Request.order)
        if not ready or self._fits(ready[0]):
            self._next = None
            return ready[0] if ready else None
        first = ready[0]
        if self._next is not first:
            self._next = first
            self._passed = []
        room = self.memory - first.memory - _sum(self._passed)
        others = (request for request in ready if request.key != first.key)
        return next((request for request in others if request.memory <= room and self._fits(request)), None)

    def _fits(self, request: _Request) -> bool:
        return not self._running or _sum(self._running) + request.memory <= self.memory

    def _why_not(self, request: _Request) -> str:
        """What keeps a task from running; empty if it runs."""
        if request.grant is not None:
            return ""
        if any(other.key == request.key for other in self._running):
            return f"waiting for its turn with {request.key}"
        if len(self._running) >= self.slots:
            return "waiting for a processor"
        if self._fits(request) and self._next is not None:
            return f"waiting: memory is kept for {self._next.key}"
        return f"waiting for {request.memory} MiB of memory"


@dataclass(eq=False, kw_only=True)
class _Request:
    """One task's wish; compared by identity. ``grant``: None until it runs."""

    memory: int
    key: str
    seconds: float
    grant: Grant | None = None

    def order(self) -> tuple[float, int]:
        """Sorts the longest first, of those the biggest."""
        return (-self.seconds, -self.memory)


def _sum(requests: Iterable[_Request]) -> int:
    return sum(request.memory for request in requests)
