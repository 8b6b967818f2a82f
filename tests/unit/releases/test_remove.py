"""What removing and purging the worker's package ends and removes, and what it leaves to others, in a made-up root."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

# Nothing else of this machine's: it may have a containerd.
REAL = ("basename", "cat", "find", "grep", "rm", "rmdir", "sed", "tail", "tr", "umount")
FILES = Path(__file__).resolve().parents[3] / "releases" / "files" / "concourse"
OURS = "6f1c2a34-9b7e-4d05-8a11-0123456789ab"
LOOPBACK = f"var/lib/cni/results/cni-loopback-{OURS}-lo"
# What a worker with containerd leaves, that was killed with containers.
LEFT = {
    "var/lib/concourse-worker/volumes/live/x": "",
    "etc/concourse/worker-setup.env": "CONCOURSE_NAME=pi\n",
    "etc/concourse/keys/worker_key": "",
    "etc/concourse/keys/worker_key.pub": "",
    "etc/concourse/keys/tsa_host_key.pub": "",
    "var/lib/cni/networks/concourse/10.80.0.2": f"{OURS}\neth0",
    "var/lib/cni/networks/concourse/last_reserved_ip.0": "10.80.0.2",
    "var/lib/cni/networks/concourse/lock": "",
    f"var/lib/cni/results/concourse-{OURS}-eth0": "",
    LOOPBACK: json.dumps({"kind": "cniCacheV1", "netns": "/proc/12/ns/net"}, separators=(",", ":")),
}


@dataclass(frozen=True)
class Machine:
    """A made-up machine: its root folder, and the folder of its programs."""

    root: Path
    bin: Path

    def write(self, path: str, text: str = "") -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def program(self, name: str, script: str) -> None:
        (self.bin / name).write_text(f"#!/bin/sh\n{script}\n")
        (self.bin / name).chmod(0o755)

    def after_remove(self, word: str) -> None:
        self.run("worker.after-remove", word)

    def run(self, script: str, word: str) -> None:
        done = subprocess.run(
            ["/bin/sh", FILES / script, word],
            env={"PATH": str(self.bin), "DPKG_ROOT": str(self.root)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")

    def paths(self) -> set[str]:
        """All that is there: files, and folders with nothing in them."""
        return {
            str(Path(at, name).relative_to(self.root))
            for at, folders, files in os.walk(self.root)
            for name in [*files, *(folder for folder in folders if not any(Path(at, folder).iterdir()))]
        }


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine that a worker ran on, where nobody else has containerd, CNI, or folders under /var/lib/cni."""
    made = Machine(tmp_path / "root", tmp_path / "bin")
    made.bin.mkdir()
    for name in REAL:
        (made.bin / name).symlink_to(shutil.which(name) or name)
    for path, text in LEFT.items():
        made.write(path, text)
    for folder in ("bin", "lib"):
        (made.root / "opt/containerd" / folder).mkdir(parents=True)
    for folder in ("etc", "opt", "var/lib"):
        made.write(f"{folder}/other")
    made.program("dpkg-query", "exit 1")
    made.program("sleep", "exit 0")
    return made


def test_all_of_ours_goes_when_it_is_purged(machine: Machine) -> None:
    machine.after_remove("purge")
    assert machine.paths() == {"etc/other", "opt/other", "var/lib/other"}


@pytest.mark.parametrize("word", ["remove", "upgrade", "0", "1"])
def test_all_of_it_stays_else(machine: Machine, word: str) -> None:
    before = machine.paths()
    machine.after_remove(word)
    assert machine.paths() == before


@pytest.mark.parametrize(
    "others",
    [
        {"var/lib/cni/networks/podman/10.88.0.2": ""},
        {"var/lib/cni/networks/concourse-2/10.88.0.2": ""},
        # Of Kubernetes and nerdctl.
        {f"var/lib/cni/results/cni-loopback-{'0a' * 32}-lo": '"netns":"/proc/12/ns/net"'},
        {f"var/lib/cni/results/cni-loopback-default-{'0a' * 32}-lo": '"netns":"/proc/12/ns/net"'},
        # Of Nomad.
        {LOOPBACK: f'"netns":"/var/run/netns/{OURS}"'},
    ],
)
def test_notes_of_cni_about_containers_of_others_stay(machine: Machine, others: dict[str, str]) -> None:
    for path, text in others.items():
        machine.write(path, text)
    machine.after_remove("purge")
    assert machine.paths() == {"etc/other", "opt/other", "var/lib/other", *others}


def test_those_of_a_network_that_has_containers_stay(machine: Machine) -> None:
    machine.write("sys/class/net/concourse0/brif/veth0")
    machine.after_remove("purge")
    assert {path for path in LEFT if "/cni/" in path} <= machine.paths()


def test_containers_may_take_a_moment_to_leave_the_network(machine: Machine) -> None:
    machine.write("sys/class/net/concourse0/brif/veth0")
    machine.program("sleep", f"exec rm -f {machine.root}/sys/class/net/concourse0/brif/veth0")
    machine.after_remove("purge")
    assert not (machine.root / "var/lib/cni").exists()


def test_the_folder_of_another_containerd_stays(machine: Machine) -> None:
    """It is told by its root folder, by its program, by what is in the folder, or by its package."""
    folders = {"opt/containerd/bin", "opt/containerd/lib"}
    (machine.root / "var/lib/containerd").mkdir()
    machine.after_remove("purge")
    assert folders <= machine.paths()
    (machine.root / "var/lib/containerd").rmdir()
    machine.program("containerd", "")
    machine.after_remove("purge")
    assert folders <= machine.paths()
    (machine.bin / "containerd").unlink()
    machine.write("opt/containerd/bin/runc")
    machine.after_remove("purge")
    assert {"opt/containerd/bin/runc", "opt/containerd/lib"} <= machine.paths()
    (machine.root / "opt/containerd/bin/runc").unlink()
    machine.program("dpkg-query", 'case "$1 $2" in "-S /opt/containerd"*) exit 0 ;; esac; exit 1')
    machine.after_remove("purge")
    assert folders <= machine.paths()
    machine.program("dpkg-query", "exit 1")
    machine.after_remove("purge")
    assert not (machine.root / "opt/containerd").exists()


def test_a_web_node_beside_it_keeps_its_keys(machine: Machine) -> None:
    machine.write("usr/lib/concourse/web-start")
    machine.after_remove("purge")
    assert (machine.root / "etc/concourse/keys/tsa_host_key.pub").exists()


SHOW = """case "$*" in
"show --property=Slice --value concourse-worker.service") echo system.slice ;;
"show --property=ControlGroup --value system.slice") echo /system.slice ;;
esac"""


@pytest.mark.parametrize(("word", "ends"), [("remove", True), ("0", True), ("upgrade", False), ("1", False)])
def test_containers_end_with_the_worker_and_those_of_others_do_not(machine: Machine, word: str, ends: bool) -> None:
    machine.program("systemctl", SHOW)
    (machine.root / "run/systemd/system").mkdir(parents=True)
    machine.write("etc/concourse/worker-setup.env", 'CONCOURSE_WORK_DIR="/srv/worker"\n')
    for place in ("networkmounts/a", "networkmounts/b", "depot/d"):
        machine.write(f"srv/worker/{place}/file")
    # Of containerd, one of them privileged, and of Guardian; of another Guardian, a Concourse in docker, a service.
    ours = ("system.slice/garden/a/inner", "system.slice/b", "garden/d")
    others = ("garden/e", "system.slice/docker-1.scope/garden/a", "system.slice/a.service")
    with contextlib.ExitStack() as stack:
        started = [stack.enter_context(subprocess.Popen(["sleep", "60"])) for _ in (*ours, *others)]
        for place, process in zip((*ours, *others), started, strict=True):
            machine.write(f"sys/fs/cgroup/{place}/cgroup.procs", f"{process.pid}\n")
        machine.run("worker.before-remove", word)
        assert [process.wait(timeout=20) for process in started[: len(ours)] if ends] == [-signal.SIGKILL] * 3 * ends
        assert [process.poll() for process in started] == [-signal.SIGKILL if ends else None] * 3 + [None] * 3
        for process in started:
            process.kill()
