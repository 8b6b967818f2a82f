"""The guest's system: Debian's kernel, an initial file system, and a root disk, made of packages without root."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from crosscourse import files
from crosscourse.archive import Entry
from crosscourse.debian import apt, tree
from crosscourse.engine.step import Context
from crosscourse.errors import CrosscourseError
from crosscourse.manifest.boot import AnyBoot
from crosscourse.project import Project
from tasks.boot import paths
from tasks.boot.guest import disk
from tasks.boot.guest import kernel_modules as modules
from tasks.boot.paths import FILES
from toolchains.targets import Target

# In every guest: what the first processes are written in, and drivers for the disks and ports of any machine.
PACKAGES = ("busybox-static",)
_FIRST_MODULES = ("virtio_blk", "ext4", "crc32c_generic")
_MODULES = ("virtio_net", "virtio_console")
# What a kernel package needs in order to be installed, not to run.
_WITHOUT_KERNEL = ("initramfs-tools", "linux-initramfs-tool", "kmod", "linux-base")
# What packages need for their scripts, which are not run.
_WITHOUT = (
    "adduser",
    "debconf",
    "debconf-2.0",
    "dpkg",
    "init-system-helpers",
    "perl",
    "perl-base",
    "sensible-utils",
    "tar",
    "udev",
    "usr-is-merged",
    "usrmerge",
)
_FOLDERS = ("dev", "proc", "sys", "run", "tmp", "root", "work", "usr/local", "var/tmp", "etc")
_ROOM = 64 * disk.MIB


class KernelError(CrosscourseError):
    """A kernel package that is not as expected."""


def make(project: Project, target: Target, boot: AnyBoot, context: Context) -> None:
    """Make the guest's system. Raises DebianError, KernelError, ModuleError, CommandError."""
    parts = paths.system(project, target)
    kernel = _kernel(_packages(project, target, boot, context, (target.emulated.kernel,), _WITHOUT_KERNEL))
    wanted = (*PACKAGES, *boot.packages)
    found = tree.merge(_packages(project, target, boot, context, wanted, _WITHOUT))
    context.note("making the guest's disk")
    first = [*target.emulated.modules, *_FIRST_MODULES]
    order = modules.load_order(first, kernel.modules, kernel.builtin)
    disk.write_cpio(parts.initramfs, _initramfs(found, kernel, order))
    loaded = set(order)
    order = modules.load_order([*first, *_MODULES, *boot.modules], kernel.modules, kernel.builtin)
    order = [name for name in order if name not in loaded]
    folder = context.scratch / "root"
    folder.mkdir()
    disk.write_folder(folder, _root(found, kernel, order))
    size = disk.size_of(folder, room=_ROOM)
    disk.make_ext4(parts.root, size=size, label="root", context=context, folder=folder)
    with files.replacing(parts.kernel) as partial:
        partial.write_bytes(kernel.image)


def _packages(
    project: Project, target: Target, boot: AnyBoot, context: Context, names: tuple[str, ...], without: tuple[str, ...]
) -> list[Path]:
    wanted = apt.Wanted(suite=boot.suite, architecture=target.debian, packages=names, without=without)
    return apt.fetch(wanted, cache=project.cache, mirror=project.settings.debian, context=context)


@dataclass(frozen=True, kw_only=True)
class _Kernel:
    image: bytes
    modules: dict[str, bytes]
    builtin: list[str]


def _kernel(packages: list[Path]) -> _Kernel:
    """The kernel's image and modules; there is one kernel among the packages."""
    found = tree.merge(packages)
    images = [name for name in found if name.startswith("boot/vmlinuz-")]
    if len(images) != 1:
        raise KernelError("kernel package", f"has {len(images)} kernels", "Check `kernel` in toolchains/targets.toml.")
    image = _bytes(found[images[0]])
    contents = {name: entry for name, entry in found.items() if ".ko" in Path(name).name and entry.source is not None}
    builtin = [_bytes(entry) for name, entry in found.items() if name.endswith("/modules.builtin")]
    return _Kernel(
        image=image,
        modules={modules.name_of(name): modules.unpacked(name, _bytes(entry)) for name, entry in contents.items()},
        builtin=[modules.name_of(line) for text in builtin for line in text.decode().split()],
    )


def _bytes(entry: Entry) -> bytes:
    assert isinstance(entry.source, bytes)
    return entry.source


def _initramfs(found: tree.Tree, kernel: _Kernel, order: list[str]) -> Iterator[Entry]:
    yield Entry(name="init", source=FILES / "initramfs-init", mode=0o755)
    yield Entry(name="bin/busybox", source=found["usr/bin/busybox"].source, mode=0o755)
    for name in ("proc", "sys", "dev", "root"):
        yield Entry(name=name, mode=0o755)
    yield from _module_entries("modules", kernel, order)


def _root(found: tree.Tree, kernel: _Kernel, order: list[str]) -> Iterator[Entry]:
    for name in _FOLDERS:
        yield Entry(name=name, mode=0o755)
    if "usr/bin/sh" not in found:
        yield Entry(name="usr/bin/sh", link="busybox")
        yield Entry(name="bin", link="usr/bin")
    yield from found.values()
    yield Entry(name="usr/lib/crosscourse/init", source=FILES / "guest-init", mode=0o755)
    yield from _module_entries("usr/lib/crosscourse/modules", kernel, order)


def _module_entries(folder: str, kernel: _Kernel, order: list[str]) -> Iterator[Entry]:
    for name in order:
        yield Entry(name=f"{folder}/{name}.ko", source=kernel.modules[name])
    yield Entry(name=f"{folder}/order", source="".join(f"{name}.ko\n" for name in order).encode())
