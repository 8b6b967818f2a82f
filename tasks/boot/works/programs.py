"""The work of a boot with the rows of a release's programs, in a browser, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.boot.specs import ProgramsBoot

if TYPE_CHECKING:
    from crosscourse.engine.places import Places


def boot(spec: ProgramsBoot, at: Places) -> None:
    """Boot, try, report. Raises BootError unless every row passed."""
    from tasks.boot import run
    from tasks.boot.rows import programs

    run.run(spec, at, programs.checks)
