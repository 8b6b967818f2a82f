"""From a TOML file to a manifest: types by msgspec, then what types can't say, with every problem at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Union

import msgspec

from crosscourse.errors import ManifestError, nearest
from crosscourse.manifest.model import Manifest, Tables
from crosscourse.manifest.problems import type_problems
from crosscourse.manifest.types import Name


def load_manifest(path: Path, *, patches: Path, tables: Tables) -> Manifest:
    """Read and check a manifest.

    ``patches``: the folder of vendor patches, where each one that is named must be. ``tables``: the kinds that a
    manifest may use. Raises ManifestError with every problem of the file.
    """
    import msgspec.toml

    try:
        data = msgspec.toml.decode(path.read_bytes())
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        raise ManifestError(str(path), [f"not valid TOML: {error}"]) from None
    expected = _manifest_of(tables)
    try:
        manifest = msgspec.convert(data, expected)
    except msgspec.ValidationError as error:
        raise ManifestError(str(path), type_problems(data, expected) or [str(error)]) from None
    problems = list(_reference_problems(manifest, patches))
    if problems:
        raise ManifestError(str(path), problems)
    return manifest


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


def _reference_problems(manifest: Manifest, patches: Path) -> Iterator[str]:
    """Names that refer to nothing, paths that clash, and what the kinds find in their own tables."""
    yield from _source_problems(manifest, patches)
    for name, artifact in manifest.artifact.items():
        key = f"artifact.{name}"
        if artifact.source not in manifest.source:
            yield f"{key}.source: there is no source '{artifact.source}'. {nearest(artifact.source, manifest.source)}"
        if artifact.uses_c_compiler and "zig" not in manifest.toolchain:
            yield f"{key}: needs a C compiler, but [toolchain] names no version of zig"
        yield from artifact.problems(key, manifest)
    yield from _path_problems(manifest)
    if manifest.boot:
        yield from manifest.boot.problems(manifest, patches.parent)


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
    owners: dict[str, str] = {}
    for name, artifact in manifest.artifact.items():
        if artifact.path is None:
            continue
        if artifact.path in owners:
            yield f"artifact.{name}.path: '{artifact.path}' is taken by artifact.{owners[artifact.path]}"
        owners[artifact.path] = name
    if not owners:
        yield "artifact: none has a path, so the distribution would be empty"
