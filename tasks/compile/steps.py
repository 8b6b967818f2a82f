"""Stage 5, compile: each artifact of each target, by its kind. What they have in common is here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from crosscourse import files
from crosscourse.engine.reasons import Inputs
from crosscourse.engine.step import Step
from crosscourse.manifest.model import Artifact, CProgram, GoBinary, StaticLibrary
from crosscourse.project import Project
from toolchains.targets import Target, get_target

# What of an artifact's table says where it goes or how it is scheduled, not what it is.
_NOT_CONTENT = ("path", "memory")


def steps(project: Project, target: str) -> Iterator[Step]:
    """A step for each compiled artifact of the release, for one target."""
    from tasks.compile import c as compile_c
    from tasks.compile import go as compile_go

    machine = get_target(target)
    for name, artifact in project.manifest.artifact.items():
        if isinstance(artifact, GoBinary):
            yield compile_go.step(project, machine, name, artifact)
        elif isinstance(artifact, StaticLibrary):
            yield compile_c.library_step(project, machine, name, artifact)
        elif isinstance(artifact, CProgram):
            yield compile_c.program_step(project, machine, name, artifact)


def module_steps(project: Project, target: str) -> Iterator[Step]:
    """A step for each source whose Go dependencies are downloaded, for one target."""
    from tasks import go_modules as modules

    yield from modules.steps(project, get_target(target))


def source_inputs(project: Project, source: str) -> Inputs:
    """What a source contains now, under a label that names it."""
    folder = project.checkout(source)
    return {f"source {source}": project.fingerprints.get(folder) if folder.is_dir() else "not there yet"}


def table_inputs(label: str, table: msgspec.Struct) -> Inputs:
    """A table of the manifest, key by key, as far as it decides what comes out."""
    content: dict[str, Any] = msgspec.to_builtins(table)
    return {label: {key: _text(value) for key, value in content.items() if key not in _NOT_CONTENT}}


def target_inputs(target: Target) -> Inputs:
    """What of a target the compilers see."""
    return {"target": {**target.go_env, "zig target": target.zig.target, "zig cpu": target.zig.cpu}}


def artifact_inputs(project: Project, target: Target, artifact: Artifact) -> Inputs:
    """What decides how any compiled artifact comes out: its table, its target and its source."""
    return {
        **table_inputs("manifest", artifact),
        **target_inputs(target),
        **source_inputs(project, artifact.source),
    }


@cache
def recipe(*modules: str) -> str:
    """The digest of our own code that makes an artifact: what it does may have changed since it was last done."""
    return files.digest_text("".join(files.digest(Path(module)) for module in modules))


def placeholders(project: Project, artifact: Artifact) -> dict[str, str]:
    """What ``{version}`` and the like stand for in an artifact's linker flags."""
    source = project.source(artifact.source)
    tag = source.tag or ""
    return {
        "tag": tag,
        "version": source.version or tag.removeprefix("v") or project.manifest.release.version,
        "commit": source.commit or "",
        "release": project.manifest.release.version,
        "epoch": str(project.manifest.epoch),
    }


def compile_name(target: Target, artifact: str) -> str:
    """The name of the step that compiles an artifact."""
    return f"compile:{target.name}:{artifact}"


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
