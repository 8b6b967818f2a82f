"""Machines that qemu emulates, by target: what each has, and the Debian kernel that runs on it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

from crosscourse.errors import CrosscourseError, UnknownNameError
from toolchains.targets import Strict

FILE = Path(__file__).with_name("machines.toml")

Devices = Literal["virtio-device", "virtio-pci", "board"]


class MachineError(CrosscourseError):
    """A target that no machine is described for."""


class Machine(Strict, frozen=True, kw_only=True):
    """A whole machine of a target, emulated, and the Debian kernel that runs on it.

    ``title``: for people. ``emulator``: a program of qemu. ``type``, ``cpu``: its ``-machine`` and ``-cpu``;
    ``options``: more of its command line. ``processors``, ``memory`` (MiB): those that a board has; None where any
    number will do. ``console``: the kernel's device; ``arguments``: more of the kernel's command line. ``clock``:
    whether it knows the time when it starts. ``kernel``: a package of Debian; ``dtb``: the file in it that describes
    the board. ``devices``: how it has its disks, its network and the line to the host (see
    tasks/boot/guest/devices.py). ``disk_modules``: drivers of disks, for the initial file system; ``modules``: those of
    all else.
    """

    name: str = ""
    title: str
    emulator: str
    type: str
    cpu: str
    options: tuple[str, ...] = ()
    processors: int | None = None
    memory: int | None = None
    console: str
    arguments: str = ""
    clock: bool = True
    kernel: str
    dtb: str | None = None
    devices: Devices
    disk_modules: list[str]
    modules: list[str]


@cache
def load_machines(path: Path = FILE) -> dict[str, dict[str, Machine]]:
    """All machines by target and name, in the order of the file."""
    import msgspec.structs
    import msgspec.toml

    tables = msgspec.toml.decode(path.read_bytes(), type=dict[str, dict[str, Machine]])
    return {
        target: {name: msgspec.structs.replace(machine, name=name) for name, machine in machines.items()}
        for target, machines in tables.items()
    }


def machines_of(target: str) -> dict[str, Machine]:
    """The machines of a target, by name; empty where none is described."""
    return load_machines().get(target, {})


def machine_of(target: str, name: str | None = None) -> Machine:
    """The machine of that name; without one the target's first. Raises MachineError, UnknownNameError."""
    found = machines_of(target)
    if not found:
        raise MachineError(
            f"target '{target}'", "has no machine that could be emulated", f"Add one to toolchains/{FILE.name}."
        )
    if name is None:
        return next(iter(found.values()))
    if name not in found:
        raise UnknownNameError(f"machine of the target {target}", name, found)
    return found[name]


def check_name(name: str) -> None:
    """Raise UnknownNameError unless some target has a machine of that name."""
    known = list(dict.fromkeys(name for machines in load_machines().values() for name in machines))
    if name not in known:
        raise UnknownNameError("machine", name, known)
