"""``doit clean``: removes what was built, and says so; a person's edits are never touched."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from doit.cmd_base import DoitCmdBase

from crosscourse import files
from crosscourse.commands.base import flag
from crosscourse.engine import graph
from crosscourse.engine.job import Job
from crosscourse.engine.lock import exclusive
from crosscourse.errors import CrosscourseError, of_any
from crosscourse.view.text import write_line

OPTION_DRY_RUN = flag("dryrun", "only say what would be removed", short="n", long="dry-run")
OPTION_ALL = flag("all", "all targets, and the sources too (never a checkout with edits)", short="a")


class Clean(DoitCmdBase):  # type: ignore[misc]  # doit has no type hints
    """Removes what was built for the chosen release and target."""

    name = "clean"
    doc_purpose = "remove what was built for the chosen release and target"
    doc_usage = "[TASK ...]"
    doc_description = (
        "Without TASK: all that `doit build verify boot` makes for the chosen release (release=NAME) "
        "and target (target=NAME).\n"
        "With TASK (`build:arm64`, `compile:armv7:runc`): what that task and the tasks it needs make for a target.\n"
        "Sources are removed by --all only. Downloads in the cache folder are shared by all checkouts and stay."
    )
    cmd_options = (OPTION_DRY_RUN, OPTION_ALL)

    def _execute(
        self,
        dryrun: bool,
        all: bool,
        pos_args: list[str] | None = None,  # doit passes options by name
    ) -> int:
        graph.refuse_late_options(pos_args or [])
        everything = [task.name for task in self.task_list]
        names = everything if all else graph.chosen_names(pos_args or [], [n for n in everything if n in _DEFAULT])
        tasks = graph.selected(self.task_list, names)
        if not pos_args and not all:
            tasks += graph.members(self.task_list, _OWN)
        removed_by = {"clean", "clean --all"} if all else {"clean"}
        jobs = [job for job in graph.jobs_of(reversed(tasks)) if job.step.removed_by in removed_by]
        failed = False
        with exclusive(Path(self.dep_manager.name).parent):
            for job in jobs:
                try:
                    for line in clean(job, dry_run=dryrun):
                        write_line(self.outstream, line)
                    if not dryrun:
                        self.dep_manager.remove(job.step.name)
                except (CrosscourseError, OSError) as error:
                    failed = True
                    write_line(self.outstream, f"kept: {of_any(error)}")
            self.dep_manager.close()
            if all and not failed:
                for line in self._rest(Path(self.dep_manager.name).parent, dry_run=dryrun):
                    write_line(self.outstream, line)
        return 1 if failed else 0

    def _rest(self, build: Path, *, dry_run: bool) -> Iterator[str]:
        """Records, logs and scratch of the release: its whole build folder."""
        if not dry_run:
            files.remove_owned(build)
        yield f"{'would remove' if dry_run else 'removed'} {os.path.relpath(build)}"


# The group tasks whose results `clean` removes when no task is named.
_DEFAULT = ("build", "verify")
# Groups of which only the tasks themselves count: what they need may be of another target.
_OWN = ("guest", "boot", "boot-more")


def clean(job: Job, *, dry_run: bool) -> Iterator[str]:
    """Remove what a step made (or only say so); yields a line for each thing."""
    verb, step = "would remove" if dry_run else "removed", job.step
    for path in step.outputs.values():
        if path.exists():
            if not dry_run:
                files.remove(path)
                _remove_empty_parents(path)
            yield f"{verb} {os.path.relpath(path)}"
    for what in step.remover(step, dry_run) if step.remover else ():
        yield f"{verb} {what}"
    if job.log.exists() and not dry_run:
        files.remove(job.log)
        _remove_empty_parents(job.log)


def _remove_empty_parents(path: Path) -> None:
    here = Path.cwd()
    for parent in path.parents:
        if parent == here or here not in parent.parents or any(parent.iterdir()):
            return
        parent.rmdir()
