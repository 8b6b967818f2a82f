"""What root filesystems may have though a rule speaks against it: by name, each with its reason.

Names are as in the tree, without the first ``/``; patterns as of a shell, whose ``*`` also stands for ``/``.
Each was found in packages of Debian 12, 13 and 14.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

_PASSWORDS = "a user changes an own entry of what only root may write"
_MOUNTS = "a user mounts what fstab allows"


@dataclass(frozen=True, kw_only=True)
class Privilege:
    """A file with the bits setuid (4000) or setgid (2000). ``groups``: that it may belong to, beside root."""

    mode: int
    why: str
    groups: tuple[int, ...] = ()


# Debian's own numbers (base-passwd): https://www.debian.org/doc/debian-policy/ch-opersys.html#uid-and-gid-classes
_TTY, _MAIL, _SHADOW, _UTMP, _STAFF = 5, 8, 42, 43, 50

PRIVILEGED: Mapping[str, Privilege] = {
    "usr/bin/chage": Privilege(mode=0o2000, groups=(_SHADOW,), why="a user reads how old an own password is"),
    "usr/bin/chfn": Privilege(mode=0o4000, why=_PASSWORDS),
    "usr/bin/chsh": Privilege(mode=0o4000, why=_PASSWORDS),
    "usr/bin/expiry": Privilege(mode=0o2000, groups=(_SHADOW,), why="a user reads how old an own password is"),
    "usr/bin/fusermount": Privilege(mode=0o4000, why=_MOUNTS),
    "usr/bin/fusermount3": Privilege(mode=0o4000, why=_MOUNTS),
    "usr/bin/gpasswd": Privilege(mode=0o4000, why=_PASSWORDS),
    "usr/bin/mount": Privilege(mode=0o4000, why=_MOUNTS),
    "usr/bin/newgrp": Privilege(mode=0o4000, why="a user changes into an own group"),
    "usr/bin/passwd": Privilege(mode=0o4000, why=_PASSWORDS),
    "usr/bin/ssh-agent": Privilege(mode=0o2000, why="keeps other programs of its user from reading its memory"),
    "usr/bin/su": Privilege(mode=0o4000, why="a user becomes another one who says the password"),
    "usr/bin/sudo": Privilege(mode=0o4000, why="a user does what sudoers allows"),
    "usr/bin/umount": Privilege(mode=0o4000, why=_MOUNTS),
    "usr/bin/wall": Privilege(mode=0o2000, groups=(_TTY,), why="writes to the terminals of others"),
    "usr/bin/write": Privilege(mode=0o2000, groups=(_TTY,), why="writes to the terminals of others"),
    "usr/lib/dbus-1.0/dbus-daemon-launch-helper": Privilege(mode=0o4000, why="starts services as their user"),
    "usr/lib/openssh/ssh-keysign": Privilege(mode=0o4000, why="reads the machine's key, which only root may"),
    "usr/sbin/pam_extrausers_chkpwd": Privilege(mode=0o2000, groups=(_SHADOW,), why="checks an own password"),
    "usr/sbin/unix_chkpwd": Privilege(mode=0o2000, groups=(_SHADOW,), why="checks an own password"),
}

OWNERS: Mapping[str, tuple[tuple[int, int], str]] = {
    "etc/shadow": ((0, _SHADOW), "programs of the group check passwords"),
    "etc/gshadow": ((0, _SHADOW), "programs of the group check passwords"),
    "var/local": ((0, _STAFF), "Debian policy, 9.1.2"),
    "usr/local": ((0, _STAFF), "Debian policy, 9.1.2"),
    "usr/local/*": ((0, _STAFF), "Debian policy, 9.1.2"),
    "var/mail": ((0, _MAIL), "programs of the group deliver mail"),
    "var/log/[bw]tmp": ((0, _UTMP), "programs of the group write who logged in"),
    "var/log/lastlog": ((0, _UTMP), "programs of the group write who logged in"),
}

WRITABLE: Mapping[str, str] = {
    "tmp": "for everybody's temporary files",
    "var/tmp": "for everybody's temporary files",
    "run/lock": "for everybody's lock files",
    "var/lock": "for everybody's lock files",
    "dev/shm": "for everybody's shared memory",
    "dev/mqueue": "for everybody's message queues",
}

# Where a link leads, from the top of the tree on.
LINK_TARGETS: Mapping[str, str] = {
    "proc/*": "is there when the kernel has mounted it",
    "sys/*": "is there when the kernel has mounted it",
    "dev/*": "is there when devices are mounted",
    "run/*": "is made while the system runs",
    "usr/share/doc/*": "documentation is left out",
    "usr/share/man/*": "documentation is left out",
    "usr/share/info/*": "documentation is left out",
    "usr/share/locale/*": "translations are left out",
}
LINKS: Mapping[str, str] = {
    "etc/alternatives/*": "leads to what was left out: nothing that is called by name",
    "etc/profile.d/*-systemd-*.sh": "leads to systemd's own folder, where that is left out",
    "etc/ssh/ssh_config.d/20-systemd-ssh-proxy.conf": "leads to systemd's own folder, where that is left out",
    "usr/lib/environment.d/99-environment.conf": "leads to the variables of a machine, /etc/environment",
    "etc/rmt": "tar's program for tape drives of other machines, which update-alternatives would link",
    "usr/share/doc/*": "documentation is left out",
    "usr/share/man/*": "documentation is left out",
    "usr/share/zoneinfo/localtime": "leads to the machine's time zone; without one it is UTC",
}

SCRIPTS: Mapping[str, str] = {
    "usr/lib/python3*/cgi.py": "a module; its first line is explained in it",
    "usr/share/doc/*": "an example",
    "usr/share/git-core/contrib/*": "an example",
    "usr/share/mercurial/hgk": "hg's window for pictures of history, for which Debian suggests Tk",
}

NEWER_CPU: Mapping[str, str] = {
    "usr/lib/*/libatomic.so.*": "chooses code by what the kernel says of the processor (GCC's libatomic/Makefile.am)",
}
"""Of Debian's: what has code for newer processors, and uses it only on these."""

FIXED: Mapping[str, str] = {
    "etc/hostname": "the name of a machine",
    "etc/machine-id": "the identity of a machine",
    "etc/resolv.conf": "the name servers of a machine",
    "etc/ssh/ssh_host_*": "the key of a machine",
    "var/lib/dbus/machine-id": "the identity of a machine",
}
"""What belongs to one machine: the builder's, if it has content."""


def is_allowed(name: str, patterns: Iterable[str]) -> bool:
    """Whether one of the patterns stands for ``name``."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)
