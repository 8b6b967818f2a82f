"""``doit run`` (or just ``doit build``): doit's own, made safe to interrupt and to run twice."""

from __future__ import annotations

import functools
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from doit.cmd_run import Run as DoitRun

from crosscourse.engine import graph
from crosscourse.engine.idle import note
from crosscourse.engine.idle.seen import DECLARED
from crosscourse.engine.lock import exclusive
from crosscourse.engine.shared import Shared
from crosscourse.run.children import Children
from crosscourse.run.signals import heard
from crosscourse.view import progress

OPTION_TRACEBACK = {
    "name": "traceback",
    "long": "traceback",
    "type": bool,
    "default": False,
    "help": "show the whole traceback of an unexpected error",
}


class Run(DoitRun):  # type: ignore[misc]  # doit has no type hints
    """doit's ``run`` with one run at a time in a build folder, and no child that survives it."""

    doc_purpose = "run tasks: ./doit build, ./doit verify, ./doit build:arm64 (the default command)"
    doc_description = (
        "Variables: release=NAME, target=NAME, override=SOURCE=FOLDER[,SOURCE=FOLDER], "
        "cache=FOLDER, jobs=NUMBER.\n"
        "`./doit list` names the tasks, `./doit plan` says what would be done and why."
    )
    cmd_options = (*DoitRun.cmd_options, OPTION_TRACEBACK)

    def execute(self, params: Any, args: list[str]) -> Any:
        """doit's entry: options and words of the command line."""
        if params.get("traceback"):
            os.environ["CROSSCOURSE_TRACEBACK"] = "1"
        return super().execute(params, args)

    @functools.wraps(DoitRun._execute)
    def _execute(self, *args: Any, **kwargs: Any) -> Any:
        tasks = graph.selected(self.task_list, graph.chosen_names(self.sel_tasks or [], None))
        jobs = graph.jobs_of(tasks)
        if not jobs:
            return super()._execute(*args, **kwargs)
        shared = jobs[0].shared
        self.dep_manager.backend.forgiving = True
        with exclusive(shared.build), ending_children(shared):
            graph.prefetch(jobs)
            try:
                status = super()._execute(*args, **kwargs)
                if status == 0:
                    self._note(shared, tasks)
                return status
            finally:
                shared.close()

    def _note(self, shared: Shared, tasks: Sequence[Any]) -> None:
        """Note what this run looked at: the next one, if nothing of it has changed, need not look again."""
        seen, steps = shared.seen, {job.step.name for job in graph.jobs_of(tasks)}
        seen.file(self.dep_manager.name)
        seen.program("git")
        seen.add(DECLARED)
        everything = [task.name for task in tasks if task.actions]
        idle = seen.idle >= steps == set(everything)
        text = progress.totals(["up to date"] * len(everything), 0, note.TIME)
        note.end(str(Path.cwd()), os.fspath(shared.build), seen, text, idle=idle)


@contextmanager
def ending_children(shared: Shared | None = None) -> Iterator[None]:
    """Whatever ends the block (an error, Ctrl-C, SIGTERM, SIGHUP), no child and no half-done work is left behind it."""

    children = Children()

    def stop(number: int, _frame: FrameType | None) -> NoReturn:
        children.kill_all()
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(128 + number)

    if shared is not None:
        shared.children = children
    ended = False
    with heard((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), stop):
        try:
            with children:
                yield
            ended = True
        except KeyboardInterrupt:
            raise SystemExit(128 + signal.SIGINT) from None
        finally:
            if not ended and shared is not None:
                shared.wait_until_idle(seconds=10)
