"""From steps to doit's tasks: groups by stage and target, so that ``compile``, ``compile:arm64`` and
``compile:arm64:runc`` all mean what they say. A stage without a target means the chosen one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from crosscourse.engine.step import Step
from crosscourse.project import Project

Tasks = Iterator[dict[str, Any]]


def tasks_of(steps: Iterable[Step]) -> Tasks:
    """Each step as doit's dictionary."""
    return (step.as_task() for step in steps)


def for_each_target(project: Project, stage: str, steps: Callable[[Project, str], Iterable[Step]]) -> Tasks:
    """The steps of every target, a group for each (``compile:arm64``), and the stage itself for the chosen one."""
    for target in project.targets:
        yield {"basename": f"{stage}:{target}", "name": None, "doc": f"{stage} for {target}"}
        yield from tasks_of(steps(project, target))
    yield _group(stage, f"{stage}:{project.target}", f"{stage} for {project.target}")


def groups(project: Project, name: str, *, needs: str) -> Tasks:
    """A group for each target that stands for a stage (``build:arm64``), and one for the chosen target (``build``)."""
    for target in project.targets:
        yield _group(f"{name}:{target}", f"{needs}:{target}", f"the distribution for {target}")
    yield _group(name, f"{name}:{project.target}", f"the distribution for {project.target}")


def _group(name: str, need: str, doc: str) -> dict[str, Any]:
    return {"basename": name, "actions": None, "task_dep": [need], "doc": doc}
