"""The work of a boot with the rows `small`: a worker on a machine of little memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.boot.specs import WorkerBoot

if TYPE_CHECKING:
    from crosscourse.engine.places import Places


def boot(spec: WorkerBoot, at: Places) -> None:
    """Boot, try, report. Raises BootError unless every row passed."""
    from tasks.boot import run
    from tasks.boot.rows import small

    run.run(spec, at, small.checks)
