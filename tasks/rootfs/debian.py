"""Kind ``debian-resource-type``: a root filesystem of Debian packages, locked, made without root and emulation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from crosscourse.errors import nearest
from crosscourse.formats.entries import Entry
from crosscourse.manifest.locks import Lock, Pinned, Wanted
from crosscourse.manifest.model import Manifest
from crosscourse.manifest.places import place_problems
from crosscourse.manifest.types import DebianPackage, FolderPath, Name, RelativePath, RootPath, Suite
from tasks.rootfs import native
from toolchains.targets import Target

if TYPE_CHECKING:
    from crosscourse.engine.places import Places


class DebianResourceType(native.ResourceType, frozen=True, kw_only=True, tag="debian-resource-type"):
    """A Concourse resource type on Debian: what a native one has, on top of packages and of files of its source.

    ``packages``: what is installed, with all that they depend on; which versions says the lock file. ``copies``: path
    in the root filesystem → file or folder of the checkout. ``leave-out``: paths and patterns of what is not wanted of
    the packages. ``suite``: another one than the release's, for what that one does not have; ``suites``: of targets
    that this one does not have. ``without``: target → packages that it goes without, as its suite has none;
    ``files-of``: target → more ``files``, such as settings that those packages ask for.
    """

    suite: Suite | None = None
    suites: dict[Name, Suite] = {}
    without: dict[Name, list[DebianPackage]] = {}
    files_of: dict[Name, dict[RootPath, str]] = {}
    packages: list[DebianPackage]
    programs: dict[RootPath, Name] = {}
    copies: dict[RootPath, FolderPath] = {}
    leave_out: list[RelativePath] = []

    @property
    def carries(self) -> Iterable[Name]:
        """None: Debian's C library is in it, and verify looks whether it is new enough."""
        return ()

    def problems(self, key: str, manifest: Manifest) -> Iterator[str]:
        """Those of a native one; no suite; targets and packages that are none."""
        yield from super().problems(key, manifest)
        tables: dict[str, Iterable[str]] = {"suites": self.suites, "without": self.without, "files-of": self.files_of}
        for field, named in tables.items():
            for target in sorted(set(named) - set(manifest.release.targets)):
                yield f"{key}.{field}: {target} is no target. {nearest(target, manifest.release.targets)}"
        for target, files in self.files_of.items():
            more = ((f'{key}.files-of.{target}."{path}"', path.lstrip("/")) for path in files)
            yield from place_problems(chain(self._places(key), more))
        for target, packages in self.without.items():
            for package in set(packages) - set(self.packages):
                yield f"{key}.without.{target}: '{package}' is not among the packages"
        if manifest.debian is None:
            yield f"{key}: made of Debian packages, but there is no [debian] with a suite"

    def _places(self, key: str) -> Iterator[tuple[str, str]]:
        yield from super()._places(key)
        yield from ((f'{key}.copies."{path}"', f"{path.lstrip('/')}/") for path in self.copies)


class DebianResourceTypeBuild(native.ResourceTypeBuild, frozen=True, kw_only=True):
    """What decides how it comes out; its fields as in the manifest, packages as they are locked."""

    packages: Pinned
    copies: dict[str, str]
    leave_out: tuple[str, ...]


table: type[DebianResourceType] = DebianResourceType
stage = "rootfs"
reads_source = True
turn_of_source = False
folder, outputs, members, needs = native.folder, native.outputs, native.members, native.needs


def wanted(manifest: Manifest, target: Target, table: DebianResourceType) -> Wanted:
    """What the lock file is asked for."""
    assert manifest.debian is not None  # see problems
    return Wanted(
        suite=table.suites.get(target.name)
        or table.suite
        or manifest.debian.suites.get(target.name, manifest.debian.suite),
        architecture=target.debian,
        packages=tuple(each for each in table.packages if each not in table.without.get(target.name, ())),
        without=tuple(manifest.debian.without),
    )


def spec_of(
    manifest: Manifest, target: Target, lock: Lock, name: str, table: DebianResourceType
) -> DebianResourceTypeBuild:
    """What decides how it comes out for a target."""
    table = msgspec.structs.replace(table, files={**table.files, **table.files_of.get(target.name, {})})
    return DebianResourceTypeBuild(
        **msgspec.structs.asdict(native.spec_of(manifest, target, lock, name, table)),
        packages=lock.pinned(name, wanted(manifest, target, table)),
        copies=table.copies,
        leave_out=tuple(table.leave_out),
    )


def build(spec: DebianResourceTypeBuild, at: Places) -> None:
    """Pack the root filesystem. Raises LockError, PackagesGoneError, PackageError, PlaceError."""
    from crosscourse import archive
    from crosscourse.debian import pool, tree
    from crosscourse.engine.reads import Reads

    at.read(Reads.of(trees=spec.copies.values()))
    debs = pool.fetch_pinned(spec.packages, at)
    at.status("merging the packages")
    found = tree.without(tree.merge(debs), spec.leave_out)
    for path, place in spec.copies.items():
        found.update({entry.name: entry for entry in copied(path.lstrip("/"), at.source, place)})
    found.update({entry.name: entry for entry in native.entries(spec, at)})
    at.status("packing the root filesystem")
    archive.write_tgz(at.output(native.ROOTFS), tree.settled(found).values(), epoch=spec.epoch)
    at.output(native.METADATA).write_text(spec.metadata, encoding="utf-8")


def copied(name: str, source: Path, place: str) -> Iterator[Entry]:
    """The entries of a file or folder of a checkout, at ``name``; executable as in the checkout.

    Raises CrosscourseError if there is nothing.
    """
    from crosscourse.errors import CrosscourseError

    path = source / place
    if path.is_symlink() or not path.exists():
        raise CrosscourseError(str(path), "is not there, or is a link", "Check `copies` in the manifest.")
    if path.is_file():
        yield _entry(name, path)
        return
    for found in sorted(path.rglob("*")):
        if found.is_symlink() or found.is_file():
            yield _entry(f"{name}/{found.relative_to(path).as_posix()}", found)


def _entry(name: str, path: Path) -> Entry:
    if path.is_symlink():
        return Entry(name=name, link=str(path.readlink()))
    return Entry(name=name, source=path, mode=0o755 if path.stat().st_mode & 0o100 else 0o644)
