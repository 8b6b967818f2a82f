"""The worker's preflight: silent where all is well, and a line with a remedy for each fault.

Each fault is provoked in a made-up root folder, with made-up programs on PATH: nothing of this machine is looked at.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "releases" / "files" / "concourse" / "concourse-worker-preflight"
REAL = ("awk", "cat", "chmod", "cp", "dirname", "find", "grep", "head", "ls", "od", "sed", "sh", "tail", "tar", "tr")
SOCKET = "ffff: 00000002 00000000 {} 0001 01 7 /run/containerd/containerd.sock\n"
DISK = "Filesystem 1024-blocks Used Available Capacity Mounted\n/dev/x 9000000 1 {} 1% /\n"
MADE_UP = {
    "uname": "case $1 in -r) echo 6.1.0-rpi ;; -m) echo armv7l ;; esac",
    "iptables": "echo 'iptables v1.8.9 (nf_tables)'",
    "ip": "",
    "ss": "",
    "modprobe": "",
    "mount": "",
    "date": "case $1 in -r) echo 1000 ;; -u) echo 1970-01-01 ;; *) echo 2000 ;; esac",
    "timedatectl": "echo yes",
    "timeout": "printf SSH-",
    "bash": "",
}
NETWORK = ("veth", "bridge", "br_netfilter", "nf_nat", "nf_conntrack", "xt_comment", "xt_conntrack", "xt_multiport")
MODULES = (*NETWORK, "nf_tables", "overlay")


def listed(*modules: str) -> str:
    """Modules as modules.dep lists them, where some are written with dashes."""
    return "".join(f"kernel/net/{name.replace('_', '-')}.ko.xz:\n" for name in modules)


@dataclass(frozen=True)
class Machine:
    """A made-up machine: its root folder, and the folder of its programs."""

    root: Path
    bin: Path

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def program(self, name: str, script: str) -> None:
        (self.bin / name).unlink(missing_ok=True)
        (self.bin / name).write_text(f"#!/bin/sh\n{script}\n")
        (self.bin / name).chmod(0o755)

    def folder(self, path: str, mode: int) -> None:
        (self.root / path).mkdir(parents=True)
        (self.root / path).chmod(mode)

    def remove(self, path: str) -> None:
        if (self.root / path).is_dir():
            shutil.rmtree(self.root / path)
        else:
            (self.root / path).unlink()

    def set(self, **settings: str) -> None:
        with (self.root / "etc/concourse/worker-setup.env").open("a") as file:
            file.writelines(f"{name}={value}\n" for name, value in settings.items())

    def look(self, *words: str) -> tuple[list[str], int]:
        """The lines that the preflight says, and its exit status."""
        done = subprocess.run(
            ["/bin/sh", SCRIPT, *words],
            env={"PATH": str(self.bin), "ROOT": str(self.root)},
            capture_output=True,
            text=True,
            check=False,
            restore_signals=False,  # SIGPIPE is ignored, as systemd has it: to write to who left is an error
        )
        assert done.stderr == ""
        return done.stdout.splitlines(), done.returncode


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """One on which all is well."""
    made = Machine(root=tmp_path / "root", bin=tmp_path / "bin")
    made.bin.mkdir()
    for name in REAL:
        found = shutil.which(name)
        assert found, name
        (made.bin / name).symlink_to(found)
    for name, script in MADE_UP.items():
        made.program(name, script)
    disk(made)
    # More than a pipe holds.
    made.write("lib/modules/6.1.0-rpi/modules.dep", listed(*MODULES, *(f"more{number}" for number in range(4000))))
    made.write("sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory pids\n")
    made.write("proc/self/ns/user", "")
    made.write("proc/sys/user/max_user_namespaces", "15000\n")
    made.write("proc/filesystems", "nodev\toverlay\n")
    made.write("proc/meminfo", "MemTotal:  3800000 kB\nSwapTotal: 0 kB\n")
    made.write("proc/swaps", "Filename Type Size Used Priority\n/dev/zram0 partition 1 0 100\n")
    made.write("proc/mounts", "/dev/mmcblk0p2 / ext4 rw 0 0\n")
    made.write("etc/resolv.conf", "nameserver 192.168.1.1\n")
    made.write("etc/concourse/keys/tsa_host_key.pub", "ssh-rsa AAAA\n")
    made.write("etc/concourse/keys/worker_key", "key\n")
    (made.root / "etc/concourse/keys/worker_key").chmod(0o600)
    made.write("etc/concourse/worker.env", "#CONCOURSE_RUNTIME=containerd\n#CONCOURSE_TSA_HOST=127.0.0.1:2222\n")
    made.write("etc/concourse/worker-setup.env", "")
    made.set(CONCOURSE_TSA_HOST="web.example.org:2222")
    made.write("usr/lib/concourse/bin/concourse", "\x7fELF\x01")
    return made


def test_a_good_machine_is_silent(machine: Machine) -> None:
    assert machine.look() == ([], 0)


def on_armv6(machine: Machine, script: str) -> None:
    """An ARMv6 processor, and what the worker's program does there."""
    machine.program("uname", "case $1 in -r) echo 6.1.0-rpi ;; -m) echo armv6l ;; esac")
    machine.write("usr/lib/concourse/bin/concourse", f"#!/bin/sh\n{script}\n")
    (machine.root / "usr/lib/concourse/bin/concourse").chmod(0o755)


def test_a_program_for_armv6_may_run_on_one(machine: Machine) -> None:
    on_armv6(machine, "echo 8.2.5")
    assert machine.look() == ([], 0)


def old_cgroups(machine: Machine, *controllers: str) -> None:
    machine.remove("sys/fs/cgroup")
    for name in controllers:
        machine.write(f"sys/fs/cgroup/{name}/tasks", "")


def no_memory_cgroup(machine: Machine, file: str = "") -> None:
    machine.write("sys/fs/cgroup/cgroup.controllers", "cpuset cpu io pids\n")
    if file:
        machine.write(file, "console=tty1\n")


def all_of(*faults: Callable[[Machine], None]) -> Callable[[Machine], None]:
    def provoke(machine: Machine) -> None:
        for fault in faults:
            fault(machine)

    return provoke


def sees(machine: Machine, program: str, word: str, line: str) -> None:
    machine.program(program, f"case $* in *{word}*) echo '{line}' ;; esac")


def disk(machine: Machine, *, kilobytes: int = 20_000_000, inodes: int = 900_000) -> None:
    told = (f"printf '{DISK.format(number)}'" for number in (inodes, kilobytes))
    machine.program("df", "case $1 in -Pi) {} ;; *) {} ;; esac".format(*told))


def with_config(machine: Machine) -> None:
    machine.write("boot/config-6.1.0-rpi", "CONFIG_SECCOMP_FILTER=y\nCONFIG_CGROUP_DEVICE=y\nCONFIG_CGROUP_BPF=y\n")


FAULTS: dict[str, tuple[Callable[[Machine], None], str, int]] = {
    "memory cgroup": (
        lambda m: no_memory_cgroup(m, "boot/firmware/cmdline.txt"),
        "error: the memory control group is off (as on Raspberry Pi OS), so no container starts: the word for the "
        "kernel is cgroup_enable=memory; add it to the one line of /boot/firmware/cmdline.txt, and reboot",
        2,
    ),
    "memory cgroup, older system": (
        lambda m: no_memory_cgroup(m, "boot/cmdline.txt"),
        "add it to the one line of /boot/cmdline.txt",
        2,
    ),
    "memory cgroup, a PC": (
        no_memory_cgroup,
        "GRUB_CMDLINE_LINUX",
        2,
    ),
    "pids": (
        lambda m: m.write("sys/fs/cgroup/cgroup.controllers", "cpu memory\n"),
        "error: the control group pids is off",
        2,
    ),
    "no cgroups": (lambda m: m.remove("sys/fs/cgroup"), "error: no control groups are mounted", 2),
    "cgroup v1": (
        lambda m: old_cgroups(m, "memory", "cpu,cpuacct", "pids"),
        "warning: control groups are of version 1",
        1,
    ),
    "cgroup v1 without memory": (
        lambda m: old_cgroups(m, "cpu", "pids"),
        "error: the memory control group is off",
        2,
    ),
    "no bridge": (
        lambda m: m.write("lib/modules/6.1.0-rpi/modules.dep", listed("veth", "nf_tables", "overlay")),
        "error: this kernel (6.1.0-rpi) has no module bridge br_netfilter nf_nat",
        2,
    ),
    "no tables": (
        lambda m: m.write("lib/modules/6.1.0-rpi/modules.dep", listed(*NETWORK, "overlay")),
        "neither nf_tables nor ip_tables",
        2,
    ),
    "kernel upgraded": (
        lambda m: m.remove("lib/modules"),
        "warning: there are no modules in /lib/modules/6.1.0-rpi: the kernel was upgraded",
        1,
    ),
    "kernel configuration": (
        with_config,
        "error: this kernel (6.1.0-rpi) was built without CONFIG_CGROUP_PIDS",
        2,
    ),
    "user name spaces": (
        lambda m: m.write("proc/sys/user/max_user_namespaces", "0\n"),
        "error: user name spaces are switched off: sysctl -w user.max_user_namespaces=15000",
        2,
    ),
    "no user name spaces": (lambda m: m.remove("proc/self/ns/user"), "error: this kernel has no user name spaces", 2),
    "no iptables": (
        lambda m: (m.bin / "iptables").unlink(),
        "error: there is no iptables: apt install iptables",
        2,
    ),
    "both kinds of iptables": (
        lambda m: m.program("iptables-legacy-save", "echo '-A FORWARD -j DROP'"),
        "warning: iptables v1.8.9 (nf_tables) is used, but iptables-legacy-save shows rules of the other kind",
        1,
    ),
    "bridge netfilter": (
        lambda m: m.write("proc/sys/net/bridge/bridge-nf-call-iptables", "0\n"),
        "warning: bridges bypass iptables",
        1,
    ),
    "network range": (
        lambda m: sees(m, "ip", "addr", "3: wg0    inet 10.80.3.1/24 scope global wg0"),
        "error: the containers' network 10.80.0.0/16 is in use by wg0 (10.80.3.1/24): choose another, "
        "CONCOURSE_CONTAINERD_NETWORK_POOL",
        2,
    ),
    "network route": (
        lambda m: sees(m, "ip", "route", "10.80.0.0/14 via 192.168.1.9 dev eth0"),
        "in use by the route to 10.80.0.0/14",
        2,
    ),
    "port": (
        lambda m: sees(m, "ss", "7788", 'LISTEN 0 9 *:7788 *:* users:(("other",pid=7,fd=3))'),
        'error: port 7788 is taken by users:(("other",pid=7,fd=3))',
        2,
    ),
    "another containerd": (
        lambda m: m.write("proc/net/unix", f"Num RefCount\n{SOCKET.format('00010000')}"),
        "error: another containerd listens at /run/containerd/containerd.sock",
        2,
    ),
    "firewall": (
        lambda m: sees(m, "iptables", "INPUT", "-A INPUT -j ufw-before-input"),
        "warning: the chain INPUT of iptables has rules (-A INPUT -j ufw-before-input), and the worker removes them",
        1,
    ),
    "no name server": (lambda m: m.write("etc/resolv.conf", "search x\n"), "error: /etc/resolv.conf names no name", 2),
    "systemd-resolved": (
        lambda m: m.write("etc/resolv.conf", "nameserver 127.0.0.53\noptions edns0\n"),
        "warning: the name server of this machine (127.0.0.53, as with systemd-resolved) can't be reached from "
        "containers: set CONCOURSE_CONTAINERD_DNS_SERVER=ADDRESS",
        1,
    ),
    "systemd-resolved with Guardian": (
        all_of(
            lambda m: m.write("etc/resolv.conf", "nameserver 127.0.0.53\n"),
            lambda m: m.set(CONCOURSE_RUNTIME="guardian"),
        ),
        "set CONCOURSE_GARDEN_DNS_PROXY_ENABLE=true in /etc/concourse/worker.env",
        1,
    ),
    "overlay": (
        all_of(
            lambda m: m.write("proc/filesystems", "ext4\n"),
            lambda m: m.write("lib/modules/6.1.0-rpi/modules.dep", listed(*MODULES[:-1])),
        ),
        "error: this kernel (6.1.0-rpi) has no overlay file system",
        2,
    ),
    "btrfs": (
        lambda m: m.set(CONCOURSE_BAGGAGECLAIM_DRIVER="btrfs"),
        "error: volumes are to be of btrfs, but there is no btrfs: apt install btrfs-progs",
        2,
    ),
    "closed folder": (
        lambda m: m.folder("var/lib/concourse-worker", 0o700),
        "error: others may not pass through /var/lib/concourse-worker, so unprivileged containers can't start in "
        "/var/lib/concourse-worker: chmod o+x /var/lib/concourse-worker",
        2,
    ),
    "closed folder above": (
        lambda m: m.folder("var/lib", 0o750),
        "error: others may not pass through /var/lib, so",
        2,
    ),
    "full disk": (
        lambda m: disk(m, kilobytes=90_000),
        "error: /var/lib/concourse-worker has 87 MiB free: make room",
        2,
    ),
    "small disk": (
        lambda m: disk(m, kilobytes=1_500_000),
        "warning: /var/lib/concourse-worker has only 1464 MiB free",
        1,
    ),
    "inodes": (
        lambda m: disk(m, inodes=70),
        "error: /var/lib/concourse-worker has room for 70 more files only",
        2,
    ),
    "file system": (
        lambda m: m.write("proc/mounts", "/dev/x / ext4 rw 0 0\n//nas/x /var/lib cifs rw 0 0\n"),
        "error: /var/lib/concourse-worker lies on cifs, which has no owners",
        2,
    ),
    "overlay on overlay": (
        lambda m: m.write("proc/mounts", "overlay / overlay rw 0 0\n"),
        "error: /var/lib/concourse-worker lies on an overlay file system",
        2,
    ),
    "memory": (
        lambda m: m.write("proc/meminfo", "MemTotal:  380000 kB\nSwapTotal: 0 kB\n"),
        "warning: this machine has 371 MiB of memory: the worker takes 100",
        1,
    ),
    "memory without swap": (
        lambda m: m.write("proc/meminfo", "MemTotal:  948000 kB\nSwapTotal: 0 kB\n"),
        "warning: this machine has 925 MiB of memory and no swap: apt install zram-tools",
        1,
    ),
    "swap on a card": (
        lambda m: m.write("proc/swaps", "Filename\n/dev/mmcblk0p3 partition 1 0 -2\n"),
        "warning: there is swap on an SD card, which is slow and wears it out: apt install zram-tools, then swapoff "
        "/dev/mmcblk0p3",
        1,
    ),
    "64-bit kernel": (
        lambda m: m.program("uname", "case $1 in -r) echo 6.1.0-rpi ;; -m) echo aarch64 ;; esac"),
        "warning: this worker is of 32 bits on a 64-bit kernel",
        1,
    ),
    "processor": (
        lambda m: on_armv6(m, "kill -ILL $$"),
        "error: this processor is an ARMv6, the package is for ARMv7",
        2,
    ),
    "clock": (
        lambda m: m.program("date", "case $1 in -r) echo 1000 ;; -u) echo 1970-01-01 ;; *) echo 7 ;; esac"),
        "error: the clock says 1970-01-01, which is before this program was made",
        2,
    ),
    "clock not set": (lambda m: m.program("timedatectl", "echo no"), "warning: the clock is not set by the network", 1),
    "not set up": (
        lambda m: m.write("etc/concourse/worker-setup.env", ""),
        "error: no web node is named: concourse-worker-setup",
        2,
    ),
    "no key of the web node": (
        lambda m: m.remove("etc/concourse/keys/tsa_host_key.pub"),
        "error: there is no key of the web node, /etc/concourse/keys/tsa_host_key.pub",
        2,
    ),
    "no key of its own": (
        lambda m: m.remove("etc/concourse/keys/worker_key"),
        "error: there is no key of this worker",
        2,
    ),
    "key for all": (
        lambda m: (m.root / "etc/concourse/keys/worker_key").chmod(0o644),
        "warning: /etc/concourse/keys/worker_key can be read by others: chmod 600",
        1,
    ),
    "no web node": (
        lambda m: m.program("timeout", "exit 124"),
        "warning: no web node answers at web.example.org:2222",
        1,
    ),
    "another version": (
        all_of(
            lambda m: m.program("curl", 'echo \'{"version":"8.2.4","worker_version":"2.5"}\''),
            lambda m: m.write("usr/lib/concourse/bin/concourse", "#!/bin/sh\necho 8.2.5\n"),
            lambda m: (m.root / "usr/lib/concourse/bin/concourse").chmod(0o755),
        ),
        "warning: the web node is Concourse 8.2.4, this worker 8.2.5",
        1,
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_one_line_with_a_remedy(fault: str, machine: Machine) -> None:
    provoke, expected, status = FAULTS[fault]
    provoke(machine)
    lines, found = machine.look()
    assert found == status, lines
    told = [line for line in lines if expected in line]
    assert len(told) == 1, lines
    # No second line but those of what hangs together with it.
    assert all(line.startswith(("error: ", "warning: ")) for line in lines)


@pytest.mark.parametrize(
    "settings",
    [{"CONCOURSE_RUNTIME": "guardian"}, {"CONCOURSE_CONTAINERD_ALLOW_HOST_ACCESS": "true"}],
)
def test_rules_that_stay_are_no_fault(machine: Machine, settings: dict[str, str]) -> None:
    sees(machine, "iptables", "INPUT", "-A INPUT -j ufw-before-input")
    machine.set(**settings)
    assert machine.look() == ([], 0)


def test_what_the_worker_itself_left_is_no_fault(machine: Machine) -> None:
    sees(machine, "iptables", "INPUT", "-A INPUT -i concourse0 -j REJECT --reject-with icmp-host-prohibited")
    machine.write("proc/net/unix", SOCKET.format("00000000"))  # connected, not listening
    assert machine.look() == ([], 0)


def test_another_containerd_is_no_fault_for_guardian(machine: Machine) -> None:
    machine.write("proc/net/unix", SOCKET.format("00010000"))
    machine.set(CONCOURSE_RUNTIME="guardian")
    assert machine.look() == ([], 0)


def test_warnings_do_not_keep_the_worker_from_starting(machine: Machine) -> None:
    machine.program("timedatectl", "echo no")
    lines, status = machine.look("--start")
    assert (len(lines), status) == (1, 0)
    machine.remove("etc/concourse/keys/worker_key")
    assert machine.look("--start")[1] == 2


def test_settings_are_read_as_the_unit_reads_them(machine: Machine) -> None:
    machine.write("etc/concourse/worker.env", 'CONCOURSE_WORK_DIR="/srv/one"\n')
    disk(machine, kilobytes=90_000)
    assert machine.look()[0][0].startswith("error: /srv/one has ")
    machine.set(CONCOURSE_WORK_DIR="/srv/two")
    assert machine.look()[0][0].startswith("error: /srv/two has ")
    # The last line counts, and what only looks like one does not.
    more = '#CONCOURSE_WORK_DIR=/srv/no\nX_CONCOURSE_WORK_DIR=/srv/no\nCONCOURSE_WORK_DIR="/srv/a=b c"'
    machine.write("etc/concourse/worker-setup.env", f"CONCOURSE_WORK_DIR=/srv/three\n{more}")
    assert machine.look()[0][0].startswith("error: /srv/a=b c has ")


def test_an_unknown_word_is_refused() -> None:
    done = subprocess.run(
        ["/bin/sh", SCRIPT, "--all"], env=dict(os.environ), capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "Usage" in done.stderr
