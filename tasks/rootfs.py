"""Stage 6, rootfs: the root filesystems of resource types, made natively: no root, no container, no emulation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from crosscourse import archive, files
from crosscourse.archive import Entry
from crosscourse.engine.reasons import Inputs
from crosscourse.engine.step import Context, Step
from crosscourse.errors import CrosscourseError
from crosscourse.git.fingerprint import walk
from crosscourse.manifest.model import ResourceType
from crosscourse.project import Project
from tasks import toolchain
from tasks.compile import steps as compile_stage
from toolchains.targets import Target, get_target

ROOTFS = "rootfs.tgz"
METADATA = "resource_metadata.json"


def steps(project: Project, target: str) -> Iterator[Step]:
    """A step for each resource type of the release, for one target."""
    for name, artifact in project.manifest.artifact.items():
        if isinstance(artifact, ResourceType):
            yield _step(project, get_target(target), name, artifact)


def step_name(target: Target, name: str) -> str:
    """The name of the step that makes a resource type."""
    return f"rootfs:{target.name}:{name}"


def folder(project: Project, target: Target, name: str) -> Path:
    """Where a resource type lies before it is packaged."""
    return project.build / target.name / "rootfs" / name


def _step(project: Project, target: Target, name: str, artifact: ResourceType) -> Step:
    home = folder(project, target, name)
    tools = sorted({data.partition(":")[0] for data in artifact.data.values()})
    programs = [compile_stage.compile_name(target, program) for program in sorted(set(artifact.programs.values()))]

    def inputs() -> Inputs:
        return {
            "recipe": compile_stage.recipe(__file__, archive.__file__),
            **compile_stage.table_inputs("manifest", artifact),
            "date": str(project.manifest.epoch),
        }

    def work(context: Context) -> None:
        context.note("packing the root filesystem")
        with files.replacing(home / ROOTFS) as partial:
            archive.write_tgz(partial, list(entries(project, target, artifact)), epoch=project.manifest.epoch)
        files.write_text(home / METADATA, json.dumps(artifact.metadata, indent=2) + "\n")

    return Step(
        name=step_name(target, name),
        stage="rootfs",
        doc=f"resource type {name} for {target.name}",
        build=project.build,
        inputs=inputs,
        work=work,
        needs=(*(f"toolchain:{tool}" for tool in tools), *programs),
        outputs=(home / ROOTFS, home / METADATA),
    )


def entries(project: Project, target: Target, artifact: ResourceType) -> Iterator[Entry]:
    """The members of a root filesystem, in no particular order."""
    for path, mode in artifact.folders.items():
        yield Entry(name=_inside(path), mode=int(mode, 8))
    for path, text in artifact.files.items():
        yield Entry(name=_inside(path), source=text.encode())
    for path, to in artifact.links.items():
        yield Entry(name=_inside(path), link=to)
    for path, program in artifact.programs.items():
        yield Entry(name=_inside(path), source=project.artifact_file(target.name, program), mode=0o755)
    for path, data in artifact.data.items():
        tool, _, where = data.partition(":")
        yield from _data_entries(_inside(path), toolchain.location(project, tool) / where)


def _data_entries(name: str, path: Path) -> Iterator[Entry]:
    """A file, or all files below a folder; a Python package's own modules are not data."""
    if path.is_file():
        yield Entry(name=name, source=path)
    elif path.is_dir():
        for found in walk(path):
            if found.suffix not in (".py", ".pyc"):
                yield Entry(name=f"{name}/{found.relative_to(path).as_posix()}", source=found)
    else:
        raise CrosscourseError(
            str(path), "this data is not in the installed package", "Check the artifact's `data` in the manifest."
        )


def _inside(path: str) -> str:
    return path.lstrip("/")
