"""What a guest of name spaces needs of this machine, looked for before anything is begun."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from crosscourse.errors import CrosscourseError
from tasks.boot.guest import native
from tasks.boot.host import prerequisites
from tasks.boot.host.prerequisites import Need

_UNSHARE = Need(names=("unshare",), debian="util-linux", fedora="util-linux")
_NETWORK = Need(names=("slirp4netns",), debian="slirp4netns", fedora="slirp4netns")
_SPACES = ("mnt", "pid", "net", "ipc", "uts", "cgroup")
_FILE_SYSTEMS = ("proc", "sysfs", "tmpfs", "devpts", "cgroup2", "overlay")
_TUN = Path("/dev/net/tun")
# capabilities(7), by their numbers in linux/capability.h: to mount, to make devices, networks, and to enter folders.
_CAPABILITIES = {1: "CAP_DAC_OVERRIDE", 12: "CAP_NET_ADMIN", 21: "CAP_SYS_ADMIN", 27: "CAP_MKNOD"}
_RESOURCE = 24  # CAP_SYS_RESOURCE, which roots of some sandboxes lack
# What containers and their networks need of a kernel, by the names in its own configuration.
_OPTIONS = (
    "BRIDGE",
    "CGROUP_BPF",
    "NETFILTER_XT_MATCH_COMMENT",
    "NETFILTER_XT_MATCH_CONNTRACK",
    "NETFILTER_XT_TARGET_MASQUERADE",
    "NFT_COMPAT",
    "NF_NAT",
    "NF_TABLES",
    "OVERLAY_FS",
    "SECCOMP_FILTER",
    "USER_NS",
    "VETH",
)
# Where a kernel's configuration may lie; some have none.
_CONFIGURATIONS = ("/proc/config.gz", "/boot/config-{release}", "/lib/modules/{release}/config")


class NativeError(CrosscourseError):
    """A machine that can be no native guest's."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of this machine. ``user``: the effective one. ``capabilities``: as bits.

    ``spaces``: kinds of name spaces. ``groups``: what is wrong with its control groups, if anything is. ``tun``:
    whether network devices can be made for a program. ``options``: that the kernel is known to lack, of those that a
    worker needs.
    """

    user: int
    capabilities: int
    spaces: frozenset[str]
    file_systems: frozenset[str]
    groups: str | None
    tun: bool
    options: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether a container may have all that it asks for."""
        return bool(self.capabilities >> _RESOURCE & 1)


def look(*, worker: bool = False) -> Facts:
    """The facts of this machine. ``worker``: whether containers are to run in the guest."""
    status = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line)
    return Facts(
        user=os.geteuid(),
        capabilities=int(status["CapEff"], 16),
        spaces=frozenset(entry.name for entry in Path("/proc/self/ns").iterdir()),
        file_systems=frozenset(line.split()[-1] for line in Path("/proc/filesystems").read_text().splitlines()),
        groups=_groups(),
        tun=_TUN.exists() and stat.S_ISCHR(_TUN.stat().st_mode),
        options=unset(_configuration()) if worker else (),
    )


def _groups() -> str | None:
    top = native.mounted_at()
    if top is None:
        return "control groups of version 2 (they are not mounted)"
    if os.statvfs(top).f_flag & os.ST_RDONLY:
        return f"control groups that it may write to ({top} is read only)"
    return None


def _configuration() -> str:
    """The kernel's configuration; empty where it is not to be found."""
    for pattern in _CONFIGURATIONS:
        path = Path(pattern.format(release=os.uname().release))
        with contextlib.suppress(OSError):
            content = path.read_bytes()
            if path.suffix == ".gz":
                import gzip

                content = gzip.decompress(content)
            return content.decode(errors="replace")
    return ""


def unset(configuration: str) -> tuple[str, ...]:
    """Of the options that a worker needs those that a kernel's configuration has neither built in nor as a module."""
    if not configuration:
        return ()
    found = set(re.findall(r"^CONFIG_(\w+)=[ym]$", configuration, re.MULTILINE))
    return tuple(name for name in _OPTIONS if name not in found)


def lacking(facts: Facts) -> list[str]:
    """What the machine lacks, in words; empty if it has all."""
    if facts.user != 0:
        return [f"root's rights (this is user {facts.user})"]
    found = [name for bit, name in _CAPABILITIES.items() if not facts.capabilities >> bit & 1]
    found += [f"name spaces of kind {name}" for name in _SPACES if name not in facts.spaces]
    found += [f"the file system {name}" for name in _FILE_SYSTEMS if name not in facts.file_systems]
    found += [facts.groups] if facts.groups else []
    found += [] if facts.tun else [f"{_TUN}"]
    found += [f"CONFIG_{name} of its kernel" for name in facts.options]
    return found


def require(facts: Facts) -> None:
    """Raise NativeError unless the machine has everything."""
    missing = lacking(facts)
    if missing:
        raise NativeError(
            "a native guest",
            f"this machine lacks {', '.join(missing)}",
            "Depending on what it is: be root, load the kernel module (modprobe), give the container more rights"
            " (--privileged). Or leave out machine=native: an emulated machine needs none of this.",
        )


def needs(*, worker: bool) -> Sequence[Need]:
    """The programs that it needs; ``worker``: with a web node, its database and a registry."""
    return [_UNSHARE, _NETWORK, *(prerequisites.servers() if worker else [])]
