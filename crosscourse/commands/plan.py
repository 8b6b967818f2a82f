"""``doit plan``: what the next build would do, and why, without doing it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from doit.cmd_base import DoitCmdBase

from crosscourse.commands.base import flag
from crosscourse.engine import graph
from crosscourse.engine.check import JobCheck
from crosscourse.engine.job import Job
from crosscourse.engine.reasons import NEVER
from crosscourse.errors import CrosscourseError
from crosscourse.view.text import write_line

OPTION_ALL = flag("all", "list what is up to date too", short="a")


@dataclass(frozen=True, kw_only=True)
class Planned:
    """What would happen to one step. ``reasons``: of its own; ``because``: steps before it that would be done.

    ``kept``: whether its outputs would be taken from the result cache.
    """

    name: str
    reasons: tuple[str, ...]
    because: tuple[str, ...]
    kept: bool = False

    @property
    def sure(self) -> bool:
        """Whether the step is done whatever comes out of the ones before it."""
        return bool(self.reasons)


class Plan(DoitCmdBase):  # type: ignore[misc]  # doit has no type hints
    """Shows which tasks a build would do and why: which file, pin, patch, flag or tool changed."""

    name = "plan"
    doc_purpose = "say what the next build would do and why, without doing it"
    doc_usage = "[TASK ...]"
    doc_description = (
        "Without TASK: what `doit build` would do. A task marked `?` is done only if what it needs comes out different."
    )
    cmd_options = (OPTION_ALL,)

    def _execute(self, all: bool, pos_args: list[str] | None = None) -> int:  # doit passes options by name
        graph.refuse_late_options(pos_args or [])
        names = graph.chosen_names(pos_args or [], self.sel_tasks)
        tasks = graph.selected(self.task_list, names)
        jobs = graph.jobs_of(tasks)
        graph.prefetch(jobs)
        plans = plan(jobs, self._why)
        for line in describe(plans, everything=all):
            write_line(self.outstream, line)
        for job in jobs:
            step = job.step
            for line in step.advice(step) if step.advice else ():
                write_line(self.outstream, line)
        self.dep_manager.close()
        return 0

    def _why(self, job: Job) -> list[str]:
        check = JobCheck(job)
        check.setup(self.dep_manager, {})
        try:
            return check.why(self.dep_manager.get_values(job.step.name))
        except (CrosscourseError, OSError) as error:
            return [str(error).splitlines()[0]]


def plan(jobs: Iterable[Job], why: Callable[[Job], list[str]]) -> list[Planned]:
    """Ask each step in order, and carry the reasons downstream. ``why(job)`` gives a step's own reasons."""
    plans: dict[str, Planned] = {}
    for job in jobs:
        step = job.step
        reasons = why(job)
        # What only comes first matters too: a checkout that is made anew is what a compile step then finds.
        before = [*step.needs, *step.after]
        because = [name for name in before if name in plans and (plans[name].reasons or plans[name].because)]
        plans[step.name] = Planned(
            name=step.name,
            reasons=tuple(reasons),
            because=tuple(because),
            kept=bool(reasons) and not because and _is_kept(job),
        )
    return list(plans.values())


def _is_kept(job: Job) -> bool:
    try:
        return job.is_kept()
    except (CrosscourseError, OSError):
        return False


def _listed(names: tuple[str, ...], most: int = 3) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def describe(plans: list[Planned], *, everything: bool) -> list[str]:
    """The plan in lines of text."""
    width = max((len(planned.name) for planned in plans), default=0)
    lines = []
    for planned in plans:
        name = f"{planned.name:<{width}}"
        because = f"{_listed(planned.because)} would be done" if planned.because else ""
        if planned.reasons:
            lines.append(f"! {name}  {planned.reasons[0]}{' (from the cache)' if planned.kept else ''}")
            never = planned.reasons[0] == NEVER
            more = [*planned.reasons[1:], *([because] if because and not never else [])]
            lines += [f"  {'':<{width}}  {reason}" for reason in more]
        elif because:
            lines.append(f"? {name}  {because}")
        elif everything:
            lines.append(f"  {name}  up to date")
    sure = sum(bool(planned.reasons) for planned in plans)
    maybe = sum(bool(planned.because) and not planned.reasons for planned in plans)
    if not sure and not maybe:
        return [*lines, f"Nothing to do: all {len(plans)} tasks are up to date."]
    summary = f"{sure} of {len(plans)} tasks would be done"
    if kept := sum(planned.kept for planned in plans):
        summary += f" ({kept} from the cache)"
    if maybe:
        summary += f", {maybe} more (?) if what they need comes out different"
    return [*lines, summary + "."]
