"""What a boot needs of the host, looked for before anything is begun: all that is missing is named at once."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from crosscourse.errors import CrosscourseError
from toolchains.machines import Machine


@dataclass(frozen=True, kw_only=True)
class Need:
    """A program (any one of ``names``), and the packages that bring it."""

    names: tuple[str, ...]
    debian: str
    fedora: str

    @property
    def title(self) -> str:
        """How it is called in messages."""
        return " or ".join(self.names)


class MissingError(CrosscourseError):
    """Programs that the host lacks."""

    def __init__(self, missing: Sequence[Need]) -> None:
        super().__init__(
            "boot",
            "this machine lacks " + ", ".join(need.title for need in missing),
            "Install what is missing:\n"
            f"- Debian, Ubuntu: sudo apt-get install --no-install-recommends {_join(need.debian for need in missing)}\n"
            f"- Fedora: sudo dnf install {_join(need.fedora for need in missing)}",
        )


def _join(names: Iterable[str]) -> str:
    return " ".join(dict.fromkeys(names))


# Where e2fsprogs are on machines that keep them out of a user's PATH.
SYSTEM = ("/usr/sbin", "/sbin", "/usr/local/sbin")
# Debian keeps each version's programs apart.
_FOLDERS = ("/usr/lib/postgresql/*/bin", *SYSTEM)
_FILE_SYSTEMS = Need(names=("mke2fs",), debian="e2fsprogs", fedora="e2fsprogs")
_DEBUGFS = Need(names=("debugfs",), debian="e2fsprogs", fedora="e2fsprogs")
INITDB = Need(names=("initdb",), debian="postgresql", fedora="postgresql-server")
POSTGRES = Need(names=("postgres",), debian="postgresql", fedora="postgresql-server")
REGISTRY = Need(names=("docker-registry", "registry"), debian="docker-registry", fedora="docker-distribution")
MERCURIAL = Need(names=("hg",), debian="mercurial", fedora="mercurial")
GIT = Need(names=("git",), debian="git", fedora="git")
# By the kind of server: what it calls.
_SERVERS = {"git": GIT, "hg": MERCURIAL}
# By qemu's name of the machine; others are called as Debian calls most of them.
_EMULATORS = {
    "qemu-system-arm": ("qemu-system-arm", "qemu-system-arm-core"),
    "qemu-system-aarch64": ("qemu-system-arm", "qemu-system-aarch64-core"),
    "qemu-system-x86_64": ("qemu-system-x86", "qemu-system-x86-core"),
    "qemu-system-riscv64": ("qemu-system-misc", "qemu-system-riscv-core"),
}


def needs(machine: Machine, *, worker: bool) -> list[Need]:
    """What a boot of ``machine`` needs; ``worker``: with a web node, its database and a registry."""
    debian, fedora = _EMULATORS.get(machine.emulator, (machine.emulator, machine.emulator))
    emulator = Need(names=(machine.emulator,), debian=debian, fedora=fedora)
    return [emulator, *(servers() if worker else []), _FILE_SYSTEMS, _DEBUGFS]


def servers() -> list[Need]:
    """What the host's side of a worker's boot needs."""
    return [INITDB, POSTGRES, REGISTRY]


def of_servers(kinds: Iterable[str]) -> list[Need]:
    """What servers for resource types need, by their kinds."""
    return [_SERVERS[kind] for kind in kinds if kind in _SERVERS]


def find(need: Need) -> Path | None:
    """Where it is; None if it is not there."""
    for name in need.names:
        found = shutil.which(name) or _elsewhere(name)
        if found:
            return Path(found)
    return None


def _elsewhere(name: str) -> str | None:
    for pattern in _FOLDERS:
        # The newest version first.
        for folder in sorted(Path("/").glob(pattern.lstrip("/")), key=_version, reverse=True):
            if os.access(folder / name, os.X_OK):
                return str(folder / name)
    return None


def _version(folder: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", str(folder))]


def missing(wanted: Sequence[Need]) -> list[Need]:
    """What of ``wanted`` is not there."""
    return [need for need in wanted if find(need) is None]


def require(wanted: Sequence[Need]) -> None:
    """Raise MissingError, with all that is missing, unless everything is there."""
    lacking = missing(wanted)
    if lacking:
        raise MissingError(lacking)


def path_of(need: Need) -> Path:
    """Where it is. Raises MissingError."""
    found = find(need)
    if found is None:
        raise MissingError([need])
    return found
