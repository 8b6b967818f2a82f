"""The live view of a run: finished tasks scroll by, below them what each running task does, and a bar.

Importing this module imports rich, which costs as much as half a no-op build: only import it to show something.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from crosscourse.view.progress import (
    Line,
    Running,
    Snapshot,
    duration,
    last_line,
    split_waiting,
)

REFRESH_PER_SECOND = 4
_BAR_WIDTH = 30
_TIME_WIDTH = 11


class LiveView:
    """Shows a run on a terminal until ``close``. ``snapshot`` is asked four times a second, from a thread of its own.

    The terminal gets its cursor back and loses the moving part in ``close``, or when the interpreter ends.
    """

    def __init__(self, outstream: TextIO, snapshot: Callable[[], Snapshot]) -> None:
        self._snapshot = snapshot
        self._console = Console(
            file=outstream,
            force_terminal=True,
            # NO_COLOR counts unless empty (no-color.org); rich looks at this variable alone.
            no_color=bool(os.environ.get("NO_COLOR")),
            highlight=False,
            markup=False,
            emoji=False,
        )
        self._live = Live(
            console=self._console,
            get_renderable=self._frame,
            auto_refresh=False,  # rich's own thread dies with a traceback if the terminal goes away
            transient=True,
            # What others print meanwhile appears above the moving part, unless it goes to a file anyway.
            redirect_stdout=sys.stdout.isatty(),
            redirect_stderr=sys.stderr.isatty(),
            vertical_overflow="crop",
        )
        atexit.register(self._live.stop)
        self._live.start(refresh=True)
        self._ended = threading.Event()
        self._refresher = threading.Thread(target=self._refresh, name="crosscourse-live", daemon=True)
        self._refresher.start()

    def show(self, lines: Sequence[Line]) -> None:
        """Print lines that stay, above the moving part."""
        text = Text("\n").join(Text.assemble(*line) for line in lines)
        # Unwrapped: the terminal wraps, so that a copied line is one line.
        self._console.print(text, soft_wrap=True)

    def close(self) -> None:
        """Take the moving part away and give the cursor back; ``show`` still works. May be called again."""
        self._ended.set()
        self._refresher.join()
        self._live.stop()
        atexit.unregister(self._live.stop)

    def _refresh(self) -> None:
        while not self._ended.wait(1 / REFRESH_PER_SECOND):
            try:
                self._live.refresh()
            except OSError:  # the terminal is gone
                return

    def _frame(self) -> Group:
        width, height = self._console.size
        ascii_only = not self._console.encoding.startswith("utf")
        return Group(*frame(self._snapshot(), now=time.monotonic(), width=width, height=height, ascii_only=ascii_only))


def frame(state: Snapshot, *, now: float, width: int, height: int, ascii_only: bool = False) -> list[Text]:
    """The moving part at time ``now`` (s, monotonic): a row a running task, then the bar.

    Never wider or higher than the terminal (``width`` by ``height`` characters).
    """
    indent = 2 * len(str(state.total)) + 4
    room = max(1, height - 2)
    working, waiting = split_waiting(state.running)
    rows = [_row(task, state, now=now, width=width, indent=indent) for task in working[:room]]
    if len(working) > room:
        rows[-1] = Text(" " * indent + f"and {len(working) - room + 1} more", style="dim")
    elif waiting and len(rows) < room:
        rows.append(Text(" " * indent + f"and {len(waiting)} waiting", style="dim"))
    rows.append(_bar(state, now=now, indent=indent, ascii_only=ascii_only))
    for row in rows:
        if ascii_only:
            row.plain = row.plain.encode("ascii", errors="replace").decode()
        row.truncate(width, overflow="crop" if ascii_only else "ellipsis")
        row.no_wrap = True
    return rows


def _row(task: Running, state: Snapshot, *, now: float, width: int, indent: int) -> Text:
    """Name, time, and the task's status or else the last line of its log."""
    row = Text(">".rjust(indent - 1) + " ", style="")
    row.stylize("cyan")
    first, colon, rest = task.name.partition(":")
    # The name of a task most often opens with its stage; only a stage that it doesn't tell is put before it.
    if colon and task.stage.startswith(first):
        row.append(first + colon, "cyan").append(rest)
        used = len(task.name)
    else:
        label = f"{task.stage} " if task.stage else ""
        row.append(label, "cyan").append(task.name)
        used = len(label) + len(task.name)
    row.append(" " * (state.name_width - used))
    row.append(f" {duration(now - task.started):>{_TIME_WIDTH}}  ", "dim")
    if task.status is not None:
        row.append(" ".join(task.status.split()), "yellow")
    elif task.log is not None:
        row.append(last_line(task.log, width) or "", "dim")
    return row


def _bar(state: Snapshot, *, now: float, indent: int, ascii_only: bool) -> Text:
    full, rest = ("#", "-") if ascii_only else ("━", "─")
    filled = _BAR_WIDTH * state.done // max(state.total, 1)
    bar = Text(" " * indent)
    bar.append(full * filled, "red" if state.failed else "green")
    bar.append(rest * (_BAR_WIDTH - filled), "bright_black")
    bar.append(f"  {state.done}/{state.total}", "bold").append(f"  {duration(now - state.started)}", "dim")
    if state.failed:
        bar.append(f"  {state.failed} failed", "bold red")
    return bar
