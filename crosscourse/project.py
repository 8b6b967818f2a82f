"""A project as one run sees it: what a person chose, where things lie, what is built, and what the run shares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crosscourse.engine.shared import Shared
from crosscourse.errors import CrosscourseError, UnknownNameError
from crosscourse.git.fingerprint import Fingerprints
from crosscourse.layout import Layout, check_path
from crosscourse.manifest.load import load
from crosscourse.manifest.model import Manifest, Tables
from crosscourse.manifest.reading import read_toml
from crosscourse.settings import VARIABLES, Chosen, read_settings

if TYPE_CHECKING:
    from crosscourse.engine.cache.folder import Folder
    from crosscourse.engine.capacity import Pool
    from crosscourse.engine.code.digest import Code

# Names the release that a build means.
DEFAULT = "releases/default"


@dataclass(frozen=True, kw_only=True)
class Project:
    """What a run is made of. ``tables``: the vocabulary of its manifests."""

    layout: Layout
    manifest: Manifest
    settings: Chosen
    shared: Shared
    tables: Tables

    @property
    def targets(self) -> list[str]:
        """The release's targets, the chosen (or default) one first."""
        known = self.manifest.release.targets
        first = self.settings.target or known[0]
        return [first, *(name for name in known if name != first)]

    def doit_config(self) -> dict[str, Any]:
        """doit's settings: parallel threads, our crash-safe records, our reporter; see docs/design.md for why."""
        return {
            "default_tasks": ["build"],
            "backend": "crosscourse",
            "dep_file": str(self.layout.build / "records"),
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
            if name in settings.typed or not any(_has_source(path, name) for path in known_releases(root).values()):
                raise UnknownNameError(f"{kind} of source", name, manifest.source)


def _chosen(manifest: Manifest, settings: Chosen) -> Manifest:
    """The manifest with those artifacts built that the settings say. Raises UnknownNameError, CrosscourseError."""
    import msgspec

    c = msgspec.structs.replace(
        manifest.c,
        compiler=settings.toolchain or manifest.c.compiler,
        linking=settings.linking or manifest.c.linking,
        own={**manifest.c.own, **settings.compiler},
    )
    manifest = msgspec.structs.replace(manifest, c=c)
    artifacts = dict(manifest.artifact)
    for name, built in settings.artifacts.items():
        if name not in artifacts:
            # In the settings file it may be of another release.
            if name in settings.typed_artifacts:
                raise UnknownNameError("variable", name, (*VARIABLES, *_optional(manifest)))
        elif built == artifacts[name].built:
            continue
        elif not artifacts[name].can_be_left_out:
            optional = ", ".join(_optional(manifest)) or "none"
            raise CrosscourseError(
                f"{name}={'yes' if built else 'no'}", "others need it", f"Those that can be left out: {optional}."
            )
        else:
            artifacts[name] = msgspec.structs.replace(artifacts[name], built=built)
    return msgspec.structs.replace(manifest, artifact=artifacts)


def _optional(manifest: Manifest) -> list[str]:
    return [name for name, artifact in manifest.artifact.items() if artifact.can_be_left_out]


def _has_source(path: Path, name: str) -> bool:
    """Whether a manifest has a source of that name. Where its table has a heading, parsing (slow) is not needed."""
    if f"\n[source.{name}]\n".encode() in path.read_bytes():
        return True
    sources = read_toml(path).get("source")
    return isinstance(sources, dict) and name in sources


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


def open_project(root: Path, variables: Mapping[str, str], tables: Tables) -> Project:
    """The project in ``root`` as the settings and the command line's variables choose it.

    Where nobody chose a release, ``releases/default`` names it.
    Raises ManifestError, UnknownNameError or another CrosscourseError.
    """
    settings = read_settings(root, variables)
    path = find_release(root, settings.release or (root / DEFAULT).read_text(encoding="utf-8").strip())
    loaded = load(path, patches=root / "vendor-patches", tables=tables)
    _check_sources(root, loaded.manifest, settings)
    manifest = _chosen(loaded.manifest, settings)
    if settings.target is not None and settings.target not in manifest.release.targets:
        raise UnknownNameError("target", settings.target, manifest.release.targets)
    layout = Layout(
        root=root,
        release=path.stem,
        bases=loaded.bases,
        cache=cache_folder(root, settings),
        override={name: Path(folder) for name, folder in settings.override.items()},
    )
    _check_paths(layout)
    shared = share(layout, settings)
    shared.seen.links(settings.named)
    return Project(layout=layout, manifest=manifest, settings=settings, shared=shared, tables=tables)


def _check_paths(layout: Layout) -> None:
    """Compilers must be able to work where things lie. Raises PathError."""
    check_path(layout.root, "project folder", "Move it.")
    check_path(layout.cache, "cache folder", 'Choose another one: `cache = "..."` in crosscourse.toml.')
    for source, folder in layout.override.items():
        check_path(folder, f"override of source '{source}'", "Move it.")


def cache_folder(root: Path, settings: Chosen) -> Path:
    """The user's cache folder: what all checkouts share."""
    if settings.cache:
        return (root / Path(settings.cache).expanduser()).resolve()
    import platformdirs

    try:
        folder = platformdirs.user_cache_path("crosscourse")
    except RuntimeError:  # as newer versions say that there is no home
        folder = Path("~")
    if not folder.is_absolute():
        raise CrosscourseError("cache folder", "HOME is not set, this user has none", "Set it, or say cache=FOLDER.")
    return folder


def share(layout: Layout, settings: Chosen) -> Shared:
    """What the steps of a run share; what is costly to make is made at its first use."""

    def pool() -> Pool:
        from crosscourse.engine.capacity import Pool

        return Pool(slots=settings.jobs)

    def code() -> Code:
        from crosscourse.engine.code.digest import Code

        return Code(layout.root, layout.build / "code.json")

    def results() -> Folder:
        from crosscourse.engine.cache.folder import Folder

        return Folder(layout.results)

    return Shared(
        build=layout.build,
        cache=layout.cache,
        limit=settings.cache_bytes,
        origins={
            **({"debian": (settings.debian,)} if settings.debian else {}),
            "debian-archives": tuple(settings.debian_archives),
        },
        fingerprints=Fingerprints(),
        make_pool=pool,
        make_code=code,
        make_results=results,
    )


def of_loader(loader: Any) -> Project:
    """The project that dodo.py opened; CrosscourseError if it has none."""
    project = loader.namespace.get("project")
    if not isinstance(project, Project):
        raise CrosscourseError("dodo.py", "opens no project", "It must say: project = open_project(...)")
    return project
