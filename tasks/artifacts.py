"""Stages 5 and 6, compile and rootfs: the steps that make artifacts, whatever their kind."""

from __future__ import annotations

from collections.abc import Iterator

from crosscourse.engine.step import SourceFolder, Step
from crosscourse.layout import Layout
from crosscourse.manifest import locks
from crosscourse.manifest.locks import Lock
from crosscourse.manifest.model import Manifest
from tasks import names
from tasks.kinds import kind_of, step_name
from toolchains.targets import Target, get_target


def steps(manifest: Manifest, layout: Layout, target: str, stage: str) -> Iterator[Step]:
    """A step for each artifact that is made in ``stage``, for one target."""
    machine = get_target(target)
    lock = locks.read(layout.lock(target)) if manifest.debian else Lock()
    # One object for all artifacts of a source: every run of doit makes all of these, and paths are slow to make.
    sources = {name: SourceFolder(name=name, path=layout.checkout(name)) for name in manifest.source}
    for name, table in manifest.artifact.items():
        if kind_of(table).stage == stage and table.built:
            yield _step(manifest, layout, machine, lock, name, sources[table.source])


def _step(manifest: Manifest, layout: Layout, target: Target, lock: Lock, name: str, source: SourceFolder) -> Step:
    table = manifest.artifact[name]
    kind = kind_of(table)
    spec = kind.spec_of(manifest, target, lock, name, table)
    needs = kind.needs(spec)
    folder = layout.build / target.name / kind.folder(name)
    modules = manifest.source[table.source].modules == "proxy" and names.toolchain("go") in needs
    return Step(
        name=step_name(target, name, table),
        stage=kind.stage,
        doc=f"{name} for {target.name}",
        spec=spec,
        work=kind.build,
        needs=needs,
        after=(
            *([names.patch(table.source)] if kind.reads_source else []),
            *([names.modules(target.name, table.source)] if modules else []),
        ),
        source=source if kind.reads_source else None,
        memory=table.memory,
        turn=f"{target.name}:{table.source if kind.turn_of_source else name}",
        outputs={label: folder / label for label in kind.outputs(name, table)},
    )
