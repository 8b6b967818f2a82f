"""Kind ``resource-type``: a root filesystem made natively: no root, no container, no emulation."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from crosscourse.archive import Entry
from crosscourse.engine.spec import Spec
from crosscourse.manifest import references
from crosscourse.manifest.locks import Lock
from crosscourse.manifest.model import Artifact, Manifest
from crosscourse.manifest.places import place_problems
from crosscourse.manifest.types import DataPath, FolderMode, LinkTarget, Name, RootPath
from tasks import names
from tasks.members import Member
from toolchains.targets import Target

if TYPE_CHECKING:
    from crosscourse.engine.places import Places

ROOTFS = "rootfs.tgz"
METADATA = "resource_metadata.json"


class ResourceType(Artifact, frozen=True, kw_only=True, tag="resource-type"):
    """A Concourse resource type: a root filesystem and its metadata, made natively.

    ``programs``: path in the root filesystem → name of the artifact. ``files``: path → text.
    ``folders``: path → octal mode. ``links``: path → where it points.
    ``data``: path → ``tool:path``, a file or folder of a data package of ``[toolchain]``.
    ``metadata``: written to resource_metadata.json.
    """

    can_be_left_out: ClassVar[bool] = True
    is_resource_type: ClassVar[bool] = True

    programs: dict[RootPath, Name]
    files: dict[RootPath, str] = {}
    folders: dict[RootPath, FolderMode] = {}
    links: dict[RootPath, LinkTarget] = {}
    data: dict[RootPath, DataPath] = {}
    metadata: dict[str, str | bool]

    @property
    def carries(self) -> Iterable[Name]:
        """All its programs: nothing is in it but what it names."""
        return self.programs.values()

    def problems(self, key: str, manifest: Manifest) -> Iterator[str]:
        """Programs and tools that there are not, paths that clash, links that lead outside, no path."""
        for path, program in self.programs.items():
            yield from references.program_problems(f'{key}.programs."{path}"', program, manifest)
        for path, data in self.data.items():
            yield from references.tool_problems(f'{key}.data."{path}"', data.partition(":")[0], manifest)
        for path, to in self.links.items():
            if leads_outside(_inside(path), to):
                yield f"{key}.links.\"{path}\": '{to}' leads out of the root filesystem"
        yield from place_problems(self._places(key))
        if self.path is None:
            yield f"{key}.path: this key is missing: a resource type has a place in the distribution"

    def _places(self, key: str) -> Iterator[tuple[str, str]]:
        """The key of each path, with the path; folders, which others may be in, with '/' at the end."""
        for title, paths in (
            ("programs", self.programs),
            ("files", self.files),
            ("links", self.links),
            ("data", self.data),
        ):
            yield from ((f'{key}.{title}."{path}"', _inside(path)) for path in paths)
        yield from ((f'{key}.folders."{path}"', f"{_inside(path)}/") for path in self.folders)


class ResourceTypeBuild(Spec, frozen=True, kw_only=True):
    """What decides how a resource type comes out.

    ``programs``: path in the root filesystem → the step that makes the program. ``metadata``: the file's text.
    ``epoch``: the time of every member, in seconds since 1970. The rest as in the manifest.
    """

    programs: dict[str, str]
    files: dict[str, str]
    folders: dict[str, str]
    links: dict[str, str]
    data: dict[str, str]
    metadata: str
    epoch: int


table: type[ResourceType] = ResourceType
stage = "rootfs"
reads_source = False
turn_of_source = False


def folder(name: str) -> str:
    """A folder of its own."""
    return f"rootfs/{name}"


def outputs(name: str, table: ResourceType) -> tuple[str, ...]:  # noqa: ARG001  # one signature for all kinds
    """The root filesystem and its metadata."""
    return (ROOTFS, METADATA)


def members(name: str, table: ResourceType) -> Iterator[Member]:  # noqa: ARG001
    """Both, in a folder."""
    return (Member(output=part, path=part) for part in (ROOTFS, METADATA))


def spec_of(
    manifest: Manifest, target: Target, lock: Lock, name: str, table: ResourceType  # noqa: ARG001  # one for all kinds
) -> ResourceTypeBuild:
    """What decides how it comes out for a target."""
    return ResourceTypeBuild(
        programs={path: names.compile(target.name, program) for path, program in table.programs.items()},
        files=table.files,
        folders=table.folders,
        links=table.links,
        data=table.data,
        metadata=json.dumps(table.metadata, indent=2) + "\n",
        epoch=manifest.epoch,
    )


def needs(spec: ResourceTypeBuild) -> tuple[str, ...]:
    """The steps that come before."""
    tools = sorted({data.partition(":")[0] for data in spec.data.values()})
    return (*map(names.toolchain, tools), *sorted(set(spec.programs.values())))


def build(spec: ResourceTypeBuild, at: Places) -> None:
    """Pack the root filesystem."""
    from crosscourse import archive

    at.status("packing the root filesystem")
    archive.write_tgz(at.output(ROOTFS), list(entries(spec, at)), epoch=spec.epoch)
    at.output(METADATA).write_text(spec.metadata, encoding="utf-8")


def entries(spec: ResourceTypeBuild, at: Places) -> Iterator[Entry]:
    """The members of the root filesystem, in no particular order."""
    for path, mode in spec.folders.items():
        yield Entry(name=_inside(path), mode=int(mode, 8))
    for path, text in spec.files.items():
        yield Entry(name=_inside(path), source=text.encode())
    for path, to in spec.links.items():
        yield Entry(name=_inside(path), link=to)
    for path, step in spec.programs.items():
        yield Entry(name=_inside(path), source=at.need(step), mode=0o755)
    for path, data in spec.data.items():
        tool, _, where = data.partition(":")
        installed = at.need(names.toolchain(tool))
        yield from _data_entries(_inside(path), installed, installed / where)


def _data_entries(name: str, tool: Path, path: Path) -> Iterator[Entry]:
    """A file, or all files below a folder; a Python package's own modules are not data, nor are links."""
    from crosscourse.errors import CrosscourseError

    if path.is_file() and path.resolve().is_relative_to(tool.resolve()):
        yield Entry(name=name, source=path)
    elif path.is_dir() and path.resolve().is_relative_to(tool.resolve()):
        for found in path.rglob("*"):
            if found.is_file() and not found.is_symlink() and found.suffix not in (".py", ".pyc"):
                yield Entry(name=f"{name}/{found.relative_to(path).as_posix()}", source=found)
    else:
        raise CrosscourseError(
            str(path), "this data is not in the installed package", "Check the artifact's `data` in the manifest."
        )


def leads_outside(name: str, to: str) -> bool:
    """Whether a link of that name and target leads above the root, for whoever looks at it from outside."""
    depth = 0 if to.startswith("/") else name.count("/")
    for part in to.split("/"):
        depth += {"..": -1, ".": 0, "": 0}.get(part, 1)
        if depth < 0:
            return True
    return False


def _inside(path: str) -> str:
    return path.lstrip("/")
