"""From a TOML file to a manifest: types by msgspec, then what types can't say, with every problem at once."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Union

import msgspec

from crosscourse.errors import ManifestError, nearest
from crosscourse.manifest import packages
from crosscourse.manifest.model import Manifest, Release, Tables
from crosscourse.manifest.places import place_problems
from crosscourse.manifest.problems import MOST, type_problems
from crosscourse.manifest.types import Name

MAX_SIZE = 1 << 20
TOO_DEEP = "tables or arrays are nested too deep"
# Keys of so many parts are refused unread: Python's reader of TOML takes minutes for one of some ten thousand.
_MANY = 50
_PART = rb"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')"""
_LONG_KEY = re.compile(rb"(?<![A-Za-z0-9_-])" + _PART + rb"(?:[ \t]*\.[ \t]*" + _PART + rb"){%d}" % _MANY)
# What is packed counts seconds since 1970; file systems and archives differ in when they end, all of them later.
EARLIEST = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
LATEST = dt.datetime(2201, 1, 1, tzinfo=dt.timezone.utc)


def load_manifest(path: Path, *, patches: Path, tables: Tables) -> Manifest:
    """Read and check a manifest.

    ``patches``: the folder of vendor patches, where each one that is named must be. ``tables``: the kinds that a
    manifest may use. Raises ManifestError with every problem of the file.
    """
    expected = _manifest_of(tables)
    try:
        data = read_toml(path)
        manifest = msgspec.convert(data, expected)
    except msgspec.ValidationError as error:
        raise ManifestError(str(path), type_problems(data, expected) or [str(error)]) from None
    except RecursionError:
        raise ManifestError(str(path), [TOO_DEEP]) from None
    problems = list(islice(_all_problems(manifest, patches, path), MOST))
    if problems:
        raise ManifestError(str(path), problems)
    return manifest


def read_toml(path: Path) -> dict[str, Any]:
    """What a manifest's file says, of whatever types. Raises ManifestError."""
    import msgspec.toml

    try:
        content = path.read_bytes()
    except OSError as error:
        raise ManifestError(str(path), [f"can't be read: {error.strerror}"]) from None
    if len(content) > MAX_SIZE:
        raise ManifestError(str(path), [f"{len(content)} bytes: a manifest has at most {MAX_SIZE}"])
    # A line without so many dots has no such key: told fast, as this is read at each start.
    if any(line.count(b".") >= _MANY and _LONG_KEY.search(line) for line in content.split(b"\n")):
        raise ManifestError(str(path), [TOO_DEEP])
    try:
        data = msgspec.toml.decode(content)
    except (msgspec.DecodeError, ValueError) as error:
        raise ManifestError(str(path), [f"not valid TOML: {error}"]) from None
    except RecursionError:
        raise ManifestError(str(path), [TOO_DEEP]) from None
    assert isinstance(data, dict)
    return data


def schema(tables: Tables) -> dict[str, object]:
    """The JSON schema of a manifest (https://json-schema.org/draft/2020-12), for editors."""
    made = msgspec.json.schema(_manifest_of(tables))
    made["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    made["title"] = "crosscourse release manifest"
    return made


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
        other = read_toml(path).get("release")
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
        if artifact.uses_c_compiler and "zig" not in manifest.toolchain:
            yield f"{key}: needs a C compiler, but [toolchain] names no version of zig"
        if not artifact.built and not artifact.can_be_left_out:
            yield f"{key}.built: others need it, so it can't be left out"
        yield from artifact.problems(key, manifest)
    yield from _path_problems(manifest)
    yield from _package_problems(manifest, patches.parent)
    if manifest.boot:
        yield from manifest.boot.problems(manifest, patches.parent)


def _package_problems(manifest: Manifest, root: Path) -> Iterator[str]:
    paths = {name: table.path for name, table in manifest.artifact.items() if table.path}
    yield from packages.problems(manifest.package, manifest.packaging, paths, manifest.artifact, root)
    if manifest.package and packages.TOOL not in manifest.toolchain:
        yield f"package: made by {packages.TOOL}, but [toolchain] names no version of it"


def _source_problems(manifest: Manifest, patches: Path) -> Iterator[str]:
    for name, source in manifest.source.items():
        key = f"source.{name}"
        if "://" in source.url and source.commit is None:
            yield f"{key}.commit: this key is missing: a source that is fetched is pinned by its commit"
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
