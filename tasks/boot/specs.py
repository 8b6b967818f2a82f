"""What decides a guest and a boot, as data, as plain tables."""

from __future__ import annotations

import msgspec

from crosscourse.engine.spec import Spec
from crosscourse.manifest.boot import BootProgram, Registry, Scenario, Server, Try
from crosscourse.manifest.browse import Browse
from crosscourse.manifest.installed import Installed
from crosscourse.manifest.locks import Pinned
from toolchains.machines import Machine
from toolchains.targets import Zig

# Where the files of an image are, below what the guest has of the host.
IMAGE_ROOT = "image"
# What a guest's system is made of, for an emulated machine; the last one only for a board.
VMLINUZ, INITRAMFS, ROOT, DTB = "vmlinuz", "initramfs.cpio", "root.ext4", "board.dtb"


class Host(Spec, frozen=True, kw_only=True):
    """What this machine must have. ``machine``: None for a guest of name spaces. ``worker``: with a web node.
    ``servers``: kinds of servers for resource types.
    """

    machine: Machine | None
    worker: bool
    servers: list[str]


class System(Spec, frozen=True, kw_only=True):
    """The guest's system. ``kernel``: the packages that its kernel is in; ``packages``: all others.

    ``managed``: Debian's own init and apt are in charge, as in what people have; else the first process is ours.
    ``dtb``: what describes the board, a file of the kernel's packages. ``disk_modules``: kernel modules without which
    there is no root disk; ``modules``: further ones.
    """

    kernel: Pinned
    packages: Pinned
    managed: bool
    dtb: str | None = None
    disk_modules: list[str]
    modules: list[str]


class Tree(Spec, frozen=True, kw_only=True):
    """The files of a guest of name spaces, which has no kernel of its own. ``managed``: as above."""

    packages: Pinned
    managed: bool


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


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """What is installed by apt. ``prefix``: where the distribution is then. ``packages``: steps of what is installed,
    what it needs included; ``newer``: steps of the same with a higher version. ``debian``: packages of Debian that are
    to be had beside them. ``foreign``: the architecture that they are for, where the guest's Debian is of another one.
    """

    installed: Installed
    prefix: str
    packages: tuple[str, ...]
    newer: tuple[str, ...] = ()
    debian: Pinned | None = None
    foreign: str = ""


class Boot(Spec, frozen=True, kw_only=True):
    """A boot of any kind. ``title``: of the release. ``root``: the folder inside the package. ``memory``: MiB.

    ``machine``: the one to emulate; None for a guest of name spaces. ``package``, ``system``: the steps that make them.
    ``delivery``: in place of ``package``, which is empty then. ``browse``: what is done at a browser, by name;
    ``browser``: the steps that install what it needs.
    """

    title: str
    root: str
    target: str
    machine: Machine | None
    memory: int
    package: str
    system: str
    delivery: Delivery | None = None
    browse: dict[str, Browse] = msgspec.field(default_factory=dict)
    browser: tuple[str, ...] = ()


class UnitBoot(Boot, frozen=True, kw_only=True, tag="unit"):
    """A package that is installed, and whose unit runs once."""


class ProgramsBoot(Boot, frozen=True, kw_only=True, tag="programs"):
    """Programs run one by one. ``paths``: of each artifact that they name, its path in the package."""

    programs: dict[str, BootProgram]
    paths: dict[str, str]


class WorkerBoot(Boot, frozen=True, kw_only=True, tag="worker"):
    """A worker that runs a pipeline. ``worker``, ``oci_runtime``: paths in the package. ``platform``: as ``arm/v7``.

    ``image``, ``web``, ``fly``, ``stand_ins``: the steps that make the image for tasks, and the host's own programs.
    ``builder``: the step that makes the image whose task builds images, where that is tried.
    The rows of a worker have an ``image``, those of types ``stand_ins``, ``servers`` and ``tries``. Where all is on one
    machine there is nothing of the host's, and one of ``tries``.
    """

    scenario: Scenario
    registry: Registry = Registry()
    worker: str
    oci_runtime: str = ""
    platform: str
    date: int
    web: str = ""
    fly: str = ""
    image: str = ""
    builder: str = ""
    stand_ins: str = ""
    servers: dict[str, Server]
    tries: dict[str, Try]
