"""A run at one moment, and the wording that every view of it shares. Nothing here knows of doit or of a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from crosscourse.view.statuses import is_waiting

# One line of output: pieces of text, each with a style that a terminal may use ("" for none).
Line = tuple[tuple[str, str], ...]

# How a task ended.
Outcome = Literal["run", "from the cache", "failed", "ignored", "up to date", "not run"]

# Compiled at their first use (and kept by re): a no-op run has no use for them.
_ESCAPE = (
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # colours, cursor movements
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # window titles, links
    r"|\x1b[ -/]*[0-~]"  # anything shorter
)
_CONTROL = r"[\x00-\x1f\x7f-\x9f\u2028\u2029]"
_TAIL_BYTES = 4096


@dataclass(frozen=True, kw_only=True)
class Running:
    """A task at work: its name and stage, its log's path if it keeps one, its status if it has one.

    ``started``: on the monotonic clock (s), in a snapshot after the time that the task waited.
    """

    name: str
    stage: str
    log: str | None
    started: float
    status: str | None = None


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A run at one moment: tasks ended, failed and in all, its start on the monotonic clock (s), who is at work.

    ``name_width``: characters of the longest task name of the run, so that columns stay where they are.
    """

    done: int
    failed: int
    total: int
    started: float
    name_width: int
    running: tuple[Running, ...]


def duration(seconds: float) -> str:
    """A time for people: ``0.4 s``, ``12.3 s``, ``2 min 05 s``, ``1 h 02 min``."""
    # Rounded first, so that 59.97 becomes "1 min 00 s" and never "60.0 s".
    if round(seconds, 1) < 60:
        return f"{max(seconds, 0.0):.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    # From the whole number of seconds: rounding twice would turn 1:59:59 into two hours.
    return f"{minutes // 60} h {minutes % 60:02d} min"


def still_running(state: Snapshot, now: float) -> Line:
    """A sign of life at time ``now`` (s, monotonic): who has been at work for how long, on what."""
    working, waiting = split_waiting(state.running)
    tasks = []
    for task in working:
        tasks.append(f"{task.name} ({duration(now - task.started)}{f', {task.status}' if task.status else ''})")
    if waiting:
        tasks.append(f"{len(waiting)} waiting")
    return ((f"[{state.done:>{len(str(state.total))}}/{state.total}] still at work: {', '.join(tasks)}", "dim"),)


def split_waiting(running: Sequence[Running]) -> tuple[list[Running], list[Running]]:
    """The tasks that work, and those that wait for a processor, for memory or for another task."""
    waiting = [task for task in running if is_waiting(task.status)]
    return [task for task in running if task not in waiting], waiting


def plural(count: int, one: str = "task", many: str = "tasks") -> str:
    """``1 task``, ``23 tasks``."""
    return f"{count} {one if count == 1 else many}"


def totals(outcomes: Sequence[Outcome], left: int, took: str) -> str:
    """The last line of a run: how its tasks ended, ``left`` of them untouched, in which time."""
    count = len(outcomes) + left
    if not count:
        return "Nothing to do."
    if outcomes.count("up to date") == count:
        return f"Up to date: {plural(count)} ({took})."
    numbers = {outcome: outcomes.count(outcome) for outcome in get_args(Outcome)}
    numbers["not run"] += left
    parts = [f"{number} {word}" for word, number in numbers.items() if number]
    return f"{plural(count)}: {', '.join(parts)}, {took}"


def last_line(path: str, width: int) -> str | None:
    """The last line of a log that says something, at most ``width`` characters; None if there is none.

    Reads a few KB from the file's end, whatever its size; a file that can't be read has no lines.
    """
    lines = tail(path, 1, width)
    return lines[0] if lines else None


def tail(path: str, count: int, width: int) -> list[str]:
    """The last ``count`` lines of a log that say something, as plain text of at most ``width`` characters each.

    Colours and other terminal codes are left out; of a line that was overwritten in place (carriage return),
    what stood there last counts. Reads about 1 KB a line, at least 4 KB; a file that can't be read has no lines.
    """
    size = max(_TAIL_BYTES, 1024 * count)
    try:
        with Path(path).open("rb") as log:
            start = max(0, log.seek(0, 2) - size)
            log.seek(start)
            data = log.read(size)
    except OSError:
        return []
    lines = data.decode("utf-8", errors="replace").split("\n")
    if start and len(lines) > 1:
        del lines[0]  # begins somewhere in the middle
    return list(_last(lines, count, width))[::-1]


def plain_text(raw: str) -> str:
    """A line of a program's output as a person would have seen it at last: no codes, no overwritten text."""
    visible = [part for part in re.sub(_ESCAPE, "", raw).split("\r") if part.strip()]
    return re.sub(_CONTROL, "", visible[-1].replace("\t", "    ")).rstrip() if visible else ""


def _last(lines: list[str], count: int, width: int) -> Iterator[str]:
    for raw in reversed(lines):
        if count <= 0:
            return
        text = plain_text(raw)
        if text:
            count -= 1
            yield text if len(text) <= width else text[: max(width - 1, 0)] + "…"
