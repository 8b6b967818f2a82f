"""What a tree of Debian packages lacks to be a Debian that is in charge of itself: what dpkg knows of its packages, and
what the first start would ask or do.

The scripts of these packages are not run; those of what is installed later are, by the guest's own dpkg.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from crosscourse.archive import Entry
from crosscourse.debian.tree import RECORDS, Tree

# What base-files makes when it is installed, and has not among its files: who comes later finds it there.
_FOLDERS = ("etc/opt", "media", "opt", "srv", "var/opt")
_LINKS = {"var/lock": "/run/lock", "var/run": "/run"}
_DPKG = "var/lib/dpkg/"
_LISTS = ".md5sums"
_UNITS = "etc/systemd/system/"
# Units that a guest has no use for, or that would write to what is another's: settings of a kernel that may be the
# host's, terminals that it has not, and what waits for a message bus, as logins do.
_MASKED = (
    "dev-hugepages.mount",
    "getty.target",
    "proc-sys-fs-binfmt_misc.automount",
    "sys-fs-fuse-connections.mount",
    "sys-kernel-config.mount",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "systemd-logind.service",
    "systemd-modules-load.service",
    "systemd-sysctl.service",
)
# What the script of libpam-runtime makes of /usr/share/pam-configs/unix (pam-auth-update(8)): without it no script of a
# package can add a user.
_PAM = {
    "account": "[success=1 new_authtok_reqd=done default=ignore] pam_unix.so",
    "auth": "[success=1 default=ignore] pam_unix.so nullok",
    "password": "[success=1 default=ignore] pam_unix.so obscure yescrypt",
    "session": "[default=1] pam_permit.so",
    "session-noninteractive": "[default=1] pam_permit.so",
}
# Any will do; without one systemd takes each start for the first (machine-id(5)).
_MACHINE_ID = "63726f7373636f757273652067756573"


def managed(tree: Tree) -> Tree:
    """The tree with all that apt, dpkg and systemd want to find there."""
    done = {name: entry for name, entry in tree.items() if not name.startswith(RECORDS)}
    folders = (Entry(name=name, mode=0o755) for name in _FOLDERS)
    links = (Entry(name=name, link=to) for name, to in _LINKS.items())
    for entry in (*folders, *links, *_dpkg(tree), *_systemd(), *_pam()):
        done[entry.name] = entry
    return done


def _dpkg(tree: Tree) -> Iterator[Entry]:
    """dpkg's record of each package (dpkg-query(1)), and of its files."""
    paragraphs = []
    for name, entry in sorted(tree.items()):
        if not name.startswith(RECORDS) or name.endswith(_LISTS):
            continue
        assert isinstance(entry.source, bytes)
        control = entry.source.decode().strip("\n")
        paragraphs.append(f"{control}\nStatus: install ok installed\n")
        fields = dict(line.split(": ", 1) for line in control.splitlines() if ": " in line and line[0] != " ")
        package = fields["Package"]
        # Of those that can be there for several architectures, dpkg has a list for each.
        if fields.get("Multi-Arch") == "same":
            package = f"{package}:{fields['Architecture']}"
        yield Entry(name=f"{_DPKG}info/{package}.list", source=_list(tree.get(f"{name}{_LISTS}")))
    yield Entry(name=f"{_DPKG}status", source="\n".join(paragraphs).encode())


def _list(sums: Entry | None) -> bytes:
    """The list of a package's files with the folders above them, made of its list of digests."""
    found = {"/."}
    if sums is not None:
        assert isinstance(sums.source, bytes)
        for line in sums.source.decode(errors="surrogateescape").splitlines():
            path = PurePosixPath("/") / line.split("  ", 1)[1]
            found |= {str(path), *(str(parent) for parent in path.parents if parent.name)}
    return "".join(f"{path}\n" for path in sorted(found)).encode(errors="surrogateescape")


def _systemd() -> Iterator[Entry]:
    yield Entry(name="etc/machine-id", source=f"{_MACHINE_ID}\n".encode(), mode=0o444)
    yield Entry(name="etc/hostname", source=b"crosscourse\n")
    yield Entry(name=f"{_UNITS}default.target", link="/usr/lib/systemd/system/multi-user.target")
    for unit in _MASKED:
        yield Entry(name=f"{_UNITS}{unit}", link="/dev/null")


def _pam() -> Iterator[Entry]:
    for name, first in _PAM.items():
        kind = name.partition("-")[0]
        last = ("required pam_unix.so",) if kind == "session" else ()
        lines = (first, "requisite pam_deny.so", "required pam_permit.so", *last)
        yield Entry(name=f"etc/pam.d/common-{name}", source="".join(f"{kind} {line}\n" for line in lines).encode())
