"""The guest of name spaces: in place of an emulated machine, where this machine is one of the target itself.

Its processes run on this machine's kernel, as root, with name spaces of their own for all that there are but that of
users: what is tried needs a root who may mount. Its /dev, /proc and /sys are made for it (``files/native-enter``), its
network is slirp4netns', which is qemu's user-mode network as a program: 10.0.2.2 is this machine's loopback.

What ends it: the end of its first process, of the line to it, or of its control group.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shlex
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crosscourse.run.environment import base_environment
from crosscourse.run.service import Service, serving
from tasks.boot.guest import launcher, machine
from tasks.boot.guest.machine import Guest, GuestError

CODE_FILES = ("launcher.py",)
SPACES = ("--mount", "--pid", "--net", "--ipc", "--uts", "--cgroup")
_GROUP = "crosscourse-"
# The socket by which the network is told more, in the folder that it runs in.
_CONTROL = "network"
# Seconds.
_ENDING = 30
_NETWORK = 20


def command(
    tree: Path, distribution: Path, work: Path, *, line: Path, log: Path, group: Path, memory: int
) -> list[str | Path]:
    """The launcher's command line. ``line``: the agent's socket; ``log``: where the worker's goes; for the rest see
    ``running``.
    """
    words: list[str | Path] = [sys.executable, "-I", "-S", launcher.__file__, line, log, group, str(memory)]
    words += ["unshare", *SPACES, "--propagation=private", "--fork", "--kill-child=KILL", "--"]
    words += [tree / "usr/bin/busybox", "sh", tree / "usr/lib/crosscourse/enter"]
    return [*words, tree, distribution, work]


@contextmanager
def running(
    tree: Path,
    distribution: Path,
    work: Path,
    *,
    memory: int,
    folder: Path,
    logs: Path,
    seconds: int,
    forward: machine.Forward | None = None,
) -> Iterator[Guest]:
    """The guest for the time of the block: it is up and its agent has answered.

    ``tree``: the folder with its files, which it may write to; ``distribution``: what it has at /usr/local; ``work``:
    a folder for a worker's files. ``memory``: MiB, where this machine can limit them. ``folder``: for the socket, with
    a short path. ``logs``: where console.log, worker.log and network.log go. ``seconds``: how long the start may take.
    ``forward``: a port of it. Raises GuestError, CommandError.
    """
    env = base_environment(TMPDIR=str(folder))
    console = logs / "console.log"
    with _control_group() as group:
        words = command(
            tree, distribution, work, line=folder / "agent", log=logs / "worker.log", group=group, memory=memory
        )
        with serving(words, log=console, env=env, folder=folder) as service:
            with machine.connect(service, folder / "agent") as line:
                guest = Guest(service=service, line=line, console=console)
                guest.wait("ready", seconds)
                _share_out(group, service)
                with _network(guest, env=env, folder=folder, logs=logs):
                    if forward:
                        _open_port(folder / _CONTROL, forward)
                    yield guest
            service.stop(seconds=_ENDING)  # its line is closed, so it ends by itself


def stand_before_runtime(guest: Guest, program: str) -> None:
    """Put ``files/native-runtime`` before the OCI runtime, which is at ``program`` in the guest. Raises GuestError."""
    library, busybox, place = "/usr/lib/crosscourse", "/usr/bin/busybox", shlex.quote(program)
    # A copy: a runtime may look for itself in its folder (runc makes an overlay of it), where a mount is not seen.
    script = f"{busybox} cp -p {place} {library}/oci-runtime && {busybox} mount -o bind {library}/runtime {place}"
    answer = guest.run(script)
    if answer.status != 0:
        raise GuestError(program, f"can't be stood before: {answer.text.strip()}")


def divert_runtime(guest: Guest, program: str) -> None:
    """The same before a package is installed that has the runtime at ``program``: dpkg puts it elsewhere, now and in
    upgrades (dpkg-divert(1)). Raises GuestError.
    """
    library, place = "/usr/lib/crosscourse", shlex.quote(program)
    divert = f"dpkg-divert --local --no-rename --divert {library}/oci-runtime --add {place}"
    answer = guest.run(f'{divert} && mkdir -p "$(dirname {place})" && cp -p {library}/runtime {place}')
    if answer.status != 0:
        raise GuestError(program, f"can't be diverted: {answer.text.strip()}")


@contextmanager
def _network(guest: Guest, *, env: dict[str, str], folder: Path, logs: Path) -> Iterator[None]:
    words = ["slirp4netns", "--configure", "--mtu=65520", "--disable-dns", f"--api-socket={_CONTROL}"]
    words += [str(guest.service.pid), "eth0"]
    with serving(words, log=logs / "network.log", env=env, folder=folder) as network:

        def ready() -> bool:
            return guest.run("/usr/bin/busybox grep -q eth0 /proc/net/route").status == 0

        network.wait_until(ready, "made no network", seconds=_NETWORK)
        yield


def _open_port(control: Path, forward: machine.Forward) -> None:
    """Have slirp4netns forward a port (slirp4netns(1), "API socket"). Raises GuestError."""
    where = {"host_addr": "127.0.0.1", "host_port": forward.host, "guest_port": forward.guest}
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(_NETWORK)
        line.connect(str(control))
        line.sendall(json.dumps({"execute": "add_hostfwd", "arguments": {"proto": "tcp", **where}}).encode())
        line.shutdown(socket.SHUT_WR)
        with line.makefile("r", encoding="utf-8") as stream:
            answer = stream.read()
    if "error" in answer:
        raise GuestError("slirp4netns", f"forwards no port: {answer.strip()}")


def mounted_at() -> Path | None:
    """Where the control groups of version 2 are; None where there are none."""
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        fields, _, kind = line.partition(" - ")
        if kind.split(" ")[0] == "cgroup2":
            return Path(fields.split(" ")[4])
    return None


@contextmanager
def _control_group() -> Iterator[Path]:
    """A name for a control group, which the launcher makes and removes. Those of killed runs are removed first."""
    top = mounted_at()
    if top is None:
        raise GuestError("control groups", "those of version 2 are not mounted")
    for left in top.glob(f"{_GROUP}*"):
        if (held := launcher.hold(left, fcntl.LOCK_EX)) is not None:
            launcher.clear(left)
            os.close(held)
    group = top / f"{_GROUP}{os.urandom(4).hex()}"
    try:
        yield group
    finally:
        end = time.monotonic() + _ENDING
        while group.exists() and time.monotonic() < end:
            time.sleep(0.01)
    if group.exists():
        raise GuestError(str(group), "could not be removed", "Processes in it do not end; see its cgroup.procs.")


def _share_out(group: Path, service: Service) -> None:
    """Let the guest's control groups have all controllers that ours has. None of its own processes is in the way."""
    (group / "init" / "cgroup.procs").write_text(str(service.pid))
    for controller in (group / "cgroup.controllers").read_text().split():
        with contextlib.suppress(OSError):
            (group / "cgroup.subtree_control").write_text(f"+{controller}")
