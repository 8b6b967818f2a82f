"""Why .venv can't be made, in plain words. Room is asked of the file systems, the network's state is read from pip."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from crosscourse.run.network import is_network_trouble
from crosscourse.start.programs import without_passwords

AGAIN = "Then run the same command again."
# What .venv takes; and what a program may have given back that failed for want of room. Bytes.
ROOM, LITTLE = 150 << 20, 20 << 20
# Of uv and pip, besides what every program says of the network.
_NETWORK = r"connection|name resolution|timed out|unreachable|dns error|from versions: none|proxyerror|certificate"


class SetupError(Exception):
    """Why .venv can't be made: what was found, and what to do, a line each."""

    def __init__(self, found: str, *remedies: str) -> None:
        super().__init__("\n".join([f"doit: {found}", *(f"  > {line}" for line in remedies)]))


def shown(output: str, most: int = 15) -> list[str]:
    """The end of what a program printed, as shown: what it said again and again, once."""
    seen: dict[str, str] = {}
    for line in map(str.rstrip, output.splitlines()):
        key = re.sub(r"0x[0-9a-f]+|\d+", "#", line)
        if line and key not in seen and not line.startswith("Ignoring "):  # what is for other systems
            seen[key] = without_passwords(line)
    return list(seen.values())[-most:]


def reasons(output: str, rooms: Iterable[tuple[Path, int]]) -> list[str]:
    """What to do about a program that failed. ``rooms``: the folders written to, with the bytes free there."""
    spoken = re.search(r"no space left|disk quota", output, re.IGNORECASE) is not None
    if full := [f"{folder}: {free >> 10} kB free" for folder, free in rooms if free < (ROOM if spoken else LITTLE)]:
        return [f"The disk is full ({', '.join(full)}): .venv needs about {ROOM >> 20} MB. Make room. {AGAIN}"]
    if re.search(r"DO NOT MATCH THE HASHES|Hash mismatch", output):
        return ["What arrived is not what requirements.txt pins: a proxy or mirror may have altered it. Do not use it."]
    mirror = f"A mirror can be used: pip config set global.index-url URL. {AGAIN}"
    if status := re.search(r"\b([45]\d\d) (?:Server |Client )?error\b", output, re.IGNORECASE):
        return [f"The package index was reached and answers with an error ({status[1]}). Try again later.", mirror]
    if is_network_trouble(output) or re.search(_NETWORK, output, re.IGNORECASE):
        return ["The package index can't be reached. Check the network, and HTTPS_PROXY if there is a proxy.", mirror]
    return [f"When the cause is removed, run the same command again.{' It speaks of a full disk.' if spoken else ''}"]


def failure(found: str, output: str, *, log: Path) -> SetupError:
    """What a person is told when a program failed that printed ``output``, which ``log`` has if there was room."""
    for line in shown(output):
        with contextlib.suppress(OSError, ValueError):
            print(line, file=sys.stderr)
    rooms = []
    for folder in (log.parent, Path(os.environ.get("TMPDIR") or "/tmp")):  # noqa: S108  # what programs take by default
        with contextlib.suppress(OSError):
            room = os.statvfs(folder)
            rooms.append((folder, room.f_bavail * room.f_frsize))
    where = f"; the whole log is {log}" if log.exists() and log.stat().st_size else ""
    return SetupError(f"{found}{where}", *reasons(output, rooms))
