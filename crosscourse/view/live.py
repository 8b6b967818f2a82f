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

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.control import Control
from rich.live import Live
from rich.live_render import LiveRender
from rich.segment import Segment
from rich.text import Text

from crosscourse.view.progress import (
    Line,
    Running,
    Snapshot,
    duration,
    last_line,
    plain_text,
    split_waiting,
)

REFRESH_PER_SECOND = 4
_BAR_WIDTH = 30
_TIME_WIDTH = 11
# Below this, rows begin at the left edge; below the next, they have no time; a shorter bar says nothing.
_NARROW, _NO_TIME, _SHORT_BAR = 60, 24, 4


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
        self._live._live_render = _Reflowing(self._console)
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


class _Reflowing(LiveRender):
    """rich's moving part, taken away also when the terminal became narrower and broke its rows into more of them."""

    def __init__(self, console: Console) -> None:
        super().__init__("")
        self._console = console
        self._widths: list[int] = []

    def position_cursor(self) -> Control:
        """Back to where the moving part begins."""
        self._reflow()
        return super().position_cursor()

    def restore_cursor(self) -> Control:
        """The same, for the last time."""
        self._reflow()
        return super().restore_cursor()

    def _reflow(self) -> None:
        if self._shape is not None:
            width = max(self._console.width, 1)
            rows = sum(max(1, -(-shown // width)) for shown in self._widths)
            self._shape = (self._shape[0], min(rows, max(self._console.height, 1)))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        segments = list(super().__rich_console__(console, options))
        shown = Segment.split_lines(part for part in segments if isinstance(part, Segment))
        self._widths = [Segment.get_line_length(line) for line in shown]
        yield from segments


def frame(state: Snapshot, *, now: float, width: int, height: int, ascii_only: bool = False) -> list[Text]:
    """The moving part at time ``now`` (s, monotonic): a row a running task, then the bar.

    Never wider or higher than the terminal (``width`` by ``height`` characters). Where that is narrow, what a row says
    of its task goes first, then the indent, then a part of the name, and the time last; so does the bar.
    """
    indent = 2 * len(str(state.total)) + 4 if width >= _NARROW else 2
    room = max(1, height - 2)
    working, waiting = split_waiting(state.running)
    rows = [_row(task, state, now=now, width=width, indent=indent) for task in working[:room]]
    if len(working) > room:
        rows[-1] = Text(" " * indent + f"and {len(working) - room + 1} more", style="dim")
    elif waiting and len(rows) < room:
        rows.append(Text(" " * indent + f"and {len(waiting)} waiting", style="dim"))
    rows.append(_bar(state, now=now, width=width, indent=indent, ascii_only=ascii_only))
    rows = rows[-max(height, 1) :]  # of a terminal of one line, the bar
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
    took = f" {duration(now - task.started):>{_TIME_WIDTH}}" if width >= _NARROW else f" {duration(now - task.started)}"
    if width < _NO_TIME:
        took = ""
    columns = max(1, min(state.name_width, width - indent - len(took)))
    row.append_text(_name(task, columns)).append(took, "dim")
    left = width - row.cell_len - 2
    if left <= 0:
        return row
    if task.status is not None:
        row.append("  ").append(plain_text(" ".join(task.status.split())), "yellow")
    elif task.log is not None and (line := last_line(task.log, width)):
        row.append("  ").append(line, "dim")
    return row


def _name(task: Running, columns: int) -> Text:
    """The task's name in exactly so many columns; where they are too few, what opens it goes, its stage before."""
    first, colon, rest = task.name.partition(":")
    # The name of a task most often opens with its stage; only a stage that it doesn't tell is put before it.
    if colon and task.stage.startswith(first):
        name = Text.assemble((first + colon, "cyan"), rest)
    else:
        name = Text.assemble((f"{task.stage} " if task.stage else "", "cyan"), task.name)
    if name.cell_len > columns:
        plain = name.plain
        while plain and cell_len(plain) >= columns:
            plain = plain[1:]
        name = Text(f"…{plain}")
    return name.append(" " * (columns - name.cell_len))


def _bar(state: Snapshot, *, now: float, width: int, indent: int, ascii_only: bool) -> Text:
    full, rest = ("#", "-") if ascii_only else ("━", "─")
    said = Text.assemble((f"{state.done}/{state.total}", "bold"), (f"  {duration(now - state.started)}", "dim"))
    if state.failed:
        said.append(f"  {state.failed} failed", "bold red")
    columns = min(_BAR_WIDTH, width - indent - 2 - said.cell_len)
    if columns < _SHORT_BAR:
        return said
    filled = columns * state.done // max(state.total, 1)
    bar = Text(" " * indent)
    bar.append(full * filled, "red" if state.failed else "green")
    return bar.append(rest * (columns - filled), "bright_black").append("  ").append_text(said)
