"""The work of a boot with the rows `image`: a worker in a container of the image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.boot.specs import WorkerBoot

if TYPE_CHECKING:
    from crosscourse.engine.places import Places


def boot(spec: WorkerBoot, at: Places) -> None:
    """Boot, try, report. Raises BootError unless every row passed."""
    from tasks.boot import run
    from tasks.boot.rows import image

    run.run(spec, at, image.checks)
