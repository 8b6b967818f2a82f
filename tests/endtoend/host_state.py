"""What a guest of name spaces must leave as it was on this machine: devices, mounts, control groups, loop devices.

As a program: ``python -m tests.endtoend.host_state FILE`` writes the state to a new file, or compares with it.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import stat
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

State = Mapping[str, frozenset[str]]
# What comes and goes by itself: terminals and shared memory of other programs, units of a service manager, and the
# control group of each command where something outside of this machine runs them.
_PASSING_DEVICES = re.compile(r"/dev/(pts|shm|mqueue|hugepages|disk|char|block)/|/dev/(vcs|log|initctl)")
_PASSING_GROUPS = re.compile(r"\.(service|scope|slice|socket|mount|swap)(/|$)|/process_api/")
# Settings of the kernel that are this machine's, and that guests change in their own.
_SETTINGS = ("net/ipv4/ip_forward", "net/ipv4/conf/all/forwarding", "kernel/core_pattern", "kernel/hostname")


def host_state() -> State:
    """The state now, each part as lines of text."""
    return {
        "devices": frozenset(_devices()),
        "mounts": frozenset(_mounts()),
        "control groups": frozenset(_groups()),
        "loop devices": frozenset(_loops()),
        "interfaces": frozenset(name for _, name in socket.if_nameindex()),
        "settings": frozenset(_settings()),
    }


def differences(before: State, after: State) -> list[str]:
    """What is not as it was: ``devices: - c 1:3 666 /dev/null`` is gone, ``+`` is new."""
    return [
        f"{part}: {sign} {line}"
        for part, lines in before.items()
        for sign, lines in (("-", before[part] - after[part]), ("+", after[part] - before[part]))
        for line in sorted(lines)
    ]


def settled(before: State, seconds: float = 10) -> list[str]:
    """The differences that are still there after that time; what is at work may take a moment to end."""
    end = time.monotonic() + seconds
    while (found := differences(before, host_state())) and time.monotonic() < end:
        time.sleep(0.1)
    return found


def _devices() -> Iterator[str]:
    for top, folders, names in os.walk("/dev"):
        for name in (*folders, *names):
            path = Path(top, name)
            if _PASSING_DEVICES.match(str(path)):
                continue
            with contextlib.suppress(FileNotFoundError):
                state = path.lstat()
                number = f"{os.major(state.st_rdev)}:{os.minor(state.st_rdev)}"
                owner = f"{state.st_uid}:{state.st_gid}"
                yield f"{stat.filemode(state.st_mode)} {owner} {number} {path}"


def _mounts() -> Iterator[str]:
    """All of proc_pid_mountinfo(5) but the numbers that the kernel gives."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        yield line.split(" ", 3)[3]


def _groups() -> Iterator[str]:
    for line in _mounts():
        place, kind = line.split(" ")[1], line.partition(" - ")[2].split(" ")[0]
        if kind in ("cgroup", "cgroup2"):
            for top, _, _ in os.walk(place):
                if not _PASSING_GROUPS.search(top):
                    yield top


def _loops() -> Iterator[str]:
    for device in Path("/sys/block").glob("loop*"):
        with contextlib.suppress(FileNotFoundError):
            yield f"{device.name} {(device / 'loop/backing_file').read_text().strip()}"


def _settings() -> Iterator[str]:
    for name in _SETTINGS:
        with contextlib.suppress(OSError):
            yield f"{name} {Path('/proc/sys', name).read_text().strip()}"


if __name__ == "__main__":
    import json

    place = Path(sys.argv[1])
    now = {part: sorted(lines) for part, lines in host_state().items()}
    if not place.exists():
        place.write_text(json.dumps(now, indent=1))
    else:
        former = {part: frozenset(lines) for part, lines in json.loads(place.read_text()).items()}
        found = settled(former, 5)
        print("\n".join(found) or "as it was")
        sys.exit(bool(found))
