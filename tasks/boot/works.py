"""The work on guests and boots; what is costly to load is loaded when it is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.boot.specs import Boot, Host, Image, System

if TYPE_CHECKING:
    from crosscourse.engine.places import Places


def look_at_host(spec: Host, _at: Places) -> None:
    """Raise MissingError unless this machine has everything."""
    from tasks.boot.host import prerequisites

    prerequisites.require(prerequisites.needs(spec.machine, worker=spec.worker))


def make_system(spec: System, at: Places) -> None:
    """Make the guest's kernel, initial file system and root disk."""
    from tasks.boot.guest import system

    system.make(spec, at)


def make_image(spec: Image, at: Places) -> None:
    """Make the layer of the image for tasks."""
    from tasks.boot.guest import image

    image.make_layer(spec, at)


def boot(spec: Boot, at: Places) -> None:
    """Boot, try, report."""
    from tasks.boot import run

    run.run(spec, at)
