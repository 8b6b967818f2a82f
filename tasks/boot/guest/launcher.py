"""Starts the first process of a guest of name spaces, and sees to it that nothing of it stays, however it ends.

Run as a script; it imports nothing of ours, so that it starts at once. Arguments: a socket to make, whose connection
becomes file descriptor 3 of the program; a file, which becomes 4; a control group to make; MiB of memory that it may
have; the program. The connection is the guest's line to the host.

Two processes: the program itself, and a *keeper* in a session of its own, which outlives whoever is killed by a moment.
When the program is gone, it ends what is left in the control group, and removes that: nobody else would.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import sys
import time
from pathlib import Path

# Seconds that what was killed may take to be gone.
_ENDING = 20.0


def main(line: str, log: str, group: str, memory: str, *program: str) -> None:
    """Become ``program``, kept."""
    kept = _keep(Path(group))
    with contextlib.suppress(OSError):  # where the controller for memory is elsewhere, nothing is limited
        Path(group, "memory.max").write_text(str(int(memory) << 20))
    Path(group, "cgroup.procs").write_text("0")
    with socket.socket(socket.AF_UNIX) as waiting:
        waiting.bind(line)
        waiting.listen(1)
        connection, _ = waiting.accept()
    # Above those numbers first, so that none of them is overwritten before it was moved.
    opened = (connection.fileno(), os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644), kept)
    for number, descriptor in enumerate([fcntl.fcntl(one, fcntl.F_DUPFD, 10) for one in opened], 3):
        os.dup2(descriptor, number)
    os.closerange(6, 256)
    os.execvp(program[0], program)  # noqa: S606  # no shell is wanted


def _keep(group: Path) -> int:
    """Start the keeper of a control group that it makes. Returns what tells it that the program is gone, by closing."""
    gone, kept = os.pipe()
    made, making = os.pipe()
    if os.fork() == 0:
        try:
            os.setsid()
            for asked in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(asked, signal.SIG_IGN)
            os.close(kept)
            group.mkdir()
            hold(group)
            os.write(making, b"+")
            os.close(making)
            nothing = os.open(os.devnull, os.O_RDWR)
            for number in (0, 1, 2):
                os.dup2(nothing, number)
            os.read(gone, 1)
            clear(group)
        except OSError as error:
            print(error, file=sys.stderr, flush=True)
        finally:
            os._exit(0)
    os.close(gone)
    os.close(making)
    if not os.read(made, 1):
        sys.exit(f"the control group {group} could not be made")
    os.close(made)
    return kept


def hold(group: Path, kind: int = fcntl.LOCK_SH) -> int | None:
    """A lock on a control group, let go of when the descriptor that is returned is closed, at the latest by the kernel.

    ``LOCK_EX``: None if another process has one, which uses the group.
    """
    descriptor = os.open(group, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def clear(group: Path) -> bool:
    """End every process in a control group and in those below it, and remove them. Returns whether it is gone."""
    end = time.monotonic() + _ENDING
    while group.exists() and time.monotonic() < end:
        below = [Path(top) for top, _, _ in os.walk(group, topdown=False)]
        with contextlib.suppress(OSError):
            (group / "cgroup.kill").write_text("1")  # Linux 5.14
        for one in below:
            for pid in _members(one):
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(OSError):
                one.rmdir()
        time.sleep(0.01)
    return not group.exists()


def _members(group: Path) -> list[int]:
    with contextlib.suppress(OSError):
        return [pid for pid in map(int, (group / "cgroup.procs").read_text().split()) if pid > 0]
    return []


if __name__ == "__main__":
    main(*sys.argv[1:])
