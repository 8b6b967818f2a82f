"""Kind ``go-download``: a program of this release for people's own machines, packed as a web node hands it out.

It is made for another system than the distribution's, once, and is the same in the distributions of all targets.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Annotated, ClassVar

import msgspec

from crosscourse.engine.spec import Spec
from crosscourse.manifest import references
from crosscourse.manifest.locks import Lock
from crosscourse.manifest.model import Artifact, Manifest
from crosscourse.manifest.types import END, Name
from tasks import names
from tasks.compile import go_binary
from tasks.compile.go_binary import GoBinary, GoBuild
from tasks.members import Member
from toolchains.targets import Target

if TYPE_CHECKING:
    from crosscourse.engine.places import Places

TGZ, ZIP = ".tgz", ".zip"

# Of Go's variables that name a platform (`go tool dist list`, `go help environment`).
Platform = Annotated[
    str, msgspec.Meta(pattern=rf"^[a-z0-9][a-z0-9.,]*{END}", description="a value of GOOS, GOARCH, GOARM or the like")
]


class GoDownload(Artifact, frozen=True, kw_only=True, tag="go-download"):
    """A program to download. ``program``: the artifact of kind go-binary that it is, without cgo. ``os``, ``arch``,
    ``arm``: GOOS, GOARCH and GOARM. ``path`` ends with ``.tgz`` or ``.zip``; what is in it is called as ``program``,
    with ``.exe`` where that is the custom.
    """

    can_be_left_out: ClassVar[bool] = True
    for_other_machines: ClassVar[bool] = True

    program: Name
    os: Platform
    arch: Platform
    arm: Platform | None = None

    def problems(self, key: str, manifest: Manifest) -> Iterator[str]:
        """A program that is none or not of the same source, a path that says no format."""
        yield from references.program_problems(f"{key}.program", self.program, manifest)
        program = manifest.artifact.get(self.program)
        if program is not None and not (isinstance(program, GoBinary) and not program.cgo):
            yield f"{key}.program: '{self.program}' is not made by Go alone, so it can't be made for other systems"
        elif program is not None and program.source != self.source:
            yield f"{key}.source: '{self.program}' is made of '{program.source}'"
        if self.path is None or PurePosixPath(self.path).suffix not in (TGZ, ZIP):
            yield f"{key}.path: expected a path that ends with {TGZ} or {ZIP}"


class Download(Spec, frozen=True, kw_only=True):
    """What decides how it comes out. ``name``: of the program in the archive ``archive``. ``epoch``: the time there."""

    program: GoBuild
    name: str
    archive: str
    epoch: int


table: type[GoDownload] = GoDownload
stage = names.ONCE
reads_source = True
turn_of_source = True


def folder(name: str) -> str:
    """A folder of its own."""
    return name


def outputs(name: str, table: GoDownload) -> tuple[str, ...]:  # noqa: ARG001  # one signature for all kinds
    """The archive."""
    return (PurePosixPath(table.path or "").name,)


def members(name: str, table: GoDownload) -> Iterator[Member]:
    """The archive."""
    yield Member(output=outputs(name, table)[0])


def spec_of(manifest: Manifest, target: Target, lock: Lock, name: str, table: GoDownload) -> Download:  # noqa: ARG001
    """What decides how it comes out, for any target."""
    program = manifest.artifact[table.program]
    assert isinstance(program, GoBinary)  # see problems
    made = go_binary.spec_of(manifest, target, lock, table.program, program)
    platform = {"GOOS": table.os, "GOARCH": table.arch, **({"GOARM": table.arm} if table.arm else {})}
    return Download(
        program=msgspec.structs.replace(made, go_env=platform),
        name=table.program + (".exe" if table.os == "windows" else ""),
        archive=PurePosixPath(table.path or "").name,
        epoch=manifest.epoch,
    )


def needs(spec: Download) -> tuple[str, ...]:
    """The steps that come before."""
    return go_binary.needs(spec.program)


def build(spec: Download, at: Places) -> None:
    """Compile it, and pack it. Raises ModulesError, CommandError."""
    from crosscourse import archive
    from crosscourse.formats.entries import Entry
    from crosscourse.formats.zip import write_zip

    program = at.scratch / spec.name
    go_binary.build_elsewhere(program, spec.program, at)
    at.status(f"packing {spec.archive}")
    entries = [Entry(name=spec.name, source=program, mode=0o755)]
    if spec.archive.endswith(ZIP):
        write_zip(at.output(), entries, epoch=spec.epoch)
    else:
        archive.write_tgz(at.output(), entries, epoch=spec.epoch)
