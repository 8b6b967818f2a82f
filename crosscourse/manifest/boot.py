"""``[boot]`` of a release manifest: how a distribution is proved by running it in an emulated machine.

The kinds are what can be run there: programs one by one, or a Concourse worker with a pipeline.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from crosscourse.errors import nearest
from crosscourse.manifest.model import Boot, Manifest
from crosscourse.manifest.places import place_problems
from crosscourse.manifest.types import DebianPackage, Line, Name, RelativePath, Status, Table, Variable, Word

PROGRAM_SOURCES = (".c", ".go", ".sh")
_VALUE = re.compile(r"\{([a-z0-9-]+)\.[a-z-]+\}")


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
    ``files``: what the guest has beside, its path → a text. ``extra``: not part of ``boot``, only of ``boot-more``.
    ``rows``: ``worker``: what a container needs, one by one; ``types``: each of ``[boot.try]``, and then ``image`` is
    the name of the one that gets an image for tasks, and in ``env`` and ``files`` there may be values of servers.
    """

    runtime: Word
    cgroup: Literal[1, 2] = 2
    volumes: Word = "overlay"
    rows: Literal["worker", "types"] = "worker"
    env: dict[Variable, Line] = {}
    files: dict[RelativePath, str] = {}
    image: Name | None = None
    extra: bool = False


class Server(Table, frozen=True, kw_only=True):
    """``[boot.server.NAME]``: a server on the host that resource types are tried against. ``files``: what it has."""

    kind: Literal["git", "github-api", "hg", "https", "s3"]
    files: dict[RelativePath, str] = {}


class Try(Table, frozen=True, kw_only=True):
    """``[boot.try.NAME]``: a resource that is checked, got and put.

    ``title``: for people. ``type``: the name of a resource type. ``source``: of the resource. ``get``, ``put``: the
    steps' parameters; without ``put`` there is none. ``put-source``: what is different in the source of the resource
    that is put; ``again``: whether what was put is got again. ``got``: what has to be there after the get, path → a
    text that the file contains. In all texts ``{SERVER.VALUE}`` is a value of a server.
    """

    title: Line
    type: Name
    source: dict[str, Any] = {}
    get: dict[str, Any] = {}
    put: dict[str, Any] | None = None
    again: bool = True
    put_source: dict[str, Any] = {}
    got: dict[RelativePath, str] = {}


class BootPrograms(Boot, frozen=True, kw_only=True, tag="programs"):
    """Programs of the distribution are run in the guest, one after the other."""

    program: dict[Name, BootProgram]

    def problems(self, manifest: Manifest, root: Path) -> Iterator[str]:  # noqa: ARG002  # one signature for all kinds
        """Programs that the distribution does not have."""
        for name, program in self.program.items():
            yield from _program_problems(f"boot.program.{name}.command", program.command[0], manifest)


class BootWorker(Boot, frozen=True, kw_only=True, tag="worker"):
    """A Concourse worker runs in the guest, joined to a web node of the same release on the host.

    ``concourse``, ``fly``: the artifacts of that name; both are built for the host too. ``oci_runtime``: the artifact
    that starts containers, which a native guest may have to be careful with.
    ``image``: Debian packages of the image that the pipeline's tasks run in.
    ``image-programs``: programs compiled for that image, path in the image → C or Go file of the project.
    ``untried``: resource types that no ``[boot.try]`` tries, and why.
    """

    concourse: Name
    fly: Name
    oci_runtime: Name = ""
    image: Annotated[list[DebianPackage], msgspec.Meta(min_length=1)]
    image_programs: dict[RelativePath, RelativePath] = {}
    scenario: dict[Name, Scenario]
    server: dict[Name, Server] = {}
    try_: dict[Name, Try] = msgspec.field(default={}, name="try")
    untried: dict[Name, Line] = {}

    def problems(self, manifest: Manifest, root: Path) -> Iterator[str]:
        """Programs that the distribution does not have, files that the project does not have, nothing to run."""
        yield from _program_problems("boot.concourse", self.concourse, manifest)
        yield from _program_problems("boot.fly", self.fly, manifest)
        if self.oci_runtime:
            yield from _program_problems("boot.oci-runtime", self.oci_runtime, manifest)
        for place, source in self.image_programs.items():
            if not (root / source).is_file():
                yield f'boot.image-programs."{place}": there is no file {source}'
            elif not source.endswith(PROGRAM_SOURCES):
                yield f'boot.image-programs."{place}": {source} is none of {", ".join(PROGRAM_SOURCES)}'
        yield from place_problems((f'boot.image-programs."{place}"', place) for place in self.image_programs)
        if all(scenario.extra for scenario in self.scenario.values()):
            yield "boot.scenario: none is part of `boot`: at least one has to be without `extra`"
        yield from self._type_problems(manifest)
        for name, scenario in self.scenario.items():
            if scenario.rows == "types" and scenario.image not in self.try_:
                found = nearest(scenario.image or "", self.try_)
                yield f"boot.scenario.{name}.image: there is no try '{scenario.image or ''}'. {found}"
            yield from self._value_problems(f"boot.scenario.{name}", scenario)
        for name, one in self.try_.items():
            yield from self._value_problems(f"boot.try.{name}", one)

    def _value_problems(self, key: str, table: Table) -> Iterator[str]:
        """Values of servers that there are not."""
        text = msgspec.json.encode(table).decode()
        for server in dict.fromkeys(_VALUE.findall(text)):
            if server not in self.server:
                yield f"{key}: there is no server '{server}'. {nearest(server, self.server)}"

    def _type_problems(self, manifest: Manifest) -> Iterator[str]:
        """Types that there are not, and types that nobody speaks of."""
        types = [name for name, artifact in manifest.artifact.items() if artifact.is_resource_type]
        named = {f"boot.try.{name}.type": one.type for name, one in self.try_.items()}
        named |= {f"boot.untried.{name}": name for name in self.untried}
        for key, name in named.items():
            if name not in types:
                yield f"{key}: there is no resource type '{name}'. {nearest(name, types)}"
        if self.try_:
            for name in types:
                if name not in named.values():
                    yield f"boot.try: none tries the type '{name}'. Add one, or say why not in boot.untried"


def _program_problems(key: str, name: str, manifest: Manifest) -> Iterator[str]:
    packaged = [program for program, artifact in manifest.artifact.items() if artifact.is_program and artifact.path]
    if name not in packaged:
        yield f"{key}: there is no program '{name}' with a path. {nearest(name, packaged)}"
