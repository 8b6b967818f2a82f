"""What room there is where something is written: asked of the file systems, whatever a program prints of it."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

# Less than this is none: a program that failed for want of room has most often removed what it had written, so that
# little is free again. Bytes; and files, where a file system has a fixed number of them.
_LITTLE, _FEW = 1 << 20, 8
# A program that speaks of a full disk is believed where less is free than it may have given back.
_NOT_MUCH = 2 << 30
_SPOKEN = r"no space left|out of disk ?space|\bnospaceleft\b|\benospc\b|quota exceeded|\bedquot\b|disk (?:is )?full"


# That one was full, at some time of this run.
_full = threading.Event()


def was_full() -> bool:
    """Whether this run has met a full disk."""
    return _full.is_set()


def speaks_of_room(text: str) -> bool:
    """Whether what a program printed speaks of a full disk; that alone proves nothing."""
    return re.search(_SPOKEN, text, re.IGNORECASE) is not None


def full(folders: Iterable[str | Path], *, spoken: bool = False) -> list[str]:
    """Of folders that are written to, those on a file system without room, each with what is free there, in words.

    Of folders on the same file system, one. Folders that are not there count as the nearest that is.
    ``spoken``: a program said so, which is believed where not much is free.
    """
    found = []
    for folder, room in _file_systems(folders):
        free = room.f_bavail * room.f_frsize
        if free < (_NOT_MUCH if spoken else _LITTLE):
            found.append(f"{folder}: {free // 1024} kB free")
        elif room.f_files and room.f_favail < _FEW:
            found.append(f"{folder}: {room.f_favail} more files possible")
    if found:
        _full.set()
    return found


def of_program(cwd: Path | None, log: Path, env: Mapping[str, str]) -> list[Path]:
    """The folders that a program may write to: where it runs, its log, those that its environment names, temporary."""
    named = [Path(value) for value in env.values() if value.startswith("/") and ":" not in value]
    return [cwd or Path(), log.parent, *named, temporary(env)]


def temporary(env: Mapping[str, str] = os.environ) -> Path:
    """Where temporary files go."""
    return Path(env.get("TMPDIR") or "/tmp")  # noqa: S108  # what programs take by default


def _file_systems(folders: Iterable[str | Path]) -> Iterator[tuple[Path, os.statvfs_result]]:
    seen = set()
    for folder in folders:
        path = Path(os.path.abspath(folder))  # noqa: PTH100  # of what may not be there
        for one in (path, *path.parents):
            try:
                device, room = one.stat().st_dev, os.statvfs(one)
            except OSError:
                continue
            # One of no size is none that anything is kept on (proc(5), a file in memory).
            if device not in seen and room.f_blocks and not room.f_flag & os.ST_RDONLY:
                seen.add(device)
                yield one, room
            break
