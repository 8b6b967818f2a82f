"""The work of a boot; what is costly to load is loaded when it is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.boot.specs import Boot, Host

if TYPE_CHECKING:
    from crosscourse.engine.places import Places


def look_at_host(spec: Host, _at: Places) -> None:
    """Raise MissingError unless this machine has everything."""
    from tasks.boot.host import prerequisites

    prerequisites.require(prerequisites.needs(spec.machine, worker=spec.worker))


def boot(spec: Boot, at: Places) -> None:
    """Boot, try, report."""
    from tasks.boot import run

    run.run(spec, at)
