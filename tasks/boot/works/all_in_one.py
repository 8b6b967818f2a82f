"""The work of a boot with the rows `all-in-one`: web node, database and worker in the guest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.boot.specs import WorkerBoot

if TYPE_CHECKING:
    from crosscourse.engine.places import Places


def boot(spec: WorkerBoot, at: Places) -> None:
    """Boot, try, report. Raises BootError unless every row passed."""
    from tasks.boot import run
    from tasks.boot.rows import all_in_one

    run.run(spec, at, all_in_one.checks)
