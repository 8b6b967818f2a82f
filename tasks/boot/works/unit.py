"""The work of a boot with the rows of a package that is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.boot.specs import UnitBoot

if TYPE_CHECKING:
    from crosscourse.engine.places import Places


def boot(spec: UnitBoot, at: Places) -> None:
    """Boot, try, report. Raises BootError unless every row passed."""
    from tasks.boot import run
    from tasks.boot.rows import installed

    run.run(spec, at, installed.of_unit)
