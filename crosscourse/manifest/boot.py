"""``[boot]`` of a release manifest: how a distribution is proved by running it in an emulated machine.

The kinds are what can be run there: programs one by one, or a Concourse worker with a pipeline.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from crosscourse.errors import nearest
from crosscourse.manifest.model import Boot, Manifest
from crosscourse.manifest.places import place_problems
from crosscourse.manifest.types import DebianPackage, Line, Name, RelativePath, Status, Table, Variable, Word

PROGRAM_SOURCES = (".c", ".go", ".sh")


class BootProgram(Table, frozen=True, kw_only=True):
    """``[boot.program.NAME]``: a program of the distribution and what it must do in the guest.

    ``command``: words; the first is the name of an artifact. ``expect``: a text that its output has.
    ``status``: its exit status.
    """

    command: Annotated[list[Line], msgspec.Meta(min_length=1)]
    expect: Line = ""
    status: Status = 0


class Scenario(Table, frozen=True, kw_only=True):
    """``[boot.scenario.NAME]``: one boot of the worker.

    ``runtime``, ``volumes``: the worker's options ``--runtime`` and ``--baggageclaim-driver``. ``cgroup``: the version
    that the guest mounts. ``env``: more of the worker's environment; ``{root}`` stands for the distribution's folder.
    ``extra``: not part of ``boot``, only of ``boot-more``.
    """

    runtime: Word
    cgroup: Literal[1, 2] = 2
    volumes: Word = "overlay"
    env: dict[Variable, Line] = {}
    extra: bool = False


class BootPrograms(Boot, frozen=True, kw_only=True, tag="programs"):
    """Programs of the distribution are run in the guest, one after the other."""

    program: dict[Name, BootProgram]

    def problems(self, manifest: Manifest, root: Path) -> Iterator[str]:  # noqa: ARG002  # one signature for all kinds
        """Programs that the distribution does not have."""
        for name, program in self.program.items():
            yield from _program_problems(f"boot.program.{name}.command", program.command[0], manifest)


class BootWorker(Boot, frozen=True, kw_only=True, tag="worker"):
    """A Concourse worker runs in the guest, joined to a web node of the same release on the host.

    ``concourse``, ``fly``: the artifacts of that name; both are built for the host too.
    ``image``: Debian packages of the image that the pipeline's tasks run in.
    ``image-programs``: programs compiled for that image, path in the image → C or Go file of the project.
    """

    concourse: Name
    fly: Name
    image: Annotated[list[DebianPackage], msgspec.Meta(min_length=1)]
    image_programs: dict[RelativePath, RelativePath] = {}
    scenario: dict[Name, Scenario]

    def problems(self, manifest: Manifest, root: Path) -> Iterator[str]:
        """Programs that the distribution does not have, files that the project does not have, nothing to run."""
        yield from _program_problems("boot.concourse", self.concourse, manifest)
        yield from _program_problems("boot.fly", self.fly, manifest)
        for place, source in self.image_programs.items():
            if not (root / source).is_file():
                yield f'boot.image-programs."{place}": there is no file {source}'
            elif not source.endswith(PROGRAM_SOURCES):
                yield f'boot.image-programs."{place}": {source} is none of {", ".join(PROGRAM_SOURCES)}'
        yield from place_problems((f'boot.image-programs."{place}"', place) for place in self.image_programs)
        if all(scenario.extra for scenario in self.scenario.values()):
            yield "boot.scenario: none is part of `boot`: at least one has to be without `extra`"


def _program_problems(key: str, name: str, manifest: Manifest) -> Iterator[str]:
    packaged = [program for program, artifact in manifest.artifact.items() if artifact.is_program and artifact.path]
    if name not in packaged:
        yield f"{key}: there is no program '{name}' with a path. {nearest(name, packaged)}"
