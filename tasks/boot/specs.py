"""What decides a guest and a boot, as data, as plain tables."""

from __future__ import annotations

from crosscourse.engine.spec import Spec
from crosscourse.manifest.boot import BootProgram, Scenario, Server, Try
from crosscourse.manifest.locks import Pinned
from toolchains.targets import Machine, Zig


class Host(Spec, frozen=True, kw_only=True):
    """What this machine must have. ``machine``: None for a guest of name spaces. ``worker``: with a web node.
    ``servers``: kinds of servers for resource types.
    """

    machine: Machine | None
    worker: bool
    servers: list[str]


class System(Spec, frozen=True, kw_only=True):
    """The guest's system. ``kernel``: the packages that its kernel is in; ``packages``: all others.

    ``drivers``: kernel modules that its machine needs first.
    """

    kernel: Pinned
    packages: Pinned
    drivers: list[str]
    modules: list[str]


class Tree(Spec, frozen=True, kw_only=True):
    """The files of a guest of name spaces, which has no kernel of its own."""

    packages: Pinned


class Program(Spec, frozen=True, kw_only=True):
    """A program of the image for tasks: the name of its one source file, and what is in it."""

    name: str
    text: str


class Image(Spec, frozen=True, kw_only=True):
    """The layer that all entries of the image for tasks share. ``programs``: path in the image → its source."""

    packages: Pinned
    programs: dict[str, Program]
    go_env: dict[str, str]
    go_flags: list[str]
    zig: Zig
    date: int


class StandIns(Spec, frozen=True, kw_only=True):
    """The program of our own servers, for this machine."""

    go_flags: list[str]


class Boot(Spec, frozen=True, kw_only=True):
    """A boot of any kind. ``title``: of the release. ``root``: the folder inside the package. ``memory``: MiB.

    ``machine``: the one to emulate; None for a guest of name spaces. ``package``, ``system``: the steps that make them.
    """

    title: str
    root: str
    target: str
    machine: Machine | None
    memory: int
    package: str
    system: str


class ProgramsBoot(Boot, frozen=True, kw_only=True, tag="programs"):
    """Programs run one by one. ``paths``: of each artifact that they name, its path in the package."""

    programs: dict[str, BootProgram]
    paths: dict[str, str]


class WorkerBoot(Boot, frozen=True, kw_only=True, tag="worker"):
    """A worker that runs a pipeline. ``worker``, ``oci_runtime``: paths in the package. ``platform``: as ``arm/v7``.

    ``image``, ``web``, ``fly``, ``stand_ins``: the steps that make the image for tasks, and the host's own programs.
    The rows of a worker have an ``image``, those of types ``stand_ins``, ``servers`` and ``tries``.
    """

    scenario: Scenario
    worker: str
    oci_runtime: str = ""
    platform: str
    date: int
    web: str
    fly: str
    image: str
    stand_ins: str
    servers: dict[str, Server]
    tries: dict[str, Try]
