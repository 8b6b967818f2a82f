"""What a person sees of a run: a live view on a terminal, elsewhere one line a task, and a summary at the end.

doit calls ``execute_task`` from its worker threads and everything else from the main thread. ``CROSSCOURSE_PROGRESS``
(``plain`` or ``live``) overrules what the terminal suggests; ``CROSSCOURSE_TRACEBACK=1`` shows tracebacks in full.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, ClassVar, Protocol, TextIO

from doit.exceptions import UnmetDependency

from crosscourse.view import progress
from crosscourse.view.failures import captured, explain, quote
from crosscourse.view.progress import Line, Outcome, Running, Snapshot, duration, plural
from crosscourse.view.statuses import Statuses

_NAME_WIDTH = 60
_TIME_WIDTH = 11


class View(Protocol):
    """Where lines go."""

    def show(self, lines: Sequence[Line]) -> None:
        """Print lines that stay."""

    def close(self) -> None:
        """The run is over; ``show`` may still be called."""


class PlainView:
    """Lines without colours, each written at once. If nothing was written for ``silence`` seconds, says who is at work.

    ``silence`` 0: never. The lines say what they are, so that a log of a CI service can be read, and its watchdogs
    see that the run is alive.
    """

    def __init__(self, outstream: TextIO, snapshot: Callable[[], Snapshot], silence: float = 0) -> None:
        self._outstream = outstream
        self._snapshot = snapshot
        self._silence = silence
        self._written = time.monotonic()
        self._lock = threading.Lock()
        self._closed = threading.Event()
        if silence:
            threading.Thread(target=self._beat, name="crosscourse-heartbeat", daemon=True).start()

    def show(self, lines: Sequence[Line]) -> None:
        """Write lines; characters that the stream can't encode become question marks."""
        text = "".join("".join(piece for piece, _style in line) + "\n" for line in lines)
        with self._lock:
            try:
                self._outstream.write(text)
            except UnicodeEncodeError as error:
                self._outstream.write(text.encode(error.encoding, errors="replace").decode(error.encoding))
            self._outstream.flush()
            self._written = time.monotonic()

    def close(self) -> None:
        """No more signs of life."""
        self._closed.set()

    def _beat(self) -> None:
        while not self._closed.wait(max(0.01, self._written + self._silence - time.monotonic())):
            state, now = self._snapshot(), time.monotonic()
            if now - self._written < self._silence:
                continue
            self._written = now  # even if nothing is at work, or the reader is gone: wait for the next time
            if state.running:
                try:
                    self.show([progress.still_running(state, now)])
                except OSError:
                    return


class CrosscourseReporter:
    """doit's reporter interface (doit/reporter.py).

    task.meta may have ``stage`` (str), ``log`` (a path or None), ``statuses`` (Statuses: the run's, the same for all
    tasks), ``reported`` (list of str: lines for the person who reads, shown with the task's success), ``job``.
    Group tasks, which have no actions, are no work and are neither counted nor shown.
    Raises UnknownNameError if CROSSCOURSE_PROGRESS says something unknown. A reader that goes away
    (``| head``) never ends a run: what can't be written is dropped.
    """

    desc = "a live view on a terminal, elsewhere one line a task; then a summary"

    show_traceback: ClassVar[bool] = False
    silence: ClassVar[float] = 60.0  # seconds without a line until a plain run says who is at work

    def __init__(self, outstream: TextIO, options: object = None) -> None:  # noqa: ARG002  # doit passes both
        self._outstream = outstream
        self._live = wants_live(outstream, os.environ)
        # Held for moments only and never while something is shown: the live view's thread needs it too.
        self._lock = threading.Lock()
        self._begin_lock = threading.Lock()
        self._view: View = PlainView(outstream, self.snapshot)
        self._begun = False
        self._closed = False
        self._started = time.monotonic()
        self._handled = sys.exc_info()[1]  # doit may be run while its caller handles an error: not ours
        self._expected: set[str] = set()
        self._ended: dict[str, Outcome] = {}
        self._running: dict[str, Running] = {}
        self._statuses = Statuses()
        self._name_width = 0
        self._failures: list[tuple[str, str | None]] = []
        self._errors: list[str] = []

    def initialize(self, tasks: Mapping[str, Any], selected_tasks: Iterable[str]) -> None:
        """All tasks by name and the names of the chosen ones: what there is to do, before anything is done."""
        names = work_of(tasks, selected_tasks)
        with self._lock:
            self._expected = names
            found = (meta["statuses"] for name in names if "statuses" in (meta := tasks[name].meta or {}))
            self._statuses = next(found, self._statuses)
            self._name_width = min(_NAME_WIDTH, max(map(len, names), default=0))

    def get_status(self, task: Any) -> None:
        """doit is about to look whether the task is up to date."""

    def execute_task(self, task: Any) -> None:
        """The task begins (in a worker thread)."""
        if not task.actions:
            return
        meta = task.meta or {}
        running = Running(name=task.name, stage=meta.get("stage") or "", log=meta.get("log"), started=time.monotonic())
        with self._lock:
            if self._closed:  # a worker thread that goes on after an interrupt
                return
            self._expected.add(task.name)
            self._running[task.name] = running
        self._begin()

    def add_success(self, task: Any) -> None:
        """The task was run and its result recorded."""
        if task.actions:
            meta = task.meta or {}
            kept = bool(getattr(meta.get("job"), "from_cache", False))
            count, running = self._end(task.name, "from the cache" if kept else "run")
            line = self._task_line(task.name, count, running)
            reported = [((f"        {text}", "green"),) for text in meta.get("reported", ())]
            self._show([(*line, ("  from the cache", "dim")) if kept else line, *reported])

    def add_failure(self, task: Any, fail: Any) -> None:
        """The task failed, could not be checked, or was not run because one that it needs failed (UnmetDependency)."""
        if isinstance(fail, UnmetDependency):
            if task.actions:
                self._end(task.name, "not run")
            return
        count, running = self._end(task.name, "failed")
        log = running.log if running else None
        with self._lock:
            self._failures.append((task.name, log))
        if not fail.report:
            return
        lines = [self._task_line(task.name, count, running, failed=True)]
        message = explain(fail, whole=self._whole_traceback())
        lines += [(("        " + line, ""),) for line in message]
        if running:
            lines += quote(log, captured(task), shown=message)
        self._show(lines)

    def skip_uptodate(self, task: Any) -> None:
        """The task is up to date; only counted."""
        if task.actions:
            self._end(task.name, "up to date")

    def skip_ignore(self, task: Any) -> None:
        """The user chose ``doit ignore``; only counted."""
        if task.actions:
            self._end(task.name, "ignored")

    def teardown_task(self, task: Any) -> None:
        """The task's teardown begins."""

    def cleanup_error(self, exception: Any) -> None:
        """A teardown failed."""
        self._show([((line, "red"),) for line in explain(exception, whole=self._whole_traceback())])

    def runtime_error(self, msg: str) -> None:
        """doit itself gave up; shown at the end, where it is not missed."""
        self._errors.append(msg)

    def complete_run(self) -> None:
        """The run is over, in whatever way: give the terminal back and sum up."""
        with self._lock:
            self._closed = True
        with self._begin_lock:  # a worker thread may be at the point of choosing the view
            self._begun = True
            self._guarded(self._view.close)
        raised = sys.exc_info()[1]
        self._show(self._summary(raised if raised is not self._handled else None))

    def snapshot(self) -> Snapshot:
        """The run at this moment; may be asked from any thread."""
        with self._lock:
            return Snapshot(
                done=len(self._ended),
                failed=len(self._failures),
                total=len(self._expected),
                started=self._started,
                name_width=self._name_width,
                running=tuple(map(self._now, self._running.values())),
            )

    def _now(self, running: Running) -> Running:
        """A running task as it is at this moment."""
        since = self._statuses.at_work_since(running.name, running.started)
        return replace(running, started=since, status=self._statuses.get(running.name))

    def _whole_traceback(self) -> bool:
        return self.show_traceback or os.environ.get("CROSSCOURSE_TRACEBACK", "0") not in ("", "0")

    def _begin(self) -> None:
        """At the first task that is run: choose the view. Until then nothing costly is imported or started."""
        with self._begin_lock:
            if self._begun:
                return
            self._begun = True
            if not self._live:
                self._view = PlainView(self._outstream, self.snapshot, self.silence)
                return
            from crosscourse.view.live import LiveView

            def live() -> None:
                self._view = LiveView(self._outstream, self.snapshot)

            self._guarded(live)

    def _end(self, name: str, outcome: Outcome) -> tuple[str, Running | None]:
        """Keep how a task ended; returns ``[ 7/23]`` and, if it was run, since when and with which log."""
        with self._lock:
            self._ended[name] = outcome
            self._expected.add(name)
            total = len(self._expected)
            running = self._running.pop(name, None)
            now = self._now(running) if running else None
            self._statuses.clear(name)
            return f"[{len(self._ended):>{len(str(total))}}/{total}]", now

    def _task_line(self, name: str, count: str, running: Running | None, *, failed: bool = False) -> Line:
        took = duration(time.monotonic() - running.started) if running else "-"
        line: Line = ((f"{count} ", "dim"), (f"{name:<{self._name_width}}", "red" if failed else ""))
        line += ((f" {took:>{_TIME_WIDTH}}", "dim"),)
        return (*line, ("  FAILED", "bold red")) if failed else line

    def _show(self, lines: Sequence[Line]) -> None:
        self._guarded(lambda: self._view.show(lines))

    def _guarded(self, write: Callable[[], None]) -> None:
        try:
            write()
        except OSError:  # nobody reads any more (a closed pipe, a terminal that is gone): the work goes on
            with suppress(OSError):
                self._view.close()
            self._view = Nowhere()

    def _summary(self, raised: BaseException | None) -> list[Line]:
        with self._lock:
            outcomes = list(self._ended.values())
            left = len(self._expected - self._ended.keys())
            unmet = [name for name, outcome in self._ended.items() if outcome == "not run"]
        lines: list[Line] = [((f"Stopped: {error}", "red"),) for error in self._errors]
        for name, log in self._failures:
            lines.append(((f"Failed: {name}", "bold red"), (f", see {log}" if log else "", "")))
        if unmet:
            lines.append(((f"Not run, as something that they need failed: {', '.join(unmet)}", ""),))
        took = duration(time.monotonic() - self._started)
        if raised is not None:
            word = "Interrupted" if isinstance(raised, (KeyboardInterrupt, SystemExit)) else "Stopped by an error"
            done = outcomes.count("run") + outcomes.count("from the cache") + outcomes.count("up to date")
            text = f"{word}: {done} of {plural(len(outcomes) + left)} done; run the same command again to go on."
            return [*lines, ((text, "bold"),)]
        # In a run that went well what is left was not needed: the setup tasks of up-to-date ones.
        unneeded = not (self._failures or self._errors or unmet)
        return [*lines, ((progress.totals(outcomes, 0 if unneeded else left, took), "bold"),)]


class Nowhere:
    """The view when nobody looks any more."""

    def show(self, lines: Sequence[Line]) -> None:
        """Drop the lines."""

    def close(self) -> None:
        """Nothing to give back."""


def wants_live(outstream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether a live view suits: a terminal that can move its cursor, or CROSSCOURSE_PROGRESS=live.

    Raises UnknownNameError if CROSSCOURSE_PROGRESS is neither ``live`` nor ``plain`` (nor empty).
    """
    wish = environ.get("CROSSCOURSE_PROGRESS", "")
    if wish not in ("", "live", "plain"):
        from crosscourse.errors import UnknownNameError

        raise UnknownNameError("CROSSCOURSE_PROGRESS", wish, ("live", "plain"))
    if wish:
        return wish == "live"
    return outstream.isatty() and environ.get("TERM", "dumb") not in ("", "dumb", "unknown")


def work_of(tasks: Mapping[str, Any], selected: Iterable[str]) -> set[str]:
    """Names of the tasks with actions among the selected ones and everything that they need, directly or not."""
    seen: set[str] = set()
    ahead = list(selected)
    while ahead:
        name = ahead.pop()
        task = tasks.get(name)  # None: made later by a task that creates tasks
        if task is not None and name not in seen:
            seen.add(name)
            ahead += [*task.task_dep, *task.setup_tasks, *task.calc_dep]
    return {name for name in seen if tasks[name].actions}
