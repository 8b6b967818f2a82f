"""Kind ``source-file``: a file of a source as it is there, such as a script, which goes into the distribution."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

from crosscourse.engine.spec import Spec
from crosscourse.errors import CrosscourseError
from crosscourse.manifest.locks import Lock
from crosscourse.manifest.model import Artifact, Manifest
from crosscourse.manifest.types import RelativePath
from tasks.compile import program
from tasks.members import Member
from toolchains.targets import Target

if TYPE_CHECKING:
    from crosscourse.engine.places import Places


class SourceFileError(CrosscourseError):
    """A file that the source does not have."""


class SourceFile(Artifact, frozen=True, kw_only=True, tag="source-file"):
    """A file of a source. ``file``: its path there. ``executable``: whether it is to be run."""

    file: RelativePath
    executable: bool = False

    def problems(self, key: str, manifest: Manifest) -> Iterator[str]:  # noqa: ARG002  # one signature for all kinds
        """No path."""
        if self.path is None:
            yield f"{key}.path: this key is missing: a file that is made of nothing has a place in the distribution"


class SourceFileCopy(Spec, frozen=True, kw_only=True):
    """Which one."""

    file: str


table: type[SourceFile] = SourceFile
stage = "compile"
reads_source = True
turn_of_source = False
folder = program.folder


def outputs(name: str, table: SourceFile) -> tuple[str, ...]:  # noqa: ARG001  # one signature for all kinds
    """The file."""
    return (name,)


def members(name: str, table: SourceFile) -> Iterator[Member]:
    """The file."""
    yield Member(output=name, mode=0o755 if table.executable else 0o644)


def spec_of(
    manifest: Manifest,  # noqa: ARG001
    target: Target,  # noqa: ARG001
    lock: Lock,  # noqa: ARG001
    name: str,  # noqa: ARG001
    table: SourceFile,
) -> SourceFileCopy:
    """The same for every target."""
    return SourceFileCopy(file=table.file)


def needs(spec: SourceFileCopy) -> tuple[str, ...]:  # noqa: ARG001
    """Nothing."""
    return ()


def build(spec: SourceFileCopy, at: Places) -> None:
    """Copy it. Raises SourceFileError."""
    from crosscourse.engine.reads import Reads, through_links

    at.read(through_links(at.source, Reads.of(files=[spec.file])))
    path = at.source / spec.file
    if not path.is_file():
        raise SourceFileError(str(path), "is not there", "Check the artifact's `file` in the manifest.")
    shutil.copyfile(path, at.output())
