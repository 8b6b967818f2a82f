"""Whether what was read of a checkout was written meanwhile: what an edit that was undone again leaves is its time.

Content can't tell it, and ``ctime`` can't be set back by a program (stat(2)).
"""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from crosscourse.engine.reads import Reads

_GIT = ".git"
# How far (ns) the clock of another machine, on whose disk a checkout may lie, can be ahead of ours.
_AHEAD = 60 * 10**9


def clock(scratch: Path) -> int:
    """The time by which the kernel stamps files, in ns, once it has moved on: what was written before is older.

    That clock ticks every 1 to 10 ms, which is waited for; but not until it is what it was before it was set back.
    """
    marker = scratch / "clock"
    marker.touch()
    try:
        before = now = marker.stat().st_ctime_ns
        while now == before:
            time.sleep(0.0005)
            os.utime(marker)
            now = marker.stat().st_ctime_ns
        return now
    finally:
        marker.unlink()


def touched(checkout: Path, reads: Reads, since: int) -> str | None:
    """The first path of what is read that was made, written, removed or renamed at ``since`` (of ``clock``) or later.

    A folder stands for what is no longer in it. None if there is no such path. What seems to be of the future is from
    before the clock was set back.
    """
    top = os.fspath(checkout)
    now = time.time_ns()
    until = now + _AHEAD if now >= since else sys.maxsize
    for path in _paths(top, reads):
        try:
            info = os.lstat(path)
        except OSError:
            continue  # gone or never there: its folder tells, or the content does
        if since <= info.st_ctime_ns <= until:
            return os.path.relpath(path, top)
    return None


def _paths(top: str, reads: Reads) -> Iterator[str]:
    if reads.suffixes:
        yield from (path for path in _tree(top) if path.endswith(reads.suffixes) or _is_folder(path))
    for name in reads.files:
        yield f"{top}/{name}"
    for name in reads.folders:
        yield f"{top}/{name}"
        yield from _entries(f"{top}/{name}")
    for name in reads.trees:
        yield from _tree(f"{top}/{name}")


def _entries(folder: str) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            yield from (entry.path for entry in entries if entry.name != _GIT)
    except OSError:
        return


def _tree(folder: str) -> Iterator[str]:
    yield folder
    for path in _entries(folder):
        if _is_folder(path):
            yield from _tree(path)
        else:
            yield path


def _is_folder(path: str) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        return False
