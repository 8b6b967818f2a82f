"""What the guest's parts are made of, as wishes to the lock file."""

from __future__ import annotations

from crosscourse.manifest.boot import BootPrograms, BootWorker, suite_of
from crosscourse.manifest.locks import Wanted
from crosscourse.manifest.model import Boot
from toolchains.machines import Machine, machine_of, machines_of
from toolchains.targets import Target

# By the names under which the lock file has them.
KERNEL, SYSTEM, IMAGE, INSTALLED = "guest kernel", "guest system", "guest image", "guest with apt"
# What a guest with apt can have beside.
OFFERED = "for a guest with apt"

# In every guest: what the first processes are written in.
_ALWAYS = ("busybox-static",)
# What a kernel package needs in order to be installed, not to run.
_WITHOUT_KERNEL = ("initramfs-tools", "linux-initramfs-tool", "kmod", "linux-base")
# What packages need for their scripts, which are not run.
_WITHOUT_SYSTEM = (
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
# What every Debian has (`Essential: yes`), with apt and systemd. Nothing that they need is left out: apt would miss it.
_WITH_APT = (
    "apt",
    "base-files",
    "base-passwd",
    "bash",
    "bsdutils",
    "coreutils",
    "dash",
    "debianutils",
    "diffutils",
    "dpkg",
    "findutils",
    "grep",
    "gzip",
    "hostname",
    "init-system-helpers",
    "libc-bin",
    "login",
    "mawk",
    "ncurses-base",
    "ncurses-bin",
    "perl-base",
    "sed",
    "systemd",
    "systemd-sysv",
    "sysvinit-utils",
    "tar",
    "util-linux",
)
_WITHOUT_IMAGE = (
    "debconf",
    "debconf-2.0",
    "dpkg",
    "perl",
    "usr-is-merged",
    "usrmerge",
    "media-types",
    "mailcap",
    "mime-support",
)


def machines(boot: Boot, target: Target) -> list[Machine]:
    """The machines of a target that a release is booted on: its first, and those that scenarios name."""
    there = machines_of(target.name)
    named = [one.machine for one in boot.scenario.values()] if isinstance(boot, BootWorker) else []
    return [machine for name, machine in there.items() if machine is next(iter(there.values())) or name in named]


def kernel(machine: Machine, target: Target) -> str:
    """The name under which the lock file has the kernel of a machine."""
    package = machine.kernel
    return KERNEL if package == machine_of(target.name).kernel else f"{KERNEL} {package}"


def wanted(boot: Boot, target: Target) -> dict[str, Wanted]:
    """What each part wants, by name; the target can be emulated."""
    found = {
        **{
            kernel(machine, target): _wanted(boot, target, (machine.kernel,), _WITHOUT_KERNEL)
            for machine in machines(boot, target)
        },
        SYSTEM: _wanted(boot, target, (*_ALWAYS, *boot.packages), _WITHOUT_SYSTEM),
    }
    if isinstance(boot, (BootPrograms, BootWorker)) and boot.installed:
        found[INSTALLED] = _wanted(boot, target, (*_ALWAYS, *_WITH_APT, *boot.installed.guest), ())
        if boot.installed.together:
            found[OFFERED] = _wanted(boot, target, tuple(boot.installed.together.debian), ())
    if isinstance(boot, BootWorker):
        found[IMAGE] = _wanted(boot, target, tuple(boot.image), _WITHOUT_IMAGE)
    return found


def _wanted(boot: Boot, target: Target, packages: tuple[str, ...], without: tuple[str, ...]) -> Wanted:
    suite = suite_of(boot, target.name)
    return Wanted(suite=suite, architecture=target.debian, packages=packages, without=without)
