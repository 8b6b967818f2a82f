"""What the rows of one boot share: the guest, once it runs, with the distribution on a disk of its own."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from crosscourse.formats.folder import unpack
from tasks.boot import report, specs
from tasks.boot.guest import bundle, devices, disk, machine, native, native_needs
from tasks.boot.host.browser import Browser
from tasks.boot.host.ports import free_port

if TYPE_CHECKING:
    from crosscourse.engine.places import Places
    from toolchains.machines import Machine

# Seconds. A machine that is emulated on slow hardware may take several times what is usual.
START_LIMIT = 900
# Where the guest mounts the distribution.
TOP = "/usr/local"
_ROOM = 16 * disk.MIB
_WORK = 16 << 30
# Of the root disk of a guest in which things are installed; it takes no more than what is written.
_SYSTEM = 12 << 30
# Where the guest finds packages, below TOP: those of the release, the same in a higher version, and Debian's.
FIRST, NEWER, DEBIAN = "first", "newer", "debian"


@dataclass(kw_only=True)
class Session:
    """What the rows of one boot share. ``folder``: for sockets and servers. ``logs``: what is kept. ``forward``: the
    guest's port that a browser comes to, if one does; ``browser``: that, once it was asked for.
    """

    spec: specs.Boot
    at: Places
    folder: Path
    logs: Path
    stack: ExitStack = field(default_factory=ExitStack)
    started: machine.Guest | None = None
    forward: machine.Forward | None = None
    browser: Browser | None = None

    @property
    def guest(self) -> machine.Guest:
        """The running guest; RowError before it runs."""
        if self.started is None:
            raise report.RowError("the guest", "is not running")
        return self.started

    @property
    def top(self) -> str:
        """The distribution's folder in the guest."""
        return self.spec.delivery.prefix if self.spec.delivery else f"{TOP}/{self.spec.root}"


def start(session: Session) -> report.Seen:
    """Start the guest with the distribution; its kernel's version is the remark."""
    session.at.status("making the disks")
    # All pages of a boot are served at one port.
    for port in {browse.port for browse in session.spec.browse.values()}:
        session.forward = machine.Forward(host=free_port(), guest=port)
    if session.spec.machine is None:
        session.started = session.stack.enter_context(_in_name_spaces(session))
        remark = _adapted(session)
    else:
        session.started = session.stack.enter_context(_emulated(session, session.spec.machine))
        remark = ""
    return report.Seen(remark=session.guest.run("uname -sr").text.strip() + remark)


def _emulated(session: Session, emulated: Machine) -> AbstractContextManager[machine.Guest]:
    spec, at = session.spec, session.at
    root = devices.Disk(name="root", image=at.need(spec.system, specs.ROOT))
    if spec.delivery:
        root = devices.Disk(name="root", image=_with_room(root.image, at), shared=False)
    disks = [root, devices.Disk(name="distribution", image=distribution_disk(session))]
    cgroup = 2
    if isinstance(spec, specs.WorkerBoot):
        cgroup = spec.scenario.cgroup
    if isinstance(spec, specs.WorkerBoot) and not spec.delivery:
        work = at.scratch / "work.ext4"
        disk.make_ext4(work, size=_WORK, label="work", at=at)
        disks.append(devices.Disk(name="work", image=work, shared=False))
    if devices.is_one_card(emulated):
        card = disk.write_card(at.scratch / "card.img", [one.image for one in disks])
        disks = [devices.Disk(name="card", image=card, shared=False, parts=tuple(one.name for one in disks))]
    at.status("starting the machine")
    return machine.running(
        emulated,
        machine.System(
            kernel=at.need(spec.system, specs.VMLINUZ),
            initramfs=at.need(spec.system, specs.INITRAMFS),
            dtb=at.need(spec.system, specs.DTB) if emulated.dtb else None,
        ),
        disks,
        memory=spec.memory,
        arguments=f"crosscourse.cgroup={cgroup}",
        folder=session.folder,
        logs=session.logs,
        seconds=START_LIMIT,
        forward=session.forward,
    )


def _in_name_spaces(session: Session) -> AbstractContextManager[machine.Guest]:
    spec, at = session.spec, session.at
    tree, distribution, work = (at.scratch / name for name in ("root", "distribution", "work"))
    unpack(at.need(spec.system), tree)
    _put(session, distribution)
    work.mkdir()
    at.status("starting the guest")
    return native.running(
        tree,
        distribution,
        work,
        memory=spec.memory,
        folder=session.folder,
        logs=session.logs,
        seconds=START_LIMIT,
        forward=session.forward,
    )


def _adapted(session: Session) -> str:
    """Let containers run without what this machine's root lacks. Returns what the report says of it."""
    spec = session.spec
    if native_needs.look().whole or not isinstance(spec, specs.WorkerBoot) or not spec.oci_runtime:
        return ""
    place = f"{session.top}/{spec.oci_runtime}"
    if spec.delivery:
        native.divert_runtime(session.guest, place)
    elif spec.scenario.rows != "image":  # that one's runtime is in a container, which is not there yet
        native.stand_before_runtime(session.guest, place)
    return "; containers get no CAP_SYS_RESOURCE, as this machine's root has none"


def distribution_disk(session: Session) -> Path:
    """A disk with the distribution, unpacked as a user would, or with repositories of its packages."""
    at = session.at
    folder = at.scratch / "distribution"
    _put(session, folder)
    image = at.scratch / "distribution.ext4"
    disk.make_ext4(image, size=disk.size_of(folder, room=_ROOM), label="distribution", at=at, folder=folder)
    return image


def _put(session: Session, folder: Path) -> None:
    """What the guest has at TOP: the distribution, or an image that it is in, or repositories of its packages."""
    spec, at = session.spec, session.at
    if not spec.delivery:
        is_image = isinstance(spec, specs.WorkerBoot) and spec.scenario.rows == "image"
        (bundle.unpack_image if is_image else unpack)(at.need(spec.package), folder)
        return
    from crosscourse.debian import pool, repository

    for name, steps in ((FIRST, spec.delivery.packages), (NEWER, spec.delivery.newer)):
        if steps:
            repository.write(folder / name, [at.need(step) for step in steps], origin=spec.title, epoch=0)
    if spec.delivery.debian:
        repository.write(folder / DEBIAN, pool.fetch_pinned(spec.delivery.debian, at), origin="Debian", epoch=0)


def _with_room(image: Path, at: Places) -> Path:
    """A copy of a disk with room for what is installed."""
    copy = at.scratch / "root.ext4"
    at.run(["cp", "--sparse=always", image, copy], env=disk.environment())
    os.truncate(copy, _SYSTEM)
    at.run(["resize2fs", "-f", copy], env=disk.environment())
    return copy
