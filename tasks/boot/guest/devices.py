"""How an emulated machine has its disks, its network and the line to its agent, in the words of qemu(1).

*virtio*: as many disks as are wanted, and ports of virtio-serial (https://wiki.libvirt.org/Virtio-serial.html): the
line needs no network, in the guest or on the host. *board*: what is on a board like a Raspberry Pi, and on its USB: one
SD card, whose partitions are the disks, and a network, by which the line comes, too: a connection to an address of
qemu's user-mode network is one to the socket on the host (``guestfwd``), and no port is opened there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from toolchains.machines import Machine

# The address, in the guest's network, at whose ports 1 and 2 the agent's line and the log are.
LINE = "10.0.2.100"
# How the kernel calls the partitions of the SD card.
_CARD = "/dev/mmcblk0p"


@dataclass(frozen=True, kw_only=True)
class Disk:
    """A disk of the guest; ``name`` is its serial number there.

    ``shared``: the image is of use to others: what the guest writes goes elsewhere, and is not kept. ``parts``: names
    of the disks that are partitions of this one, in their order.
    """

    name: str
    image: Path
    shared: bool = True
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Words:
    """What a machine is told of its devices: ``options`` of qemu, ``arguments`` of the kernel."""

    options: list[str | Path]
    arguments: list[str]


def words(machine: Machine, disks: Sequence[Disk], *, line: str, log: str, opened: str = "") -> Words:
    """What a machine is told. ``line``: the agent's socket; ``log``: a file; ``opened``: more of the network."""
    options: list[str | Path] = ["-chardev", f"socket,id=agent,path={line},server=on,wait=off"]
    options += ["-chardev", f"file,id=log,path={log}"]
    found = _KINDS[machine.devices](disks, opened)
    return Words(options=[*options, *found.options], arguments=found.arguments)


def is_one_card(machine: Machine) -> bool:
    """Whether the machine has one disk only."""
    return machine.devices == "board"


def _drive(disk: Disk, kind: str) -> str:
    # A comma in a path is doubled, as qemu's options want it.
    snapshot = ",snapshot=on" if disk.shared else ""
    image = str(disk.image).replace(",", ",,")
    return f"{kind},file={image},format=raw,cache=unsafe{snapshot}"


def _virtio(bus: str) -> Callable[[Sequence[Disk], str], Words]:
    def found(disks: Sequence[Disk], opened: str) -> Words:
        options: list[str | Path] = []
        for disk in disks:
            options += ["-drive", _drive(disk, f"if=none,id={disk.name}")]
            options += ["-device", f"virtio-blk-{bus},drive={disk.name},serial={disk.name}"]
        options += ["-netdev", f"user,id=net{opened}", "-device", f"virtio-net-{bus},netdev=net"]
        options += ["-device", f"virtio-serial-{bus}"]
        for port in ("agent", "log"):
            options += ["-device", f"virtserialport,chardev={port},name={port}"]
        return Words(options=options, arguments=[])

    return found


def _board(disks: Sequence[Disk], opened: str) -> Words:
    (card,) = disks
    lines = "".join(f",guestfwd=tcp:{LINE}:{port}-chardev:{name}" for port, name in ((1, "agent"), (2, "log")))
    options: list[str | Path] = ["-drive", _drive(card, "if=sd")]
    options += ["-netdev", f"user,id=net{opened}{lines}", "-device", "usb-net,netdev=net"]
    arguments = [f"crosscourse.{name}={_CARD}{number}" for number, name in enumerate(card.parts, 1)]
    return Words(options=options, arguments=[*arguments, f"crosscourse.line={LINE}"])


_KINDS = {"virtio-device": _virtio("device"), "virtio-pci": _virtio("pci"), "board": _board}
