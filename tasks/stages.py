"""Groups of tasks by stage and target, so that ``compile``, ``compile:arm64`` and ``compile:arm64:runc`` all mean what
they say. A stage without a target means the chosen one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from crosscourse.engine.check import as_task
from crosscourse.engine.shared import Shared
from crosscourse.engine.step import Step
from toolchains.targets import get_target

Tasks = Iterator[dict[str, Any]]

# Stages whose steps need nothing of another target's: those without a target, and the rest.
_OF_NO_TARGET = ("toolchain", "source", "patch", "assets", "lock-elm")
_OF_ONE_TARGET = ("modules", "compile", "rootfs", "package", "verify", "smoke", "build")


def named_targets(words: Iterable[str], targets: Sequence[str]) -> list[str] | None:
    """The targets that a call of doit with these words speaks of; None if it may be any of them.

    Making the steps of the others, hundreds each, would be a third of the time that a build with nothing to do takes.
    """
    found = set()
    for word in words:
        if word.startswith("-") or "=" in word or word == "run":
            continue
        stage, _, rest = word.partition(":")
        if stage in _OF_NO_TARGET:
            continue
        target = rest.partition(":")[0]
        if stage not in _OF_ONE_TARGET or (target and target not in targets):
            return None
        found.add(target or targets[0])
    return [target for target in targets if target in (found or {targets[0]})]


def tasks_of(steps: Iterable[Step], shared: Shared) -> Tasks:
    """Each step as doit's dictionary."""
    return (as_task(step, shared) for step in steps)


def for_each_target(
    targets: Sequence[str], stage: str, steps: Callable[[str], Iterable[Step]], shared: Shared
) -> Tasks:
    """The steps of every target, a group for each (``compile:arm64``); the stage itself: the first one."""
    for target in targets:
        yield {"basename": f"{stage}:{target}", "name": None, "doc": f"{stage} for {target}"}
        yield from tasks_of(steps(target), shared)
    for target in targets[:1]:
        yield _group(stage, f"{stage}:{target}", f"{stage} for {target}")


def also_called(tasks: Iterable[dict[str, Any]], words: Iterable[str], *, stage: str, other: str) -> Tasks:
    """Tasks of ``stage``. One that a call's words name as if it were of ``other`` is found by that name, too."""
    asked = set(words)
    for task in tasks:
        # Read before it is given away: doit takes from it what it knows.
        name, doc = f"{task['basename']}:{task.get('name')}", str(task["doc"])
        yield task
        if (called := f"{other}{name.removeprefix(stage)}") in asked:
            yield _group(called, name, doc)


def groups(targets: Sequence[str], name: str, *, needs: str) -> Tasks:
    """A group for each target that stands for a stage (``build:arm64``), and one for the chosen target (``build``)."""
    for target in targets:
        yield _group(f"{name}:{target}", f"{needs}:{target}", f"the distribution for {get_target(target).title}")
    yield _group(name, f"{name}:{targets[0]}", f"the distribution for {targets[0]}")


def _group(name: str, need: str, doc: str) -> dict[str, Any]:
    return {"basename": name, "actions": None, "task_dep": [need], "doc": doc}
