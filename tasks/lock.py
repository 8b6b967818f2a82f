"""``./doit lock``: which packages a target's root filesystems are made of, asked anew and written to the lock file.

It is no part of a build. A build takes what the lock file says, and needs no apt.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from crosscourse import files
from crosscourse.engine.spec import Spec
from crosscourse.engine.step import Step
from crosscourse.layout import Layout
from crosscourse.manifest import locks
from crosscourse.manifest.locks import Wanted
from crosscourse.manifest.model import Manifest
from tasks import names
from tasks.boot import steps as boot
from tasks.image import steps as image
from tasks.rootfs import debian
from toolchains.c import gcc
from toolchains.targets import get_target

if TYPE_CHECKING:
    from crosscourse.engine.places import Places

# Of what changed, no more lines are shown.
_MOST = 40


class Locking(Spec, frozen=True, kw_only=True):
    """What a lock file is asked for. ``sets``: what is wanted, by the name of what is made of it.

    ``optional``: those that are only made when a person asks for it: where a suite lacks them, they are not locked.
    """

    sets: dict[str, Wanted]
    optional: tuple[str, ...]


def steps(manifest: Manifest, layout: Layout, target: str) -> Iterator[Step]:
    """The steps that write one target's lock files: what is made of packages, and the C compiler that is unpacked."""
    left_out = tuple(name for name, table in manifest.artifact.items() if not table.built)
    sets = wanted(manifest, target)
    if sets:
        doc = f"the Debian packages for {target}, as the mirror has them now"
        yield _step(names.lock(target, "debian"), doc, sets, left_out, layout.lock(target, own=True))
    compiler = gcc.wanted(get_target(target))
    if compiler:
        doc = f"the Debian packages of {gcc.NAME} for {target}, for each host, as the mirror has them now"
        # Of a host Debian may have none.
        yield _step(names.lock(target, gcc.NAME), doc, compiler, tuple(compiler), gcc.lock_file(target))


def _step(name: str, doc: str, sets: dict[str, Wanted], optional: tuple[str, ...], place: Path) -> Step:
    return Step(
        name=name,
        stage="lock",
        doc=doc,
        spec=Locking(sets=sets, optional=optional),
        work=lock,
        place=place,
        probe=asked,
        removed_by="nobody",
    )


def wanted(manifest: Manifest, target: str) -> dict[str, Wanted]:
    """What is made of Debian packages for a target, by name."""
    machine = get_target(target)
    found = {name: debian.wanted(manifest, machine, table) for name, table in manifest.of(debian.DebianResourceType)}
    return {**found, **image.wanted(manifest, machine), **boot.wanted(manifest, machine)}


def asked(_spec: Locking, _path: Path) -> str:
    """It is done whenever it is asked for: only the mirror knows whether it has something new."""
    return "asked for"


def lock(spec: Locking, at: Places) -> None:
    """Ask apt, and write the lock file; says what is different. Raises DebianError, CommandError."""
    from crosscourse.debian import apt, mirrors, resolve

    mirror = mirrors.of_apt(at)
    before = locks.read(at.place)
    found = {}
    updated: set[tuple[str, str]] = set()
    for name, wanted in spec.sets.items():
        suite = (wanted.suite, wanted.architecture)
        try:
            found[name] = wanted, resolve.resolve(wanted, mirror=mirror, at=at, update=suite not in updated)
            updated.add(suite)
        except apt.DebianError as error:
            if name not in spec.optional:
                raise
            at.report(f"{name} is not locked, and can't be made: {error.found}")
    date = max(resolve.date(wanted, at=at) for wanted in spec.sets.values())
    after = locks.made_of(found, date=date)
    locks.write(at.place, after)
    changes = locks.changes(before, after)
    for line in changes[:_MOST]:
        at.report(line)
    more = f", {len(changes) - _MOST} more lines" if len(changes) > _MOST else ""
    size = sum(package.size for package in after.packages.values())
    at.report(
        f"{files.relative(at.place)}: {len(after.packages)} packages, {size / 1e6:.0f} MB, "
        + (f"{len(changes)} changes{more}" if changes else "nothing changed")
    )
