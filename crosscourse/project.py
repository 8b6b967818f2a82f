"""The project as one run sees it: the release and target chosen, its manifest, its folders, what tasks share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec.toml

from crosscourse import files
from crosscourse.engine.capacity import Pool
from crosscourse.errors import UnknownNameError
from crosscourse.git.fingerprint import Fingerprints
from crosscourse.manifest.model import Manifest, Source, load_manifest
from crosscourse.settings import Chosen, read_settings

DEFAULT_RELEASE = "concourse-8.2.5"


@dataclass(frozen=True, kw_only=True)
class Project:
    """Everything that tasks are made from. ``release``: the stem of the manifest's file."""

    root: Path
    release: str
    manifest: Manifest
    settings: Chosen
    fingerprints: Fingerprints = field(default_factory=Fingerprints)

    @property
    def build(self) -> Path:
        """What is derived from this release; may be removed at any time."""
        return self.root / "build" / self.release

    @property
    def dist(self) -> Path:
        """What a user takes away."""
        return self.root / "dist"

    @property
    def vendor_patches(self) -> Path:
        """Our changes."""
        return self.root / "vendor-patches"

    @cached_property
    def cache(self) -> Path:
        """Downloads that all checkouts of this user share."""
        if self.settings.cache:
            return (self.root / Path(self.settings.cache).expanduser()).resolve()
        import platformdirs

        return platformdirs.user_cache_path("crosscourse")

    @cached_property
    def pool(self) -> Pool:
        """Processors and memory, shared by the heavy tasks."""
        return Pool(slots=self.settings.jobs)

    @property
    def targets(self) -> list[str]:
        """The release's targets, the chosen (or default) one first."""
        first = self.target
        return [first, *(name for name in self.manifest.release.targets if name != first)]

    @property
    def target(self) -> str:
        """The target that ``build`` and ``verify`` mean."""
        return self.settings.target or self.manifest.release.targets[0]

    def checkout(self, source: str) -> Path:
        """Where a source lies: in the user's own folder, or where a person may edit it."""
        if source in self.settings.override:
            return Path(self.settings.override[source])
        return self.root / "sources" / self.release / source

    def tried(self, source: str) -> Path:
        """Where it is noted that a patch of a source did not apply, until one try goes well."""
        return self.build / "patches" / f"{source}.json"

    def omitted(self, source: str) -> list[str]:
        """The paths of a source that are not checked out: the manifest's and the user's own."""
        return [*self.manifest.source[source].omit, *self.settings.omit.get(source, [])]

    def artifact_file(self, target: str, artifact: str) -> Path:
        """Where an artifact of one file lies before it is packaged."""
        return self.build / target / "artifacts" / artifact

    def package_file(self, target: str) -> Path:
        """The distribution as a tarball."""
        release = self.manifest.release
        return self.dist / f"{release.name}-{release.version}-linux-{target}.tgz"

    def source(self, name: str) -> Source:
        """A source of the manifest."""
        return self.manifest.source[name]

    def doit_config(self) -> dict[str, Any]:
        """doit's settings: parallel threads, our crash-safe records, our reporter; see docs/design.md for why."""
        return {
            "default_tasks": ["build"],
            "backend": "crosscourse",
            "dep_file": str(self.build / "state.sqlite3"),
            "reporter": "crosscourse",
            # Threads, most of which wait for the network or their turn: who computes is the pool's to say.
            "num_process": 32,
            "par_type": "thread",
            "verbosity": 2,
        }


def _check_sources(root: Path, manifest: Manifest, settings: Chosen) -> None:
    """Sources that the settings name must be of this release, or, in the settings file, at least of another one."""
    for kind, names in (("override", settings.override), ("omit", settings.omit)):
        for name in set(names) - set(manifest.source):
            others = {source for path in known_releases(root).values() for source in _source_names(path)}
            if name not in others or name in settings.typed:
                raise UnknownNameError(f"{kind} of source", name, manifest.source)


def _source_names(path: Path) -> set[str]:
    return set(msgspec.toml.decode(path.read_bytes()).get("source", {}))


def known_releases(root: Path) -> dict[str, Path]:
    """The manifests of ``releases/`` by name."""
    return {path.stem: path for path in sorted((root / "releases").glob("*.toml"))}


def find_release(root: Path, name: str) -> Path:
    """A manifest by its name, or by the end of it (``8.2.5``) where that is unique. Raises UnknownNameError."""
    releases = known_releases(root)
    if name in releases:
        return releases[name]
    ends = [path for stem, path in releases.items() if stem.endswith(f"-{name}")]
    if len(ends) == 1:
        return ends[0]
    raise UnknownNameError("release", name, releases)


def open_project(root: Path, variables: Mapping[str, str]) -> Project:
    """The project in ``root`` as the settings and the command line's variables choose it.

    Raises ManifestError, UnknownNameError or another CrosscourseError.
    """
    settings = read_settings(root, variables)
    path = find_release(root, settings.release or DEFAULT_RELEASE)
    manifest = load_manifest(path, patches=root / "vendor-patches")
    _check_sources(root, manifest, settings)
    if settings.target is not None and settings.target not in manifest.release.targets:
        raise UnknownNameError("target", settings.target, manifest.release.targets)
    project = Project(root=root, release=path.stem, manifest=manifest, settings=settings)
    files.own_folder(files.own_folder(root / "build") / project.release)
    return project
