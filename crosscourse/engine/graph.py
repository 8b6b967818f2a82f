"""Small questions about doit's tasks: what a selection includes, in what order, and which of them are steps."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence
from typing import Any

from crosscourse.engine.job import Job
from crosscourse.errors import CrosscourseError, UnknownNameError


def job_of(task: Any) -> Job | None:
    """The job behind a task of doit; None for groups and for tasks that others wrote."""
    job = (task.meta or {}).get("job")
    return job if isinstance(job, Job) else None


def jobs_of(tasks: Iterable[Any]) -> list[Job]:
    """The jobs behind tasks, in their order."""
    return [job for task in tasks if (job := job_of(task))]


def prefetch(jobs: Sequence[Job]) -> None:
    """Start reading what the jobs' sources contain, all at the same time."""
    if jobs:
        jobs[0].shared.prefetch(job.step for job in jobs)


def selected(tasks: Sequence[Any], names: Iterable[str]) -> list[Any]:
    """The tasks named (globs too), and all that they depend on, dependencies first.

    Raises UnknownNameError for a name that is neither a task nor a file that one makes.
    """
    by_name = {task.name: task for task in tasks}
    by_target = {target: task.name for task in tasks for target in task.targets}
    done: dict[str, Any] = {}

    def visit(name: str) -> None:
        if name in done:
            return
        task = by_name[name]
        done[name] = None  # holds the place; a cycle is doit's to report
        for need in [*task.task_dep, *task.setup_tasks]:
            visit(need)
        del done[name]
        done[name] = task

    for name in names:
        found = fnmatch.filter(by_name, name) if "*" in name else [by_target.get(name, name)]
        for one in found:
            if one not in by_name:
                raise UnknownNameError("task", name, _suggestions(by_name))
            visit(one)
    return [task for task in done.values() if task is not None]


def members(tasks: Sequence[Any], names: Iterable[str]) -> list[Any]:
    """The tasks that the groups of these names stand for, without what those need; groups that are not there have none.

    A group stands for another one (``boot`` for ``boot:armv7``) or for tasks.
    """
    by_name = {task.name: task for task in tasks}
    groups = [by_name[name] for name in names if name in by_name]
    inner = [by_name[need] for group in groups for need in group.task_dep]
    return [by_name[need] for group in inner for need in group.task_dep]


def _suggestions(by_name: dict[str, Any]) -> list[str]:
    return [name for name in by_name if not name.startswith("_")]


def chosen_names(arguments: Sequence[str], default: Sequence[str] | None) -> list[str]:
    """Of the command line's words those that name tasks (options of tasks are left out), else the defaults."""
    return [word for word in arguments if not word.startswith("-")] or list(default or [])


def refuse_late_options(arguments: Sequence[str]) -> None:
    """doit reads no options behind the first name of a task: one that stands there would be overlooked.

    Raises CrosscourseError.
    """
    late = [word for word in arguments if word.startswith("-")]
    if late:
        raise CrosscourseError(" ".join(late), "options come before the names of tasks", "Nothing was done.")
