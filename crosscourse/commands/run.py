"""``doit run`` (or just ``doit build``): doit's own, made safe to interrupt and to run twice."""

from __future__ import annotations

import functools
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from doit.cmd_run import Run as DoitRun

from crosscourse.engine import graph, step
from crosscourse.engine.lock import exclusive
from crosscourse.run import process

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
        "Variables: release=NAME (default: concourse-8.2.5), target=NAME, override=SOURCE=FOLDER[,SOURCE=FOLDER], "
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
        steps = [found for task in tasks if (found := graph.step_of(task))]
        if not steps:
            return super()._execute(*args, **kwargs)
        with exclusive(Path(self.dep_manager.name).parent), ending_children():
            for one in steps:
                one.prefetch()
            return super()._execute(*args, **kwargs)


@contextmanager
def ending_children() -> Iterator[None]:
    """Whatever ends the block (an error, Ctrl-C, SIGTERM, SIGHUP), no child and no half-done work is left behind it."""

    def stop(number: int, _frame: FrameType | None) -> NoReturn:
        process.kill_all()
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(128 + number)

    before = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    ended = False
    try:
        yield
        ended = True
    except KeyboardInterrupt:
        raise SystemExit(128 + signal.SIGINT) from None
    finally:
        if not ended:
            process.kill_all()
            step.wait_until_idle(seconds=10)
        for number, handler in before.items():
            signal.signal(number, handler)
