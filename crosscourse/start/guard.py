"""The last place that an error can come to: whatever it is, a person is told in plain words, never by a traceback."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

# As doit's own: an error before (or outside of) the tasks.
STATUS = 3
# As of a program that SIGPIPE or SIGINT ended.
READER_GONE, INTERRUPTED = 128 + 13, 128 + 2
OUTPUT = "standard output"
SHOW = "CROSSCOURSE_TRACEBACK"
# Where the traceback of an unexpected error is kept, from the project's folder.
KEPT = Path("build", "unexpected-error.log")


def guarded(command: Callable[[], int], *, root: Path) -> int:
    """Run a command and tell whatever goes wrong, on standard error. Returns the exit status."""
    _mark_output()
    try:
        status = command()
        sys.stdout.flush()
    except (Exception, SystemExit, KeyboardInterrupt) as error:
        status = _tell(error, root=root)
    # What Python says at its end when a stream can't be written would be a traceback.
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            _to_nowhere(stream.fileno())
    return status


def explain(error: BaseException, *, root: Path) -> list[str]:
    """What is said of an error: lines."""
    if isinstance(error, MemoryError):
        return ["too little memory", "  > End some programs, or allow more: `ulimit -v` shows the limit."]
    if isinstance(error, RuntimeError) and "can't start new thread" in str(error):
        return [
            "the system starts no more threads",
            "  > End some programs, or allow more: `ulimit -u` and `ulimit -v` show the limits.",
        ]
    try:
        from doit.exceptions import InvalidCommand, InvalidDodoFile, InvalidTask

        from crosscourse.errors import of_system
    except Exception:
        return _of_libraries(error, root)
    if isinstance(error, InvalidDodoFile | InvalidCommand | InvalidTask):  # ours are some of these
        return str(error).rstrip().splitlines()
    if isinstance(error, OSError) and error.errno:
        return str(of_system(error)).splitlines()
    return _of_libraries(error, root)


def _of_libraries(error: BaseException, root: Path) -> list[str]:
    """Something is missing in the environment of this Python; or an error that nobody thought of."""
    if isinstance(error, ModuleNotFoundError) and not Path(root, (error.name or "").partition(".")[0]).is_dir():
        return [
            f"{sys.executable}: has no module {error.name}",
            f"  > Install what is missing: {sys.executable} -m pip install -e {root}",
            f"  > Or use {root}/doit, which needs nothing installed.",
        ]
    return [*_unexpected(error), _where(error, root)]


def _unexpected(error: BaseException) -> list[str]:
    name = type(error).__name__
    said = str(error).splitlines() or [""]
    frames = traceback.extract_tb(error.__traceback__)
    at = f" (at {frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    return [f"unexpected {name}: {said[0]}{at}"]


def _where(error: BaseException, root: Path) -> str:
    """Keep the traceback, and say where it is."""
    text = "".join(traceback.format_exception(error))
    with contextlib.suppress(OSError):
        (root / KEPT).write_text(text, encoding="utf-8", errors="backslashreplace")
        return f"  > This should not happen; please report it with {KEPT}. {SHOW}=1 shows it here."
    return f"  > This should not happen; please report it. {SHOW}=1 shows where it comes from."


def _tell(error: BaseException, *, root: Path) -> int:
    if isinstance(error, SystemExit):
        if error.code is None or isinstance(error.code, int):
            return error.code or 0
        _say([str(error.code)])
        return 1
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(error, OSError) and error.filename == OUTPUT:
        _to_nowhere(sys.stdout.fileno())
        if error.errno == errno.EPIPE:
            return READER_GONE
        _say([f"{OUTPUT}: {error.strerror}"])
        return 1
    lines = explain(error, root=root)
    if os.environ.get(SHOW):
        lines += "".join(traceback.format_exception(error)).splitlines()
    _say(lines)
    return STATUS


class _Output(io.FileIO):
    """A descriptor whose errors say which it is: nothing else tells a full disk from an output that is full."""

    def write(self, data: Any, /) -> int:
        """As FileIO's, which is called with what a buffer has."""
        try:
            return super().write(data)
        except OSError as error:
            error.filename = OUTPUT
            raise


def _mark_output() -> None:
    stream = sys.stdout
    if type(stream) is io.TextIOWrapper and not isinstance(stream.buffer, io.BytesIO):
        stream.flush()
        output = io.BufferedWriter(_Output(stream.fileno(), "w", closefd=False))
        sys.stdout = io.TextIOWrapper(
            output, encoding=stream.encoding, errors=stream.errors, line_buffering=stream.line_buffering
        )


def _say(lines: list[str]) -> None:
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write("ERROR: " + "\n".join(lines) + "\n")
        sys.stderr.flush()


def _to_nowhere(descriptor: int) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
