"""Stage 5, assets: the artifacts that are the same for every target, each made once; and the lock of Elm's packages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from crosscourse import files
from crosscourse.engine.reads import Reads
from crosscourse.engine.spec import Spec
from crosscourse.engine.step import SourceFolder, Step
from crosscourse.layout import Layout
from crosscourse.manifest.locks import Lock
from crosscourse.manifest.model import Manifest
from tasks import names
from tasks.kinds import kind_of
from tasks.web import locks
from tasks.web.node_assets import NodeAssets, NodeAssetsBuild
from toolchains.targets import get_target

if TYPE_CHECKING:
    from crosscourse.engine.places import Places


def steps(manifest: Manifest, layout: Layout) -> Iterator[Step]:
    """A step for each artifact that is made once."""
    # Whatever the target, these come out the same: their kinds ask it nothing.
    target = get_target(manifest.release.targets[0])
    for name, table in manifest.artifact.items():
        kind = kind_of(table)
        if kind.stage != names.ONCE or not table.built:
            continue
        spec = kind.spec_of(manifest, target, Lock(), name, table)
        if isinstance(spec, NodeAssetsBuild) and spec.elm is not None:
            spec = msgspec.structs.replace(spec, elm_commits=locks.read(layout.elm_lock(name)).commits)
        folder = layout.build / names.ONCE / kind.folder(name)
        yield Step(
            name=names.once(name),
            stage=names.ONCE,
            doc=f"{name}, for all targets",
            spec=spec,
            work=kind.build,
            needs=kind.needs(spec),
            after=(names.patch(table.source),),
            source=SourceFolder(name=table.source, path=layout.checkout(table.source)),
            memory=table.memory,
            turn=f"{names.ONCE}:{table.source if kind.turn_of_source else name}",
            outputs={label: folder / label for label in kind.outputs(name, table)},
        )


class ElmLocking(Spec, frozen=True, kw_only=True):
    """What is asked for. ``folder``: of the ``elm.json``."""

    folder: str


def lock_steps(manifest: Manifest, layout: Layout) -> Iterator[Step]:
    """A step for each artifact with Elm, which writes the lock file of its packages."""
    for name, table in manifest.of(NodeAssets):
        if table.elm is not None:
            yield Step(
                name=names.lock_elm(name),
                stage="lock-elm",
                doc=f"the commits of the Elm packages of {name}, as their tags have them now",
                spec=ElmLocking(folder=table.elm),
                work=lock,
                after=(names.patch(table.source),),
                source=SourceFolder(
                    name=table.source,
                    path=layout.checkout(table.source),
                    reads=Reads.of(files=[f"{table.elm}/elm.json"]),
                ),
                place=layout.elm_lock(name, own=True),
                probe=asked,
                removed_by="nobody",
            )


def asked(_spec: ElmLocking, _path: object) -> str:
    """It is done whenever it is asked for: only the repositories know where their tags are."""
    return "asked for"


def lock(spec: ElmLocking, at: Places) -> None:
    """Ask for the tags and write the lock file; says what is different. Raises ElmError, ElmLockError, CommandError."""
    from tasks.web import elm_packages
    from toolchains import elm

    wanted = elm.application(at.source / spec.folder / "elm.json")
    before = locks.read(at.place).commits
    after = elm_packages.ask(wanted, at)
    locks.write(at.place, after)
    changes = locks.changes(before, after)
    for line in changes:
        at.report(line)
    at.report(
        f"{files.relative(at.place)}: {len(after)} packages, "
        + (f"{len(changes)} changes" if changes else "nothing changed")
    )
