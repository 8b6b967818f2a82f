"""Between doit and jobs: a step as doit's task, doit's question whether it is up to date, doit's action."""

from __future__ import annotations

import inspect
from typing import Any

from doit.dependency import UptodateCalculator
from doit.exceptions import TaskFailed

from crosscourse import files
from crosscourse.engine.idle.seen import Seen
from crosscourse.engine.job import Job, Record
from crosscourse.engine.reasons import Value
from crosscourse.engine.shared import Shared
from crosscourse.engine.step import Step
from crosscourse.errors import CrosscourseError


def as_task(step: Step, shared: Shared) -> dict[str, Any]:
    """The step as doit's dictionary; named by its group (``compile:armv7``) and the rest."""
    job = Job(step=step, shared=shared)
    shared.add(step)
    group, _, name = step.name.rpartition(":")
    return {
        "basename": group,
        "name": name,
        "doc": step.doc,
        "actions": [lambda: act(job)],
        "task_dep": [*step.needs, *step.after],
        "targets": [files.relative(path) for path in step.outputs.values()],
        "uptodate": [JobCheck(job)],
        "io": {"capture": False},
        "meta": {
            "stage": step.stage,
            "log": f"{shared.logs}/{step.file_name}.log",
            "statuses": shared.statuses,
            "reported": job.reported,
            "job": job,
        },
    }


def act(job: Job) -> Record | TaskFailed:
    """doit's action: do the step, and say what is to be recorded."""
    with job.shared.at_work(job.step.name):
        try:
            return job.do()
        except Exception as error:  # told to the person, or raised again
            return TaskFailed(job.fail(error))


def tell(step: Step, seen: Seen) -> None:
    """Tell what is looked at to say whether a step is to be done; its source is told by ``Shared.fingerprint``."""
    seen.files(step.outputs.values())
    if step.probe is not None and step.place is not None:
        if step.probed is None:
            seen.more(step.name)
        else:
            seen.files(step.probed(step.place))


class JobCheck(UptodateCalculator):  # type: ignore[misc]  # doit has no type hints
    """doit's ``uptodate`` for a step. Never raises: on doubt the step is done, and its work says what is wrong."""

    # doit asks each check for its signature; it is the same for all.
    __signature__ = inspect.Signature(
        [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in ("task", "values")]
    )

    def __init__(self, job: Job) -> None:
        super().__init__()
        self.job = job

    def __call__(self, task: Any, values: Record) -> bool:  # noqa: ARG002  # doit goes by the names
        try:
            self.job.reasons = self.why(values)
        except (CrosscourseError, OSError) as error:
            self.job.reasons = [str(error)]
        if not self.job.reasons:
            self.job.shared.seen.idle.add(self.job.step.name)
        return not self.job.reasons

    def why(self, record: Record) -> list[str]:
        """Why the step is to be done; empty if it is not."""
        results: dict[str, Value] = {need: self._values(need).get("result", "") for need in self.job.step.needs}
        tell(self.job.step, self.job.shared.seen)
        found = self.job.why(record, results)
        if self.job.changed and not found:
            self.dep_manager.backend.refresh(self.job.step.name, record)
        return found

    def _values(self, task: str) -> Record:
        values = self.get_val(task, "_values_:")
        return values if isinstance(values, dict) else {}

    def setup(self, dep_manager: Any, tasks_dict: Any) -> None:
        """Called by doit before each check."""
        super().setup(dep_manager, tasks_dict)
        self.dep_manager = dep_manager

    def __repr__(self) -> str:
        return "; ".join(self.job.reasons) or "up to date"
