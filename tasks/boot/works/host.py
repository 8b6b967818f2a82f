"""The work that looks at this machine before a boot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.boot.specs import Host

if TYPE_CHECKING:
    from crosscourse.engine.places import Places


def look_at_host(spec: Host, _at: Places) -> None:
    """Raise MissingError, NativeError unless this machine has everything."""
    from tasks.boot.guest import native_needs
    from tasks.boot.host import prerequisites

    if spec.machine is None:
        native_needs.require(native_needs.look(worker=spec.worker))
        needs = native_needs.needs(worker=spec.worker)
    else:
        needs = prerequisites.needs(spec.machine, worker=spec.worker)
    prerequisites.require([*needs, *prerequisites.of_servers(spec.servers)])
