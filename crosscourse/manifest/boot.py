"""``[boot]`` of a release manifest: how a distribution is proved by running it in an emulated machine.

The kinds are what can be run there: programs one by one, or a Concourse worker with a pipeline.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from crosscourse.errors import nearest
from crosscourse.manifest.browse import Browse
from crosscourse.manifest.installed import Installed
from crosscourse.manifest.model import Boot, Manifest
from crosscourse.manifest.places import place_problems
from crosscourse.manifest.types import (
    DebianPackage,
    Line,
    Memory,
    Name,
    RelativePath,
    Status,
    Suite,
    Table,
    Variable,
    Word,
)

PROGRAM_SOURCES = (".c", ".go", ".sh")
# A browser, what drives it, and what that is a program for: tools of the release.
BROWSER = ("node", "playwright-core", "chromium")
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
    the name of the one that gets an image for tasks, and in ``env`` and ``files`` there may be values of servers;
    ``image``: the worker runs in a container of the release's ``[image]`` of the name ``image``; ``all-in-one``: the
    web node runs in the guest, too, and ``image`` is as for ``types``; ``small``: the few that are enough for a board,
    and what each process takes. ``installed``: the worker is installed as ``[boot.installed]`` says, in place of
    unpacked. ``machine``: the one to emulate, of the targets that have it, in place of a target's first; ``memory``:
    MiB, in place of the release's.
    """

    runtime: Word
    cgroup: Literal[1, 2] = 2
    volumes: Word = "overlay"
    rows: Literal["worker", "types", "image", "builds", "all-in-one", "small"] = "worker"
    env: dict[Variable, Line] = {}
    files: dict[RelativePath, str] = {}
    image: Name | None = None
    installed: bool = False
    machine: Name | None = None
    memory: Memory | None = None
    extra: bool = False

    @property
    def in_debian(self) -> bool:
        """Whether Debian's own init and apt are in charge of the guest."""
        return self.installed or self.rows == "all-in-one"


class Registry(Table, frozen=True, kw_only=True):
    """``[boot.registry]``: what the release's own resource type for images understands; older ones understand less.

    ``insecure``: the field of a source by which a registry may be asked without TLS; without it that is told by its
    address. ``skip-download``: the parameter by which what was put is not got. ``check-every``: what a resource says
    that is not to be checked by itself.
    """

    insecure: bool = True
    skip_download: bool = True
    check_every: Line = "never"


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


class Guests(Boot, frozen=True, kw_only=True):
    """What every kind of boot has: ``suites``: of targets that are not in ``suite``."""

    suites: dict[Name, Suite] = {}

    def problems(self, manifest: Manifest, root: Path) -> Iterator[str]:  # noqa: ARG002  # one signature for all kinds
        """Targets that are none."""
        for target in self.suites:
            if target not in manifest.release.targets:
                yield f"boot.suites: {target} is no target. {nearest(target, manifest.release.targets)}"


def suite_of(boot: Boot, target: str) -> str:
    """The suite of Debian that a target's guest is of."""
    return boot.suites.get(target, boot.suite) if isinstance(boot, Guests) else boot.suite


class BootPrograms(Guests, frozen=True, kw_only=True, tag="programs"):
    """Programs of the distribution are run in the guest, one after the other. ``browse``: and one is looked at with a
    browser, by name. ``installed``: and a package of them is installed in another guest.
    """

    program: dict[Name, BootProgram]
    browse: dict[Name, Browse] = {}
    installed: Installed | None = None

    def problems(self, manifest: Manifest, root: Path) -> Iterator[str]:
        """Programs that the distribution does not have."""
        yield from super().problems(manifest, root)
        for name, program in self.program.items():
            yield from _program_problems(f"boot.program.{name}.command", program.command[0], manifest)
        for name, browse in self.browse.items():
            yield from browse.problems(f"boot.browse.{name}")
            yield from _program_problems(f"boot.browse.{name}.program", "".join(browse.program[:1]), manifest)
        yield from _browser_problems(self.browse, manifest)
        if self.installed:
            yield from self.installed.problems(manifest)


class BootWorker(Guests, frozen=True, kw_only=True, tag="worker"):
    """A Concourse worker runs in the guest, joined to a web node of the same release on the host.

    ``concourse``, ``fly``: the artifacts of that name; both are built for the host too. ``oci_runtime``: the artifact
    that starts containers, which a native guest may have to be careful with.
    ``image``: Debian packages of the image that the pipeline's tasks run in; ``slim-image``: those of them that are in
    the one for small machines, which need nothing else. ``image-programs``: programs compiled for both, path in
    the image → C or Go file of the project.
    ``installed``: how scenarios that say so have it. ``untried``: resource types that no ``[boot.try]`` tries, and why.
    ``registry``: what the type for images understands. ``browse``: what is done with the pages of a web node in the
    guest.
    """

    concourse: Name
    fly: Name
    oci_runtime: Name = ""
    image: Annotated[list[DebianPackage], msgspec.Meta(min_length=1)]
    slim_image: list[DebianPackage] = []
    image_programs: dict[RelativePath, RelativePath] = {}
    scenario: dict[Name, Scenario]
    installed: Installed | None = None
    registry: Registry = Registry()
    server: dict[Name, Server] = {}
    try_: dict[Name, Try] = msgspec.field(default={}, name="try")
    untried: dict[Name, Line] = {}
    browse: dict[Name, Browse] = {}

    def problems(self, manifest: Manifest, root: Path) -> Iterator[str]:
        """Programs that the distribution does not have, files that the project does not have, nothing to run."""
        yield from super().problems(manifest, root)
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
        yield from self._slim_problems()
        yield from self._type_problems(manifest)
        yield from self._installed_problems(manifest)
        for name, scenario in self.scenario.items():
            if scenario.rows in ("types", "all-in-one") and scenario.image not in self.try_:
                found = nearest(scenario.image or "", self.try_)
                yield f"boot.scenario.{name}.image: there is no try '{scenario.image or ''}'. {found}"
            if scenario.rows in ("image", "builds") and scenario.image not in manifest.image:
                found = nearest(scenario.image or "", manifest.image)
                yield f"boot.scenario.{name}.image: there is no image '{scenario.image or ''}'. {found}"
            if scenario.rows == "image" and not self.oci_runtime:
                yield f"boot.scenario.{name}.rows: there is no boot.oci-runtime that could start a container"
            if scenario.rows == "all-in-one" and not (self.installed and self.installed.together):
                yield f"boot.scenario.{name}.rows: there is no [boot.installed.together]"
            yield from self._value_problems(f"boot.scenario.{name}", scenario)
        for name, one in self.try_.items():
            yield from self._value_problems(f"boot.try.{name}", one)
        for name, browse in self.browse.items():
            yield from browse.problems(f"boot.browse.{name}")
        yield from _browser_problems(self.browse, manifest)

    def _slim_problems(self) -> Iterator[str]:
        """What small machines lack."""
        for package in self.slim_image:
            if package not in self.image:
                yield f"boot.slim-image: {package} is not in boot.image. {nearest(package, self.image)}"
        for name, scenario in self.scenario.items():
            if scenario.rows == "small" and not (scenario.installed and self.slim_image):
                yield f"boot.scenario.{name}.rows: `small` takes `installed`, and boot.slim-image"

    def _value_problems(self, key: str, table: Table) -> Iterator[str]:
        """Values of servers that there are not."""
        text = msgspec.json.encode(table).decode()
        for server in dict.fromkeys(_VALUE.findall(text)):
            if server not in self.server:
                yield f"{key}: there is no server '{server}'. {nearest(server, self.server)}"

    def _installed_problems(self, manifest: Manifest) -> Iterator[str]:
        """What scenarios with an installed worker lack."""
        wanting = [name for name, scenario in self.scenario.items() if scenario.installed]
        if self.installed is None:
            yield from (f"boot.scenario.{name}.installed: there is no [boot.installed]" for name in wanting)
            return
        yield from self.installed.problems(manifest)
        for key in ("setup", "key", "settings"):
            if wanting and not getattr(self.installed, key):
                yield f"boot.installed.{key}: this key is missing: a worker has to be told its web node"

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


def _browser_problems(browse: Mapping[str, Browse], manifest: Manifest) -> Iterator[str]:
    """What a browser is missing."""
    for tool in BROWSER if browse else ():
        if tool not in manifest.toolchain:
            yield f"boot.browse: [toolchain] names no version of {tool}"
    ports = {one.port for one in browse.values()}
    if len(ports) > 1:
        yield f"boot.browse: the pages are at one port, not at {', '.join(map(str, sorted(ports)))}"
