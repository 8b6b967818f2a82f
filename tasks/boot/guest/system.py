"""The guest's system: Debian's kernel, an initial file system, and a root disk, made of packages without root."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from crosscourse import archive
from crosscourse.archive import Entry
from crosscourse.debian import pool, tree
from crosscourse.errors import CrosscourseError
from crosscourse.formats.folder import write_folder
from tasks.boot import specs
from tasks.boot.guest import disk, kernel_modules
from tasks.boot.guest.managed import managed

if TYPE_CHECKING:
    from crosscourse.engine.places import Places

FILES = Path(__file__).resolve().parent.parent / "files"
# What goes into the guest beside packages: part of this code.
CODE_FILES = (
    "../files/initramfs-init",
    "../files/guest-init",
    "../files/guest-common",
    "../files/native-enter",
    "../files/native-init",
    "../files/native-runtime",
)

# In every guest: the file system of its disks.
_FIRST_MODULES = ("ext4", "crc32c_generic")
_FOLDERS = ("dev", "proc", "sys", "run", "tmp", "root", "work", "mnt", "usr/local", "var/tmp", "etc")
_LIBRARY = "usr/lib/crosscourse"
# Debian calls a kernel that is not compressed, as that for RISC-V is, by the second name.
_IMAGES = ("boot/vmlinuz-", "boot/vmlinux-")
_ROOM = 64 * disk.MIB
_REMEDY = "Check `kernel` and `dtb` in toolchains/machines.toml."


class KernelError(CrosscourseError):
    """A kernel package that is not as expected."""


def make(spec: specs.System, at: Places) -> None:
    """Make the guest's system. Raises DebianError, KernelError, ModuleError, CommandError."""
    kernel = _kernel(pool.fetch_pinned(spec.kernel, at), spec.dtb)
    found = tree.merge(pool.fetch_pinned(spec.packages, at))
    at.status("making the guest's disk")
    first = [*spec.disk_modules, *_FIRST_MODULES]
    order = kernel_modules.load_order(first, kernel.modules, kernel.builtin)
    disk.write_cpio(at.output(specs.INITRAMFS), _initramfs(found, kernel, order))
    loaded = set(order)
    order = kernel_modules.load_order([*first, *spec.modules], kernel.modules, kernel.builtin)
    order = [name for name in order if name not in loaded]
    folder = at.scratch / "root"
    folder.mkdir()
    found = managed(found) if spec.managed else found
    entries = _root(found, kernel, order)
    write_folder(folder, tree.settled({entry.name: entry for entry in entries}).values())
    size = disk.size_of(folder, room=_ROOM)
    disk.make_ext4(at.output(specs.ROOT), size=size, label="root", at=at, folder=folder)
    at.output(specs.VMLINUZ).write_bytes(kernel.image)
    if kernel.dtb is not None:
        at.output(specs.DTB).write_bytes(kernel.dtb)


def make_tree(spec: specs.Tree, at: Places) -> None:
    """Make the files of a guest of name spaces. Raises DebianError, KernelError."""
    found = tree.merge(pool.fetch_pinned(spec.packages, at))
    at.status("packing the guest's files")
    _busybox(found)
    found = managed(found) if spec.managed else found
    entries = [
        *_base(found),
        Entry(name=f"{_LIBRARY}/enter", source=FILES / "native-enter", mode=0o755),
        Entry(name=f"{_LIBRARY}/init", source=FILES / "native-init", mode=0o755),
        Entry(name=f"{_LIBRARY}/runtime", source=FILES / "native-runtime", mode=0o755),
    ]
    settled = tree.settled({entry.name: entry for entry in entries})
    archive.write_tgz(at.output(), settled.values(), epoch=0)


@dataclass(frozen=True, kw_only=True)
class _Kernel:
    image: bytes
    dtb: bytes | None
    modules: dict[str, bytes]
    builtin: list[str]


def _kernel(packages: list[Path], dtb: str | None) -> _Kernel:
    """The kernel's image, modules, and what describes the board ``dtb``; there is one kernel among the packages."""
    found = tree.merge(packages)
    images = [name for name in found if name.startswith(_IMAGES)]
    if len(images) != 1:
        raise KernelError("kernel package", f"has {len(images)} kernels", _REMEDY)
    boards = [name for name in found if dtb and name.startswith("usr/lib/linux-image-") and Path(name).name == dtb]
    if dtb and len(boards) != 1:
        raise KernelError("kernel package", f"has {len(boards)} files {dtb}", _REMEDY)
    image = _bytes(found[images[0]])
    contents = {name: entry for name, entry in found.items() if ".ko" in Path(name).name and entry.source is not None}
    builtin = [_bytes(entry) for name, entry in found.items() if name.endswith("/modules.builtin")]
    return _Kernel(
        image=image,
        dtb=_bytes(found[boards[0]]) if boards else None,
        modules={
            kernel_modules.name_of(name): kernel_modules.unpacked(name, _bytes(entry))
            for name, entry in contents.items()
        },
        builtin=[kernel_modules.name_of(line) for text in builtin for line in text.decode().split()],
    )


def _bytes(entry: Entry) -> bytes:
    assert isinstance(entry.source, bytes)
    return entry.source


def _initramfs(found: tree.Tree, kernel: _Kernel, order: list[str]) -> Iterator[Entry]:
    yield Entry(name="init", source=FILES / "initramfs-init", mode=0o755)
    yield Entry(name="bin/busybox", source=_busybox(found).source, mode=0o755)
    for name in ("proc", "sys", "dev", "root"):
        yield Entry(name=name, mode=0o755)
    yield from _module_entries("modules", kernel, order)


def _busybox(found: tree.Tree) -> Entry:
    busybox = found.get("usr/bin/busybox")
    if busybox is None:
        raise KernelError("busybox-static", "has no usr/bin/busybox", "Choose another `suite` in [boot].")
    return busybox


def _root(found: tree.Tree, kernel: _Kernel, order: list[str]) -> Iterator[Entry]:
    yield from _base(found)
    yield Entry(name=f"{_LIBRARY}/init", source=FILES / "guest-init", mode=0o755)
    yield from _module_entries(f"{_LIBRARY}/modules", kernel, order)


def _base(found: tree.Tree) -> Iterator[Entry]:
    """What every guest has."""
    for name in _FOLDERS:
        yield Entry(name=name, mode=0o755)
    if "usr/bin/sh" not in found:
        yield Entry(name="usr/bin/sh", link="busybox")
        yield Entry(name="bin", link="usr/bin")
    yield from found.values()
    yield Entry(name=f"{_LIBRARY}/common", source=FILES / "guest-common")


def _module_entries(folder: str, kernel: _Kernel, order: list[str]) -> Iterator[Entry]:
    for name in order:
        yield Entry(name=f"{folder}/{name}.ko", source=kernel.modules[name])
    yield Entry(name=f"{folder}/order", source="".join(f"{name}.ko\n" for name in order).encode())
