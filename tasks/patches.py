"""Stage 3, patches: a checkout of each source with our changes on top, where a person may edit it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from crosscourse import files
from crosscourse.engine.places import Places
from crosscourse.engine.step import Step
from crosscourse.git.checkout import mark_file, read_mark, readable_marks
from crosscourse.layout import Layout
from crosscourse.manifest.model import Manifest, Source
from crosscourse.patches.make import PatchedSource, make_checkout
from crosscourse.patches.states import UPSTREAM, states
from crosscourse.view import progress
from tasks import names
from tasks.sources import Omitted, OwnFolder, left_out, own_folder

# Where a patch that did not apply is noted, until one try goes well; and where the patches are.
FAILURE = "failure"
VENDOR_PATCHES = "vendor-patches"


def make(spec: PatchedSource, at: Places) -> None:
    """Make the checkout that is the step's place from the store."""
    make_checkout(
        spec,
        at.place,
        at,
        store=at.need(names.source(spec.name)),
        vendor_patches=at.paths[VENDOR_PATCHES],
        failure=at.paths[FAILURE],
    )


def use_own(_spec: OwnFolder, at: Places) -> None:
    """A folder of the user's own gets no patches."""
    at.write_log("nothing to do")


def unfit(spec: PatchedSource, place: Path) -> str | None:
    """Why a checkout can't be used; None if it can."""
    if not mark_file(place).is_file():
        return f"there is no checkout {os.path.relpath(place)}"
    mark = read_mark(place)
    if not mark.holds(spec.patches):
        return f"{os.path.relpath(place)} holds other patches than the manifest names"
    for patch, digest in spec.digests.items():
        if mark.digests.get(patch, digest) != digest:  # exported, and taken back since
            return f"{os.path.relpath(place)} holds another state of {patch}"
    return None


def mark(place: Path) -> tuple[Path, ...]:
    """What ``unfit`` looks at."""
    return (mark_file(place),)


def patched_commit(_spec: PatchedSource, place: Path) -> str:
    """The commit of a checkout."""
    return read_mark(place).commit


def advice(step: Step) -> Iterator[str]:
    """Which patches can go, as upstream has them."""
    spec = step.spec
    assert isinstance(spec, PatchedSource)
    assert step.place is not None
    marks = [*readable_marks(step.paths[FAILURE], mark_file(step.place))]
    for patch, state in zip(spec.patches, states(spec.patches, spec.digests, spec.commit, marks), strict=True):
        if state == UPSTREAM:
            yield f"{patch} is already in {spec.name}: it can go from source.{spec.name}.patches"


def steps(manifest: Manifest, layout: Layout, omitted: Omitted) -> Iterator[Step]:
    """A step for each source of the release. ``omitted``: paths of sources that the user leaves out."""
    for name, source in manifest.source.items():
        if name in layout.override:
            yield _own_step(layout, name)
        else:
            yield _patch_step(manifest, layout, name, source, omitted)


def _patch_step(manifest: Manifest, layout: Layout, name: str, source: Source, omitted: Omitted) -> Step:
    place = layout.checkout(name)
    spec = PatchedSource(
        name=name,
        url=source.url,
        commit=source.commit,
        omit=left_out(name, source, omitted),
        patches=tuple(source.patches),
        digests={patch: files.digest(layout.vendor_patches / patch) for patch in source.patches},
        date=manifest.epoch,
        manifest=os.path.relpath(layout.manifest, layout.root),
    )
    return Step(
        name=names.patch(name),
        stage="patches",
        doc=f"{name}: {progress.plural(len(spec.patches), 'patch', 'patches')}, in {os.path.relpath(place)}",
        spec=spec,
        work=make,
        needs=(names.source(name),),
        place=place,
        paths={VENDOR_PATCHES: layout.vendor_patches, FAILURE: layout.failed_patches(name)},
        probe=unfit,
        probed=mark,
        result=patched_commit,
        removed_by="clean --all",
        remover=_remove,
        advice=advice,
    )


def _own_step(layout: Layout, name: str) -> Step:
    place = layout.checkout(name)
    return Step(
        name=names.patch(name),
        stage="patches",
        doc=f"{name}: no patches, the folder is yours",
        spec=OwnFolder(name=name, folder=str(place)),
        work=use_own,
        needs=(names.source(name),),
        place=place,
        result=own_folder,
        removed_by="nobody",
    )


def _remove(step: Step, dry_run: bool) -> Iterator[str]:
    from crosscourse.git import aside, edits

    place, why = step.place, "It would have to be removed."
    if place is not None and aside.is_there(place):
        if not dry_run:
            aside.remove(place, why)
            files.remove(step.paths[FAILURE])
        elif place.exists():
            edits.refuse_edits(place, why)
        yield os.path.relpath(place)
