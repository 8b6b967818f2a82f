"""A step: one task of the graph, with everything that decides whether it is to be done.

doit looks at files' times and at targets' existence; a step looks at what it was made from and at what it made:

- its *inputs*, each with a label (a source's fingerprint, a flag, a tool), and the results of the steps it needs;
- its *outputs*, by digest: one that is missing or was damaged is made again;
- a *probe* for what is no file of ours: a checkout, a tool in the cache.

A step that comes out unchanged has the same result as before, so what depends on it is not done again (early cutoff).
"""

from __future__ import annotations

import errno
import os
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from doit.dependency import UptodateCalculator
from doit.exceptions import TaskFailed

from crosscourse import files
from crosscourse.engine import reasons
from crosscourse.engine.reasons import Inputs, Value
from crosscourse.errors import CrosscourseError
from crosscourse.run import process
from crosscourse.view import progress

Record = dict[str, Any]

_running: set[str] = set()
_idle = threading.Condition()


def wait_until_idle(seconds: float) -> None:
    """Wait until no step is at work any more (each removes its scratch folder at its end), at most so long."""
    with _idle:
        _idle.wait_for(lambda: not _running, timeout=seconds)


@dataclass(frozen=True, kw_only=True)
class Context:
    """What a step's work is given: its log, a scratch folder of its own, and a way to say what it is doing."""

    task: str
    log: Path
    scratch: Path
    told: list[str] = field(default_factory=list)

    def run(self, argv: list[str | Path], *, env: Mapping[str, str], cwd: Path | None = None) -> str:
        """Run a program, see ``process.run``."""
        return process.run(argv, log=self.log, env=env, cwd=cwd)

    def note(self, text: str) -> None:
        """Say what is being done now; shown by the live view."""
        progress.note(self.task, text)

    def tell(self, text: str) -> None:
        """Say something that a person should read when the step is done; it goes to the log too."""
        self.told.append(text)
        self.say(text)

    def say(self, text: str) -> None:
        """Write a line to the log."""
        with self.log.open("a", encoding="utf-8") as stream:
            stream.write(text + "\n")


@dataclass
class StepState:
    """What the check of this run found (the inputs it saw, why the step is to be done), and what the step then told."""

    inputs: dict[str, Value] | None = None
    reasons: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Step:
    """A task. ``name`` as in ``compile:armv7:runc``; ``stage`` the room it belongs to.

    ``work``: does it; may return facts for the record. ``needs``: steps whose results are inputs;
    ``after``: steps that only come first. ``build``: the folder for logs and scratch. ``scope``: who may remove
    the outputs: ``target`` (``clean``), ``release`` (``clean --all``), ``nobody``.
    ``watches``: starts reading what the inputs need. ``cleaner``: removes what isn't in ``outputs``;
    told whether to only say what it would do. ``advice``: what a plan says of it beside its reasons.
    """

    name: str
    stage: str
    doc: str
    work: Callable[[Context], None]
    build: Path
    inputs: Callable[[], Inputs]
    needs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    outputs: tuple[Path, ...] = ()
    probe: Callable[[], str | None] = lambda: None
    advice: Callable[[], Iterable[str]] = tuple
    result: Callable[[], Value] | None = None
    scope: str = "target"
    cleaner: Callable[[bool], Iterator[str]] | None = None
    watches: Callable[[], None] = lambda: None
    state: StepState = field(default_factory=StepState, compare=False)

    def prefetch(self) -> None:
        """Start reading what the inputs need, in the background."""
        self.watches()

    @property
    def log(self) -> Path:
        """The step's log, kept until the next time that it is done."""
        return self.build / "logs" / f"{self.name.replace(':', '-')}.log"

    def as_task(self) -> dict[str, Any]:
        """The step as doit's dictionary; named by its group (``compile:armv7``) and the rest."""
        group, _, name = self.name.rpartition(":")
        return {
            "basename": group,
            "name": name,
            "doc": self.doc,
            "actions": [self.act],
            "task_dep": [*self.needs, *self.after],
            "targets": [os.path.relpath(path) for path in self.outputs],
            "uptodate": [StepCheck(self)],
            "io": {"capture": False},
            "meta": {"stage": self.stage, "log": os.path.relpath(self.log), "told": self.state.told, "step": self},
        }

    def act(self) -> Record | TaskFailed:
        """doit's action: do the work, check that its outputs are there, and say what is to be recorded."""
        seen = self.state.inputs
        started = time.monotonic()
        with _idle:
            _running.add(self.name)
        try:
            self.log.parent.mkdir(parents=True, exist_ok=True)
            self.log.write_text("", encoding="utf-8")
            with scratch_folder(self.build / "tmp" / self.name.replace(":", "-")) as scratch:
                self.work(Context(task=self.name, log=self.log, scratch=scratch, told=self.state.told))
            record = self._record(seen if seen is not None else dict(self.inputs()))
        except CrosscourseError as error:
            self._log_failure(str(error))
            return TaskFailed(str(error))
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                return TaskFailed(str(process.DiskFullError(self.name)))
            self._log_failure(traceback.format_exc())
            raise
        finally:
            progress.clear(self.name)
            with _idle:
                _running.discard(self.name)
                _idle.notify_all()
        return {**record, "seconds": round(time.monotonic() - started, 2)}

    def _log_failure(self, text: str) -> None:
        with self.log.open("a", encoding="utf-8") as stream:
            stream.write(text + "\n")

    def _record(self, inputs: Inputs) -> Record:
        outputs = {}
        for path in self.outputs:
            if not path.is_file():
                raise CrosscourseError(self.name, f"ended without making {path}", f"Its log: {self.log}")
            outputs[os.path.relpath(path)] = [files.digest(path), *files.signature(path)]
        result: Value = self.result() if self.result else {path: str(row[0]) for path, row in outputs.items()}
        return {"inputs": inputs, "outputs": outputs, "result": result}


class StepCheck(UptodateCalculator):  # type: ignore[misc]  # doit has no type hints
    """doit's ``uptodate`` for a step. Never raises: on doubt the step is done, and its work says what is wrong."""

    def __init__(self, step: Step) -> None:
        super().__init__()
        self.step = step

    def __call__(self, task: Any, values: Record) -> bool:  # noqa: ARG002  # doit goes by the names
        try:
            self.step.state.reasons = self.why(values)
        except (CrosscourseError, OSError) as error:
            self.step.state.inputs = None
            self.step.state.reasons = [str(error)]
        return not self.step.state.reasons

    def why(self, record: Record) -> list[str]:
        """Why the step is to be done; empty if it is not."""
        inputs = dict(self.step.inputs())
        for need in self.step.needs:
            inputs[need] = (self.get_val(need, "_values_:") or {}).get("result", "")
        self.step.state.inputs = inputs
        if not record:
            return reasons.explain(None, inputs)
        found = reasons.explain(record["inputs"], inputs)
        problem = self.step.probe()
        if problem:
            found.append(problem)
        found += self._damaged(record)
        return found

    def _damaged(self, record: Record) -> list[str]:
        found = []
        recorded: dict[str, list[Any]] = record.get("outputs", {})
        for path in self.step.outputs:
            name = os.path.relpath(path)
            row = recorded.get(name)
            if row is None or not path.is_file():
                found.append(f"{name} is missing")
            elif (now := files.signature(path)) != row[1:]:
                if files.digest(path) != row[0]:
                    found.append(f"{name} is not what was built")
                else:
                    row[1:] = now  # only touched: spare the next run the hashing
                    self.dep_manager._set(self.step.name, "_values_:", record)
        return found

    def setup(self, dep_manager: Any, tasks_dict: Any) -> None:
        """Called by doit before each check."""
        super().setup(dep_manager, tasks_dict)
        self.dep_manager = dep_manager

    def __repr__(self) -> str:
        return "; ".join(self.step.state.reasons) or "up to date"


@contextmanager
def scratch_folder(path: Path) -> Iterator[Path]:
    """An empty folder for the time of the block; what an earlier, killed run left there is removed first."""
    files.remove(path)
    path.mkdir(parents=True)
    try:
        yield path
    finally:
        files.remove(path)
