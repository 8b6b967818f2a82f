"""The guest that Debian's own init and apt are in charge of: what dpkg finds there, and what systemd does not start."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from crosscourse.archive import Entry
from crosscourse.debian.tree import RECORDS, Tree
from crosscourse.formats.folder import write_folder
from tasks.boot.guest.managed import managed

PLAIN = b"Package: plain\nVersion: 1.0-1\nArchitecture: all\nMaintainer: m\nDescription: short\n long: with a colon\n"
SHARED = b"Package: libx\nVersion: 2\nArchitecture: armhf\nMulti-Arch: same\nMaintainer: m\nDescription: x\n\n"
TREE: Tree = {
    entry.name: entry
    for entry in (
        Entry(name=f"{RECORDS}plain", source=PLAIN),
        Entry(name=f"{RECORDS}plain.md5sums", source=b"0  usr/bin/plain\n0  usr/share/a  b\n"),
        Entry(name=f"{RECORDS}libx", source=SHARED),
        Entry(name="usr/bin/plain", source=b"program", mode=0o755),
    )
}


def text(tree: Tree, name: str) -> str:
    source = tree[name].source
    assert isinstance(source, bytes)
    return source.decode()


def test_dpkg_knows_the_packages() -> None:
    done = managed(TREE)
    status = text(done, "var/lib/dpkg/status")
    assert status.count("Status: install ok installed\n") == 2
    assert [part.splitlines()[0] for part in status.split("\n\n")] == ["Package: libx", "Package: plain"]
    assert text(done, "var/lib/dpkg/info/plain.list").splitlines() == [
        "/.",
        "/usr",
        "/usr/bin",
        "/usr/bin/plain",
        "/usr/share",
        "/usr/share/a  b",
    ]
    assert text(done, "var/lib/dpkg/info/libx:armhf.list") == "/.\n"
    assert not [name for name in done if name.startswith(RECORDS)]
    assert done["usr/bin/plain"] == TREE["usr/bin/plain"]


@pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="no dpkg")
def test_dpkg_itself_reads_it(tmp_path: Path) -> None:
    write_folder(tmp_path, managed(TREE).values())

    def ask(*words: str) -> str:
        query = ["dpkg-query", "--admindir", str(tmp_path / "var/lib/dpkg"), *words]
        return subprocess.run(query, capture_output=True, text=True, check=True).stdout

    shown = ask("--show", "--showformat", "${db:Status-Abbrev}${Package} ${Version}\n")
    assert shown == "ii libx 2\nii plain 1.0-1\n"
    assert ask("--search", "/usr/bin/plain") == "plain: /usr/bin/plain\n"


def test_what_is_the_hosts_is_not_set() -> None:
    done = managed(TREE)
    for unit in ("systemd-sysctl.service", "systemd-modules-load.service", "proc-sys-fs-binfmt_misc.automount"):
        assert done[f"etc/systemd/system/{unit}"].link == "/dev/null"
    # systemd.special(7), machine-id(5).
    assert done["etc/systemd/system/default.target"].link == "/usr/lib/systemd/system/multi-user.target"
    machine = text(done, "etc/machine-id").strip()
    assert len(machine) == 32
    assert int(machine, 16)


def test_users_can_be_added_by_the_scripts_of_packages() -> None:
    """Each stack ends in a decision, as pam-auth-update(8) writes it: jumped past `deny` by what succeeds."""
    done = managed(TREE)
    for name, kind in {"account": "account", "session-noninteractive": "session"}.items():
        lines = [line.split() for line in text(done, f"etc/pam.d/common-{name}").splitlines()]
        assert {words[0] for words in lines} == {kind}
        assert [words[-1] for words in lines[1:3]] == ["pam_deny.so", "pam_permit.so"]
    assert "pam_unix.so" in text(done, "etc/pam.d/common-session").splitlines()[-1]


def test_old_names_lead_to_where_things_are_now() -> None:
    folder = Entry(name="var/run", mode=0o755)
    assert managed({**TREE, folder.name: folder})["var/run"].link == "/run"
