"""A container of an image in the guest, as `docker run --privileged` makes one, by the image's own OCI runtime.

Of what docker does it has no network of the container's own: the worker's port is the guest's.
Formats: https://github.com/opencontainers/runtime-spec/blob/main/config.md, and config-linux.md beside it.
"""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from crosscourse.formats import oci, oci_reading
from crosscourse.formats.folder import Tree
from tasks.boot.specs import IMAGE_ROOT

# Where the container is, in the guest.
BUNDLE = "/work/container"
# Of capabilities(7) all, as a privileged container has them; which a native guest's root may lack.
RESOURCE = "CAP_SYS_RESOURCE"
CAPABILITIES = (
    "CAP_AUDIT_CONTROL", "CAP_AUDIT_READ", "CAP_AUDIT_WRITE", "CAP_BLOCK_SUSPEND", "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID",
    "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_KILL", "CAP_LEASE", "CAP_LINUX_IMMUTABLE", "CAP_MAC_ADMIN",
    "CAP_MAC_OVERRIDE", "CAP_MKNOD", "CAP_NET_ADMIN", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_RAW",
    "CAP_PERFMON", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYSLOG", "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT", "CAP_SYS_CHROOT", "CAP_SYS_MODULE", "CAP_SYS_NICE", "CAP_SYS_PACCT", "CAP_SYS_PTRACE",
    "CAP_SYS_RAWIO", "CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_WAKE_ALARM",
)  # fmt: skip
_MOUNTS = (
    ("/proc", "proc", "proc", ("nosuid", "noexec", "nodev")),
    ("/dev", "tmpfs", "tmpfs", ("nosuid", "strictatime", "mode=755", "size=65536k")),
    ("/dev/pts", "devpts", "devpts", ("nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5")),
    ("/dev/shm", "tmpfs", "shm", ("nosuid", "noexec", "nodev", "mode=1777", "size=65536k")),  # noqa: S108  # its own
    ("/dev/mqueue", "mqueue", "mqueue", ("nosuid", "noexec", "nodev")),
    ("/sys", "sysfs", "sysfs", ("nosuid", "noexec", "nodev")),
    ("/sys/fs/cgroup", "cgroup", "cgroup", ("nosuid", "noexec", "nodev", "relatime")),
)


def unpack_image(archive: Path, folder: Path) -> None:
    """The files of an image's layers below ``folder/image``, layer over layer. Raises ImageError, PlaceError."""
    image = oci_reading.read_image(archive)
    with Tree(folder / IMAGE_ROOT) as tree:
        for layer in image.layers:
            with oci.opened(layer.content) as packed:
                _unpack(packed, tree)


def _unpack(packed: Any, tree: Tree) -> None:
    import tarfile

    with gzip.open(packed) as content, tarfile.open(fileobj=content, mode="r|") as tar:
        for member in tar:
            if member.isdir():
                tree.folder(member.name, member.mode)
            elif member.issym():
                tree.link(member.name, member.linkname)
            elif (stream := tar.extractfile(member)) is not None:
                with tree.file(member.name, member.mode) as copy:
                    shutil.copyfileobj(stream, copy)


def configuration(
    settings: Mapping[str, Any],
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    binds: Mapping[str, str],
    without: Iterable[str] = (),
) -> dict[str, Any]:
    """``config.json`` of a privileged container. ``settings``: the image's; ``command``: what follows its entry point.

    ``env``: beside the image's. ``binds``: place in the container → place in the guest. ``without``: capabilities that
    can't be given.
    """
    capabilities = [name for name in CAPABILITIES if name not in without]
    mounts = [
        {"destination": to, "type": kind, "source": source, "options": list(options)}
        for to, kind, source, options in _MOUNTS
    ]
    mounts += [
        {"destination": to, "type": "bind", "source": source, "options": ["rbind", "rprivate"]}
        for to, source in binds.items()
    ]
    return {
        "ociVersion": "1.0.2",
        "hostname": "container",
        "root": {"path": "rootfs"},
        "process": {
            "user": {"uid": 0, "gid": 0},
            "args": [*settings.get("Entrypoint", ()), *(command or settings.get("Cmd", ()))],
            "env": [*settings.get("Env", ()), *(f"{name}={value}" for name, value in env.items())],
            "cwd": settings.get("WorkingDir") or "/",
            "capabilities": dict.fromkeys(("bounding", "effective", "permitted"), capabilities),
        },
        "mounts": mounts,
        "linux": {
            "cgroupsPath": "/container",
            "namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts", "cgroup")],
            "resources": {"devices": [{"allow": True, "access": "rwm"}]},
        },
    }
