"""Every problem of a manifest at once: key, what was found, what was expected.

msgspec stops at the first problem of a document; here each table is converted by itself, key by key,
and then what msgspec can't know is checked: that names refer to something.
"""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

import msgspec

from crosscourse.errors import nearest
from crosscourse.manifest.boot import BootPrograms, BootWorker
from crosscourse.manifest.model import CProgram, GoBinary, Manifest, ResourceType, StaticLibrary

PLACEHOLDERS = frozenset({"version", "tag", "commit", "release", "epoch"})


def type_problems(data: object, expected: Any, key: str = "") -> list[str]:
    """What keeps ``data`` from being converted to ``expected`` (a Struct, dict or plain type), each with its key."""
    expected = _choose(data, expected)
    if isinstance(expected, str):
        return [f"{key}: {expected}"]
    if isinstance(expected, type) and issubclass(expected, msgspec.Struct):
        return _struct_problems(data, expected, key)
    if get_origin(expected) is dict and isinstance(data, Mapping):
        value_type = get_args(expected)[1]
        found: list[str] = []
        for name, value in data.items():
            found += _convert_problem(name, get_args(expected)[0], f"{key}.{name} (its name)")
            found += type_problems(value, value_type, f"{key}.{name}" if key else str(name))
        return found
    if get_origin(expected) is list and isinstance(data, list):
        return [
            problem
            for index, value in enumerate(data)
            for problem in type_problems(value, get_args(expected)[0], f"{key}[{index}]")
        ] or _convert_problem(data, expected, key)
    return _convert_problem(data, expected, key)


def _convert_problem(data: object, expected: Any, key: str) -> list[str]:
    try:
        msgspec.convert(data, expected)
    except msgspec.ValidationError as error:
        if isinstance(data, str) and (meant := _described(expected)):
            return [f"{key}: expected {meant}, got '{data}'"]
        return [f"{key}: {_plain(str(error))}"]
    return []


def _described(expected: Any) -> str | None:
    """What a type with a pattern means, in words; None for one that says nothing."""
    for choice in (expected, *get_args(expected)):
        for meta in getattr(choice, "__metadata__", ()):
            if isinstance(meta, msgspec.Meta) and meta.description:
                return meta.description
    return None


def _plain(message: str) -> str:
    message = message.split(" - at `", maxsplit=1)[0]
    return message[:1].lower() + message[1:]


def _choose(data: object, expected: Any) -> Any:
    """Of a tagged union the member that the data names, or a sentence saying that there is none."""
    if get_origin(expected) not in (Union, UnionType):
        return expected
    members = [m for m in get_args(expected) if isinstance(m, type) and issubclass(m, msgspec.Struct)]
    if not members:
        return expected
    if not isinstance(data, Mapping):
        return f"expected a table, got {type(data).__name__}"
    by_tag = {str(m.__struct_config__.tag): m for m in members}
    field = str(members[0].__struct_config__.tag_field)
    if field not in data:
        return f"the key '{field}' is missing. {nearest('', by_tag)}"
    tag = data[field]
    return by_tag.get(str(tag), f"{field} = '{tag}' is not known. {nearest(str(tag), by_tag)}")


def _struct_problems(data: object, struct: type[msgspec.Struct], key: str) -> list[str]:
    if not isinstance(data, Mapping):
        return [f"{key}: expected a table, got {type(data).__name__}"]
    prefix = f"{key}." if key else ""
    fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
    tag_field = struct.__struct_config__.tag_field
    found: list[str] = []
    for name, value in data.items():
        if name == tag_field:
            continue
        if name not in fields:
            found.append(f"{prefix}{name}: unknown key. {nearest(name, fields)}")
        else:
            found += type_problems(value, fields[name].type, f"{prefix}{name}")
    found += [
        f"{prefix}{name}: this key is missing" for name, field in fields.items() if field.required and name not in data
    ]
    return found


def reference_problems(manifest: Manifest, patches: Path) -> list[str]:
    """Names that refer to nothing, paths that clash, placeholders that nobody fills in."""
    return [
        *_source_problems(manifest, patches),
        *_artifact_problems(manifest),
        *_path_problems(manifest),
        *_boot_problems(manifest, patches.parent),
    ]


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


def _artifact_problems(manifest: Manifest) -> Iterator[str]:
    for name, artifact in manifest.artifact.items():
        key = f"artifact.{name}"
        if artifact.source not in manifest.source:
            yield f"{key}.source: there is no source '{artifact.source}'. {nearest(artifact.source, manifest.source)}"
        if isinstance(artifact, GoBinary | CProgram):
            for library in artifact.libraries:
                if not isinstance(manifest.artifact.get(library), StaticLibrary):
                    known = [n for n, a in manifest.artifact.items() if isinstance(a, StaticLibrary)]
                    yield f"{key}.libraries: '{library}' is not a static-library. {nearest(library, known)}"
        if isinstance(artifact, GoBinary):
            if artifact.libraries and not artifact.cgo:
                yield f"{key}.cgo: libraries are linked through cgo; set it to true"
            if "go" not in manifest.toolchain:
                yield f"{key}: made by Go, but [toolchain] names no version of go"
            for flag in artifact.ldflags:
                yield from _placeholder_problems(f"{key}.ldflags", flag)
        if (
            isinstance(artifact, CProgram | StaticLibrary) or (isinstance(artifact, GoBinary) and artifact.cgo)
        ) and "zig" not in manifest.toolchain:
            yield f"{key}: needs a C compiler, but [toolchain] names no version of zig"
        if isinstance(artifact, ResourceType):
            yield from _resource_type_problems(key, artifact, manifest)


def _resource_type_problems(key: str, artifact: ResourceType, manifest: Manifest) -> Iterator[str]:
    programs = {n for n, a in manifest.artifact.items() if isinstance(a, GoBinary | CProgram)}
    for path, program in artifact.programs.items():
        if program not in programs:
            yield f"{key}.programs.\"{path}\": there is no program '{program}'. {nearest(program, programs)}"
    for path, mode in artifact.folders.items():
        if not mode or set(mode) - set("01234567"):
            yield f"{key}.folders.\"{path}\": expected an octal mode such as '1777', got '{mode}'"
    for path, data in artifact.data.items():
        tool = data.partition(":")[0]
        if tool not in manifest.toolchain:
            yield f"{key}.data.\"{path}\": [toolchain] has no '{tool}'. {nearest(tool, manifest.toolchain)}"
    if artifact.path is None:
        yield f"{key}.path: this key is missing: a resource type has a place in the distribution"


def _placeholder_problems(key: str, text: str) -> Iterator[str]:
    try:
        names = {field for _, field, _, _ in string.Formatter().parse(text) if field is not None}
    except ValueError as error:
        yield f"{key}: '{text}': {error}"
        return
    for name in sorted(names - PLACEHOLDERS):
        yield f"{key}: nothing fills in '{{{name}}}'. {nearest(name, PLACEHOLDERS)}"


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


def _boot_problems(manifest: Manifest, root: Path) -> Iterator[str]:
    """``root``: the project's folder, where programs of the image for tasks are."""
    boot = manifest.boot
    if isinstance(boot, BootPrograms):
        programs = [n for n, a in manifest.artifact.items() if isinstance(a, GoBinary | CProgram) and a.path]
        for name, program in boot.program.items():
            if program.command[0] not in programs:
                key, word = f"boot.program.{name}.command", program.command[0]
                yield f"{key}: there is no program '{word}' with a path. {nearest(word, programs)}"
    if isinstance(boot, BootWorker):
        packaged = [name for name, a in manifest.artifact.items() if isinstance(a, GoBinary) and a.path]
        for key, name in (("concourse", boot.concourse), ("fly", boot.fly)):
            if name not in packaged:
                yield f"boot.{key}: there is no program '{name}' with a path. {nearest(name, packaged)}"
        for place, source in boot.image_programs.items():
            if not (root / source).is_file():
                yield f'boot.image-programs."{place}": there is no file {source}'
        if all(scenario.extra for scenario in boot.scenario.values()):
            yield "boot.scenario: none is part of `boot`: at least one has to be without `extra`"
