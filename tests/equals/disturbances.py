"""Runs that end before they are done: killed at some moment, or by a fault of the file system at some call."""

from __future__ import annotations

import errno
import random
import struct
import subprocess
import time
from collections.abc import Callable, Mapping

from tests.attack import faults
from tests.equals.lab import Place

# Seconds within which a run is killed, and calls within which one fails: about what a run takes that has all to do.
_SECONDS, _CALLS = 2.5, 60


def _killed(place: Place, where: float) -> None:
    """Kill a run at a moment; what it started ends soon after, by itself."""
    process = _start(place, {})
    time.sleep(where * _SECONDS)
    process.kill()
    process.wait()


def _fails(place: Place, where: float) -> None:
    """Let a call of a run fail, or all of them from one on."""
    chance = random.Random(where)  # noqa: S311  # to be repeated
    folder = place.root.parent / "attack"
    library = folder / "fault.so"
    if not library.is_file():
        folder.mkdir(exist_ok=True)
        faults.compile_library(folder, place.cache / "tools")
    call = chance.choice([call for call in faults.ERRORS if call not in faults.READS])
    error = chance.choice(faults.ERRORS[call])
    how = "on" if error in faults.LASTING and chance.random() < 0.5 else "once"
    (folder / "state").write_bytes(struct.pack("ii", 0, 0))
    roots = [place.root / name for name in ("build", "dist", "sources")] + [place.cache / "results"]
    env = {
        "LD_PRELOAD": str(library),
        "ATTACK_ROOTS": ":".join(map(str, roots)),
        "ATTACK_STATE": str(folder / "state"),
        "ATTACK_FAULT": "\t".join((call, "*", str(chance.randint(1, _CALLS)), str(error), how)),
    }
    out, _ = _start(place, env).communicate(timeout=600)
    name = errno.errorcode.get(error, "short")
    assert b"Traceback (most recent call last)" not in out, f"{name} ({how}) of {call}:\n{out.decode()}"


def _start(place: Place, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        place.command("build", "verify"),
        cwd=place.root,
        env=place.workspace.environment(**env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if env else subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
    )


DISTURBANCES: Mapping[str, Callable[[Place, float], None]] = {"killed": _killed, "a fault": _fails}
