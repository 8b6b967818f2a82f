"""What decides a guest and a boot, as data, as plain tables."""

from __future__ import annotations

from crosscourse.engine.spec import Spec
from crosscourse.manifest.boot import BootProgram, Scenario
from crosscourse.manifest.locks import Pinned
from toolchains.targets import Machine, Zig


class Host(Spec, frozen=True, kw_only=True):
    """What this machine must have. ``worker``: also what a web node needs."""

    machine: Machine
    worker: bool


class System(Spec, frozen=True, kw_only=True):
    """The guest's system. ``kernel``: the packages that its kernel is in; ``packages``: all others.

    ``drivers``: kernel modules that its machine needs first.
    """

    kernel: Pinned
    packages: Pinned
    drivers: list[str]
    modules: list[str]


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


class Boot(Spec, frozen=True, kw_only=True):
    """A boot of any kind. ``title``: of the release. ``root``: the folder inside the package. ``memory``: MiB.

    ``package``, ``system``: the steps that make them.
    """

    title: str
    root: str
    target: str
    machine: Machine
    memory: int
    package: str
    system: str


class ProgramsBoot(Boot, frozen=True, kw_only=True, tag="programs"):
    """Programs run one by one. ``paths``: of each artifact that they name, its path in the package."""

    programs: dict[str, BootProgram]
    paths: dict[str, str]


class WorkerBoot(Boot, frozen=True, kw_only=True, tag="worker"):
    """A worker that runs a pipeline. ``worker``: its path in the package. ``platform``: such as ``arm/v7``.

    ``image``, ``web``, ``fly``: the steps that make the image for tasks, and the host's own programs.
    """

    scenario: Scenario
    worker: str
    platform: str
    date: int
    image: str
    web: str
    fly: str
