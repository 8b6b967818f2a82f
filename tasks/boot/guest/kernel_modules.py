"""Kernel modules of a Debian kernel: which ones are needed, and in which order they are loaded."""

from __future__ import annotations

import io
import lzma
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from crosscourse.errors import CrosscourseError


class ModuleError(CrosscourseError):
    """A kernel module that is needed and not there."""


def name_of(path: str) -> str:
    """A module's name by its file: ``kernel/fs/ext4/ext4.ko.xz`` → ``ext4``. Dashes count as underscores."""
    return PurePosixPath(path).name.partition(".ko")[0].replace("-", "_")


def dependencies(module: bytes) -> list[str]:
    """What a module needs, from its own ``.modinfo`` section (as modinfo(8) prints it).

    Raises ELFError for what is no ELF file.
    """
    from elftools.elf.elffile import ELFFile

    section = ELFFile(io.BytesIO(module)).get_section_by_name(".modinfo")
    rows = section.data().split(b"\0") if section is not None else []
    found = [row.decode().partition("=")[2] for row in rows if row.startswith(b"depends=")]
    return [name.replace("-", "_") for text in found for name in text.split(",") if name]


def unpacked(name: str, content: bytes) -> bytes:
    """A module as the kernel loads it; newer Debian kernels compress them."""
    return lzma.decompress(content) if name.endswith(".xz") else content


def load_order(wanted: Iterable[str], available: Mapping[str, bytes], builtin: Iterable[str]) -> list[str]:
    """``wanted`` and all that it needs, each after what it needs. ``available``: the modules by name.

    Names that are built into the kernel are left out. Raises ModuleError with all that the kernel lacks.
    """
    inside = {name.replace("-", "_") for name in builtin}
    order: list[str] = []
    missing: list[str] = []

    def visit(name: str) -> None:
        if name in order or name in inside:
            return
        if name not in available:
            missing.append(name)
            return
        for need in dependencies(available[name]):
            visit(need)
        order.append(name)

    for name in wanted:
        visit(name.replace("-", "_"))
    if missing:
        raise ModuleError(
            f"kernel modules {', '.join(dict.fromkeys(missing))}",
            "this kernel has none",
            "Check [boot] modules in the manifest, and those of the machine in toolchains/machines.toml.",
        )
    return order
