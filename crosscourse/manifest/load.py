"""From a TOML file to a manifest: types by msgspec, then what types can't say, with every problem at once."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Union

import msgspec

from crosscourse.errors import ManifestError, nearest
from crosscourse.manifest import images, packages, placeholders, references
from crosscourse.manifest.extending import Extension, read_whole
from crosscourse.manifest.model import Manifest, Release, Tables
from crosscourse.manifest.places import place_problems
from crosscourse.manifest.problems import MOST, type_problems
from crosscourse.manifest.reading import TOO_DEEP, read_toml
from crosscourse.manifest.types import Name

# What is packed counts seconds since 1970; file systems and archives differ in when they end, all of them later.
EARLIEST = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
LATEST = dt.datetime(2201, 1, 1, tzinfo=dt.timezone.utc)


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A manifest as it was read. ``bases``: the releases that it extends, the nearest first."""

    manifest: Manifest
    bases: tuple[str, ...]


def load_manifest(path: Path, *, patches: Path, tables: Tables) -> Manifest:
    """Read and check a manifest.

    ``patches``: the folder of vendor patches, where each one that is named must be. ``tables``: the kinds that a
    manifest may use. Raises ManifestError with every problem of the file.
    """
    return load(path, patches=patches, tables=tables).manifest


def load(path: Path, *, patches: Path, tables: Tables) -> Loaded:
    """The same, with the releases that it extends."""
    expected = _manifest_of(tables)
    whole = read_whole(path)
    try:
        manifest = msgspec.convert(whole.data, expected)
    except msgspec.ValidationError as error:
        problems = type_problems(whole.data, expected) or [str(error)]
        raise ManifestError(str(path), whole.attributed(problems)) from None
    except RecursionError:
        raise ManifestError(str(path), [TOO_DEEP]) from None
    problems = list(islice(_all_problems(manifest, patches, path), MOST))
    if problems:
        raise ManifestError(str(path), whole.attributed(problems))
    return Loaded(manifest=manifest, bases=whole.bases)


def schema(tables: Tables) -> dict[str, object]:
    """The JSON schema of a manifest (https://json-schema.org/draft/2020-12), for editors."""
    made = msgspec.json.schema(_manifest_of(tables))
    made["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    made["title"] = "crosscourse release manifest"
    return made


def schema_of_extending(tables: Tables) -> dict[str, object]:
    """The schema of a manifest that extends another one: the same keys, none of which has to be there but its own."""
    made = schema(tables)
    _require_nothing(made)
    own = msgspec.json.schema(Extension)["$defs"][Extension.__name__]
    defined = made["$defs"]
    assert isinstance(defined, dict)
    whole = defined[Manifest.__name__]
    whole["properties"] = {**own["properties"], **whole["properties"]}
    whole["required"] = own["required"]
    made["title"] = "crosscourse release manifest that extends another one"
    return made


def _require_nothing(schema: object) -> None:
    """Take ``required`` out of each table of a schema. What is in lists stays: a list is said as a whole."""
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            schema.pop("required", None)
        for key, value in schema.items():
            if key != "items":
                _require_nothing(value)


def _manifest_of(tables: Tables) -> type[Manifest]:
    """Manifest, its artifacts and boot being of one of the given kinds each."""
    artifacts: object = Union[tables.artifacts]  # noqa: UP007  # known when it runs
    boots: object = Union[tables.boots]  # noqa: UP007
    made = msgspec.defstruct(
        Manifest.__name__,
        [("artifact", dict[Name, artifacts]), ("boot", Union[boots, None], None)],  # type: ignore[valid-type]  # noqa: UP007
        bases=(Manifest,),
        namespace={"__doc__": Manifest.__doc__},
        frozen=True,
        kw_only=True,
    )
    assert issubclass(made, Manifest)
    return made


def _all_problems(manifest: Manifest, patches: Path, path: Path) -> Iterator[str]:
    yield from _reference_problems(manifest, patches)
    yield from _release_problems(manifest.release, path)


def _release_problems(release: Release, path: Path) -> Iterator[str]:
    """A time that formats can't hold, a target named twice, another manifest that makes the same packages."""
    if not EARLIEST <= release.date < LATEST:
        yield f"release.date: expected a time from {EARLIEST.year} to {LATEST.year - 1}, got {release.date}"
    for target, count in Counter(release.targets).items():
        if count > 1:
            yield f"release.targets: '{target}' is named {count} times"
    for other in sorted(path.parent.glob("*.toml")):
        if other != path and _makes(other, release):
            yield (
                f"release.version: {other.name} makes packages of the same name, {release.name}-{release.version}: "
                "give one of them another name or version"
            )


def _makes(path: Path, release: Release) -> bool:
    """Whether another manifest's packages are called as those of ``release``; one that can't be read makes none."""
    try:
        content = path.read_bytes()
        # To parse each manifest at each start would take longer than all else that a start does.
        if release.version.rpartition("-")[2].encode() not in content and b"\\u" not in content.lower():
            return False
        other = (read_whole(path).data if "extends" in (read := read_toml(path)) else read).get("release")
    except (OSError, ManifestError):
        return False
    named = (other.get("name"), other.get("version")) if isinstance(other, dict) else (None, None)
    return "-".join(map(str, named)) == f"{release.name}-{release.version}"


def _reference_problems(manifest: Manifest, patches: Path) -> Iterator[str]:
    """Names that refer to nothing, paths that clash, and what the kinds find in their own tables."""
    yield from _source_problems(manifest, patches)
    for name, artifact in manifest.artifact.items():
        key = f"artifact.{name}"
        if artifact.source not in manifest.source:
            yield f"{key}.source: there is no source '{artifact.source}'. {nearest(artifact.source, manifest.source)}"
        if artifact.uses_c_compiler and manifest.c.compiler == "zig" and "zig" not in manifest.toolchain:
            yield f"{key}: needs a C compiler, but [toolchain] names no version of zig"
        if not artifact.built and not artifact.can_be_left_out:
            yield f"{key}.built: others need it, so it can't be left out"
        yield from artifact.problems(key, manifest)
    yield from _path_problems(manifest)
    yield from _package_problems(manifest, patches.parent)
    yield from _smoke_problems(manifest)
    if manifest.boot:
        yield from manifest.boot.problems(manifest, patches.parent)


def _smoke_problems(manifest: Manifest) -> Iterator[str]:
    """Names that are of no program, and words that nothing fills in."""
    for name, table in manifest.smoke.items():
        key = f"smoke.{name}"
        yield from references.program_problems(key, name, manifest)
        yield from placeholders.problems(f"{key}.expect", table.expect)
        if table.lasts and table.status:
            yield f"{key}.status: what lasts has none"


def _package_problems(manifest: Manifest, root: Path) -> Iterator[str]:
    paths = {name: table.path for name, table in manifest.artifact.items() if table.path}
    yield from packages.problems(manifest.package, manifest.packaging, paths, manifest.artifact, root)
    if manifest.package and packages.TOOL not in manifest.toolchain:
        yield f"package: made by {packages.TOOL}, but [toolchain] names no version of it"
    if manifest.image and images.TOOL not in manifest.toolchain:
        yield f"image: pushed by {images.TOOL}, but [toolchain] names no version of it"
    yield from images.problems(manifest.image, paths.values(), debian=manifest.debian is not None, root=root)


def _source_problems(manifest: Manifest, patches: Path) -> Iterator[str]:
    for name, source in manifest.source.items():
        key = f"source.{name}"
        if "://" in source.url and source.commit is None:
            yield f"{key}.commit: this key is missing: a source that is fetched is pinned by its commit"
        if source.import_path and source.modules == "proxy":
            yield f"{key}.import-path: a source without a go.mod names no modules that a proxy could be asked for"
        if source.test and "go" not in manifest.toolchain:
            yield f"{key}.test: run by Go, but [toolchain] names no version of go"
        if source.test_flags and not source.test:
            yield f"{key}.test-flags: there is no {key}.test that they are for"
        for index, patch in enumerate(source.patches):
            if not (patches / patch).is_file():
                known = [str(p.relative_to(patches)) for p in patches.glob("*/*.patch")]
                yield f"{key}.patches[{index}]: there is no vendor-patches/{patch}. {nearest(patch, known)}"


def _path_problems(manifest: Manifest) -> Iterator[str]:
    paths = {f"artifact.{name}.path": table.path for name, table in manifest.artifact.items() if table.path}
    yield from place_problems(paths.items())
    if not paths:
        yield "artifact: none has a path, so the distribution would be empty"
