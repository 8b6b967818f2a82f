"""How a failed task is shown: its message or the error behind it, and the end of what it printed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from doit.exceptions import TaskFailed

from crosscourse.view import progress
from crosscourse.view.progress import Line

LOG_LINES = 15
LOG_WIDTH = 400
# How Python names our own errors in a traceback: they explain themselves, so the name is left out.
_OWN_ERROR = r"crosscourse\.(?:\w+\.)*\w+: "


def explain(fail: Any, *, whole: bool) -> list[str]:
    """Why a task failed, in lines: its message, or the error behind it; with the whole traceback if asked for."""
    message = str(fail.message).rstrip().splitlines()
    trace = "".join(fail.traceback).rstrip().splitlines()
    if whole or not trace:
        return message + trace
    if isinstance(fail, TaskFailed):
        return message
    # The error's own text, of one line or many, begins at the first line after the last frame that isn't indented.
    frame = max((number for number, line in enumerate(trace) if line.startswith('  File "')), default=-1)
    begin = next((number for number in range(frame + 1, len(trace)) if trace[number][:1] != " "), len(trace) - 1)
    error = trace[begin:]
    if own := re.match(_OWN_ERROR, error[0]):
        return [error[0][own.end() :], *error[1:]]
    return [*error, "(unexpected; CROSSCOURSE_TRACEBACK=1 shows where it comes from)"]


def captured(task: Any) -> list[str]:
    """What doit itself caught of a task's output: lines, only of tasks that don't keep a log."""
    text = "".join((action.out or "") + (action.err or "") for action in task.actions)
    return [line for line in map(progress.plain_text, text.split("\n")) if line]


def quote(log: str | None, output: list[str], *, shown: Sequence[str]) -> list[Line]:
    """The last lines of a failed task's log or output, without those at its end that were ``shown`` already."""
    lines = progress.tail(log, LOG_LINES + len(shown), LOG_WIDTH) if log else output
    known = {line.strip() for line in shown}
    while lines and lines[-1].strip() in known:
        lines.pop()
    quoted: list[Line] = []
    if log:
        quoted.append((("        Its log: ", "dim"), (log, ""), (", which ends:" if lines else "", "dim")))
    return quoted + [(("        | ", "dim"), (line, "")) for line in lines[-LOG_LINES:]]
