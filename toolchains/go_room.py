"""What Go keeps in its build cache while a disk is full may be wrong, and would be taken for right from then on.

Its assembler does not look whether what it wrote has arrived (``defer buf.Close()`` in cmd/asm/main.go): of a list of
functions that was cut off it ends well, and what is compiled by that list is kept. Linking that ends with "relocation
target ... not defined". So what was kept in a run that met a full disk is forgotten, and compiled again.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from crosscourse import files
from crosscourse.run import disk
from crosscourse.run.process import CommandError

# As near to the start of the run as can be told: it is read when something is to be compiled.
_BEGAN = time.time_ns()
# What Go keeps of an action: its outcome, and when that was kept, in ns (cmd/go/internal/cache, "putIndexEntry").
_ENTRY = re.compile(rb"v1 [0-9a-f]{64} [0-9a-f]{64} +[0-9]+ +([0-9]+)\n")
_MOST = 1000  # bytes; an entry has 175
# The clock of files can be behind ours.
_COARSE = 1_000_000_000  # ns
_WRONG = "relocation target "


@contextlib.contextmanager
def forgetting(cache: Path) -> Iterator[None]:
    """Around what compiles: where this run has met a full disk by its end, what Go kept in ``cache`` is forgotten."""
    try:
        yield
    finally:
        if disk.was_full():
            forget(cache, since=_BEGAN)


def forget(cache: Path, *, since: int) -> int:
    """Remove what Go kept from ``since`` on (ns since 1970), its entries only; returns how many."""
    count = 0
    for path in cache.glob("[0-9a-f][0-9a-f]/*-a"):
        with contextlib.suppress(OSError):  # another run does the same, or Go trims
            if path.lstat().st_mtime_ns < since - _COARSE:
                continue
            entry = _ENTRY.fullmatch(files.read_regular(path, most=_MOST))
            if entry and int(entry[1]) >= since:
                path.unlink()
                count += 1
    return count


def linked(link: Callable[[], None], anew: Callable[[], None]) -> bool:
    """Link by ``link``; where the objects that are kept can't be linked, by ``anew``, without them.

    Returns whether they are damaged: it failed with them, and not without. Raises what ``anew`` raises.
    """
    try:
        link()
    except CommandError as error:
        if _WRONG not in error.tail:
            raise
        anew()
        return True
    return False
