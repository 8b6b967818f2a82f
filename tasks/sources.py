"""Stage 2, sources: the objects of each pinned commit, fetched once and shared by all checkouts of this user."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from crosscourse import files
from crosscourse.engine.places import Places
from crosscourse.engine.spec import Spec
from crosscourse.engine.step import SourceFolder, Step
from crosscourse.git import local, store
from crosscourse.git.store import Pin
from crosscourse.layout import Layout
from crosscourse.manifest.model import Manifest, Source
from tasks import names

Omitted = Mapping[str, Sequence[str]]


class LocalSource(Spec, frozen=True, kw_only=True):
    """A folder of this project, turned into a repository. ``date``: of its one commit, in seconds since 1970."""

    name: str
    url: str
    date: int


class OwnFolder(Spec, frozen=True, kw_only=True):
    """A folder of the user's own that is built in place of a source (``override``)."""

    name: str
    folder: str


def fetch(spec: Pin, at: Places) -> None:
    """Fetch a pinned commit into the store that is the step's place."""
    store.fetch(spec, at.place, at)


def make_local(spec: LocalSource, at: Places) -> None:
    """Make the store of a local source's folder."""
    local.make_store(at.source, at.place, at, name=spec.name, url=spec.url, date=spec.date)


def use_own(spec: OwnFolder, at: Places) -> None:
    """Nothing is made of a folder of the user's own, but its log says so."""
    at.write_log(f"{spec.name} is built as it is in {spec.folder}: nothing fetched, no patches applied.")


def missing(_spec: Spec, place: Path) -> str | None:
    """Why a store can't be used; None if it can."""
    return store.problem(place)


def damaged(step: Step) -> str | None:
    """What in a store that is about to be used is not what was fetched; None if nothing."""
    assert step.place is not None
    return store.damage(step.place)


def pinned_commit(spec: Pin, _place: Path) -> str:
    """The commit of a fetched store: its pin says it."""
    return spec.commit


def made_commit(_spec: LocalSource, place: Path) -> str:
    """The commit of a local source's store: it depends on the folder's content."""
    return store.store_commit(place)


def own_folder(_spec: OwnFolder, place: Path) -> str:
    """The result for a folder of the user's own, whatever is in it: its content is the input of what is built."""
    return f"override {place}"


def steps(manifest: Manifest, layout: Layout, omitted: Omitted) -> Iterator[Step]:
    """A step for each source of the release. ``omitted``: paths of sources that the user leaves out."""
    for name, source in manifest.source.items():
        if name in layout.override:
            yield _own_step(layout, name)
        elif local.is_local(source.url):
            yield _local_step(manifest, layout, name, source)
        else:
            yield _fetch_step(layout, name, source, omitted)


def left_out(name: str, source: Source, omitted: Omitted) -> tuple[str, ...]:
    """The paths of a source that are not checked out: the manifest's and the user's own."""
    return (*source.omit, *omitted.get(name, ()))


def _fetch_step(layout: Layout, name: str, source: Source, omitted: Omitted) -> Step:
    spec = Pin(
        name=name,
        url=source.url,
        commit=source.commit or "",
        tag=source.tag,
        omit=left_out(name, source, omitted),
    )
    return Step(
        name=names.source(name),
        stage="sources",
        doc=f"{name} {source.tag or source.version or spec.commit[:12]} from {source.url}",
        spec=spec,
        work=fetch,
        place=store.store_folder(layout.cache, spec),
        probe=missing,
        probed=store.probed,
        result=pinned_commit,
        sound=damaged,
        removed_by="nobody",
    )


def _local_step(manifest: Manifest, layout: Layout, name: str, source: Source) -> Step:
    return Step(
        name=names.source(name),
        stage="sources",
        doc=f"{name} {source.tag or source.version or (source.commit or '')[:12]} from {source.url}",
        spec=LocalSource(name=name, url=source.url, date=manifest.epoch),
        work=make_local,
        source=SourceFolder(name=name, path=layout.root / source.url),
        place=layout.build / "stores" / name,
        probe=missing,
        probed=store.probed,
        result=made_commit,
        sound=damaged,
        removed_by="clean --all",
        remover=_remove_store,
    )


def _own_step(layout: Layout, name: str) -> Step:
    place = layout.checkout(name)
    return Step(
        name=names.source(name),
        stage="sources",
        doc=f"{name} from your own folder {place}",
        spec=OwnFolder(name=name, folder=str(place)),
        work=use_own,
        place=place,
        result=own_folder,
        removed_by="nobody",
    )


def _remove_store(step: Step, dry_run: bool) -> Iterator[str]:
    if step.place is not None and step.place.exists():
        if not dry_run:
            files.remove(step.place)
        yield os.path.relpath(step.place)
