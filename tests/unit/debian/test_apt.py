"""What packages come to, by apt: what it is told, how its answers are read. A small script stands for the network."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from crosscourse.debian import apt
from crosscourse.debian.apt import DebianError, find_keyring, find_mirror
from crosscourse.debian.resolve import date, resolve
from crosscourse.engine.places import Places
from crosscourse.manifest.locks import Package, Wanted
from crosscourse.run.process import CommandError
from tests.unit.places import make_places

MIRROR = "http://mirror.test/debian"
WANTED = Wanted(suite="bookworm", architecture="armhf", packages=("tool", "libx1"), without=("dpkg", "tool", "perl"))


def needs(program: str) -> str:
    """A program that these tests run for real."""
    found = shutil.which(program)
    if found is None and os.environ.get("CI"):
        pytest.fail(f"{program} is not there")
    if found is None:
        pytest.skip(f"{program} is not there")
    return found


@pytest.fixture
def at(tmp_path: Path) -> Places:
    return make_places(tmp_path, caches=tmp_path / "cache")


@pytest.fixture
def keyring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "keys.gpg"
    path.write_bytes(b"")
    monkeypatch.setattr(apt, "KEYRINGS", (path,))
    return path


def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A program apt-get, found before the machine's."""
    program = tmp_path / "bin" / "apt-get"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ncd {tmp_path}\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")


def targets(*rows: str) -> str:
    return "cat <<'END'\n" + "\n".join(rows) + "\nEND"


SECURITY = "http://mirror.test/debian-security/|Debian|main|Packages|Debian-Security"


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (["http://mirror.test/debian/|Debian|main|Packages|Debian"], MIRROR),
        ([SECURITY, "http://mirror.test/debian/|Debian|main|Packages|Debian"], MIRROR),
        (["http://other.test/x/|Other|main|Packages|X", "http://d.test/d|Debian|main|Packages|D"], "http://d.test/d"),
        (["http://mirror.test/debian/||main|Packages|"], MIRROR),
        (["http://first.test/debian/||main|Packages|", f"{MIRROR}|Debian|main|Packages|Debian"], MIRROR),
        (["Warning: something", f"{MIRROR}|Debian|main|Packages|Debian"], MIRROR),
    ],
    ids=["only", "not security", "not another's", "before update", "one that is known", "other lines"],
)
def test_the_mirror_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: Places, rows: list[str], expected: str
) -> None:
    stand_in(tmp_path, monkeypatch, targets(*rows))
    assert find_mirror(None, at) == expected


@pytest.mark.parametrize(
    "row",
    [
        "",
        SECURITY,
        "http://mirror.test/ubuntu/|Ubuntu|main|Packages|Ubuntu",
        "http://mirror.test/debian/|Debian|contrib|Packages|Debian",
        "http://mirror.test/debian/|Debian|main|Translations|Debian",
        "http://mirror.test/else/||main|Packages|",
    ],
)
def test_no_mirror_of_debian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: Places, row: str) -> None:
    stand_in(tmp_path, monkeypatch, targets(row))
    with pytest.raises(DebianError, match="knows no Debian archive") as caught:
        find_mirror(None, at)
    assert 'debian = "http://MIRROR/debian"' in caught.value.remedy
    assert "crosscourse.toml" in caught.value.remedy


def test_the_users_setting_wins_and_the_machine_is_not_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: Places
) -> None:
    stand_in(tmp_path, monkeypatch, "touch asked; " + targets("http://d.test/d|Debian|main|Packages|D"))
    assert find_mirror(MIRROR, at) == MIRROR
    assert not (tmp_path / "asked").exists()


def test_the_first_keyring_that_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = tmp_path / "keys.gpg", tmp_path / "keys.pgp"
    monkeypatch.setattr(apt, "KEYRINGS", (old, new))
    with pytest.raises(DebianError, match=r"keys\.gpg is not there") as caught:
        find_keyring()
    assert "apt-get install debian-archive-keyring" in caught.value.remedy
    assert "dnf install debian-keyring" in caught.value.remedy
    new.touch()
    assert find_keyring() == new
    old.touch()
    assert find_keyring() == old


SHA = "5d77ae282441d3ef0560141d55b4ac562d2cba7a873eb9ad7572ccfe69471ebf"
# What apt-get prints.
PLAN = f"""\
Reading package lists...
The following NEW packages will be installed:
  tool libx1
Need to get 3 B of archives.
'{MIRROR}/pool/main/t/tool/tool_1.0-1_all.deb' tool_1.0-1_all.deb 1 SHA256:{SHA}
'{MIRROR}/pool/main/libx/libx1/libx1_2.3%7erc1-4%2bb1_armhf.deb' libx1_1%3a2.3~rc1-4+b1_armhf.deb 2 SHA256:{SHA}
"""
FOUND = (
    Package(
        name="libx1",
        version="1:2.3~rc1-4+b1",
        architecture="armhf",
        sha256=SHA,
        size=2,
        path="pool/main/libx/libx1/libx1_2.3~rc1-4+b1_armhf.deb",
    ),
    Package(
        name="tool",
        version="1.0-1",
        architecture="all",
        sha256=SHA,
        size=1,
        path="pool/main/t/tool/tool_1.0-1_all.deb",
    ),
)
ASKING = """
echo "$* | $DEBIAN_FRONTEND $APT_CONFIG" >>calls
case $1 in --option) cat plan ;; esac
"""


def test_resolve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: Places, keyring: Path) -> None:
    stand_in(tmp_path, monkeypatch, ASKING)
    (tmp_path / "plan").write_text(PLAN)
    assert resolve(WANTED, mirror=MIRROR, at=at) == FOUND
    folder = tmp_path / "cache/debian/bookworm-armhf"
    option = f"--option Dir::Cache::archives={at.scratch / 'archives'}"
    assert (tmp_path / "calls").read_text().splitlines() == [
        f"{words} | noninteractive {folder}/apt.conf"
        for words in ("update --error-on=any", f"{option} --print-uris --yes install tool libx1")
    ]
    sources = (folder / "etc/sources.list").read_text()
    assert sources == f"deb [signed-by={keyring}] {MIRROR} bookworm main\n"


@pytest.mark.parametrize("plan", ["", PLAN.replace("SHA256:", "MD5Sum:")], ids=["nothing", "digests of another sort"])
@pytest.mark.usefixtures("keyring")
def test_what_can_not_be_locked_is_no_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: Places, plan: str
) -> None:
    stand_in(tmp_path, monkeypatch, ASKING)
    (tmp_path / "plan").write_text(plan)
    with pytest.raises(DebianError, match="printed no packages") as caught:
        resolve(WANTED, mirror=MIRROR, at=at)
    assert str(at.log) in caught.value.remedy


def test_the_date_is_that_of_the_newest_index(tmp_path: Path, at: Places) -> None:
    lists = tmp_path / "cache/debian/bookworm-armhf/lists"
    lists.mkdir(parents=True)
    (lists / "a_InRelease").write_text("Origin: Debian\nDate: Sat, 11 Jul 2026 10:16:37 UTC\nSHA256:\n")
    (lists / "b_Release").write_text("Date: Sat, 11 Jul 2020 10:16:37 UTC\n")
    assert date(WANTED, at=at) == 1783764997
    (lists / "a_InRelease").write_text("Origin: Debian\n")
    (lists / "b_Release").unlink()
    with pytest.raises(DebianError, match="no Release file with a date"):
        date(WANTED, at=at)


@pytest.mark.usefixtures("keyring")
def test_what_is_taken_to_be_there_but_not_what_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: Places
) -> None:
    stand_in(tmp_path, monkeypatch, ASKING)
    (tmp_path / "plan").write_text(PLAN)
    resolve(WANTED, mirror=MIRROR, at=at)
    paragraphs = (tmp_path / "cache/debian/bookworm-armhf/status").read_text().strip().split("\n\n")
    fields = [dict(line.split(": ", 1) for line in text.splitlines()) for text in paragraphs]
    assert [(row["Package"], row["Status"], row["Architecture"]) for row in fields] == [
        ("dpkg", "install ok installed", "armhf"),
        ("perl", "install ok installed", "armhf"),
    ]


@pytest.mark.usefixtures("keyring")
def test_apt_reads_the_configuration_as_it_is_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: Places
) -> None:
    program = needs("apt-config")
    stand_in(tmp_path, monkeypatch, ASKING)
    (tmp_path / "plan").write_text(PLAN)
    resolve(WANTED, mirror=MIRROR, at=at)
    folder = tmp_path / "cache/debian/bookworm-armhf"
    env = {"PATH": os.environ["PATH"], "APT_CONFIG": str(folder / "apt.conf")}
    dump = subprocess.run([program, "dump"], env=env, check=True, capture_output=True, text=True).stdout
    rows = dict(line.rstrip(";").replace('"', "").split(" ", 1) for line in dump.splitlines())
    assert rows["APT::Architecture"] == "armhf"
    assert [line for line in dump.splitlines() if line.startswith("APT::Architectures")][1:] == [
        'APT::Architectures:: "armhf";'
    ]
    assert rows["APT::Install-Recommends"] == "false"
    assert rows["APT::Sandbox::User"] == "root"
    for key in ("Dir", "Dir::State", "Dir::State::lists", "Dir::State::status", "Dir::Cache", "Dir::Cache::archives",
                "Dir::Etc", "Dir::Log"):  # fmt: skip
        assert rows[key].rstrip("/").startswith(str(folder)), key
    for name in ("lists/partial", "archives/partial", "etc/preferences.d"):
        assert (folder / name).is_dir()


@pytest.mark.usefixtures("keyring")
def test_the_machines_proxies_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: Places) -> None:
    stand_in(tmp_path, monkeypatch, ASKING)
    (tmp_path / "plan").write_text(PLAN)
    said = 'APT "";\nAcquire::http::Proxy "http://proxy.test:8080";\nAcquire::https::Proxy "";\nAcquire::Retries "3";\n'
    (tmp_path / "bin" / "apt-config").write_text(f"#!/bin/sh\ncat <<'END'\n{said}END\n")
    (tmp_path / "bin" / "apt-config").chmod(0o755)
    resolve(WANTED, mirror=MIRROR, at=at)
    rows = (tmp_path / "cache/debian/bookworm-armhf/apt.conf").read_text().splitlines()
    assert [row for row in rows if row.startswith("Acquire::")] == [
        'Acquire::Languages "none";',
        'Acquire::ForceHash "SHA256";',
        'Acquire::http::Proxy "http://proxy.test:8080";',
    ]


@pytest.mark.parametrize(
    ("said", "kind", "expected"),
    [
        ("E: Unable to locate package nonesuch", DebianError, r"Unable to locate package nonesuch\n.*Check the names"),
        ("E: Package 'x' has no installation candidate", DebianError, r"candidate\n.*Check the names and the suite"),
        ("E: The repository 'x' is not signed.", DebianError, r"not signed.\n.*update debian-archive-keyring"),
        ("W: GPG error: x NO_PUBKEY 0123", DebianError, r"NO_PUBKEY 0123\n.*update debian-archive-keyring"),
        ("E: Unmet dependencies", CommandError, "apt-get: ended with exit status 100"),
        ("note: a package that is not signed", CommandError, "apt-get: ended with exit status 100"),
    ],
)
@pytest.mark.usefixtures("keyring")
def test_what_apt_refuses_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: Places, said: str, kind: type[Exception], expected: str
) -> None:
    stand_in(tmp_path, monkeypatch, f'echo call >>calls; echo "{said}"; exit 100')
    with pytest.raises(kind, match=expected) as caught:
        resolve(WANTED, mirror=MIRROR, at=at)
    assert type(caught.value) is kind
    assert (tmp_path / "calls").read_text() == "call\n"


def troubled(said: str) -> str:
    """What stands for apt-get and fails twice."""
    return f"{ASKING}\n[ $(wc -l <calls) -gt 2 ] || {{ echo {shlex.quote(said)}; exit 100; }}"


@pytest.mark.parametrize(
    "said",
    [
        "E: Failed to fetch http://mirror.test/x  404",
        "Err:1 http://mirror.test Temporary failure resolving 'mirror.test'",
        "Err:1 http://mirror.test bookworm InRelease\n  Could not resolve 'mirror.test'",
        "E: File x: Hash Sum mismatch",
        "   File has unexpected size (1 != 2). Mirror sync in progress?",
        "Could not connect to mirror.test:80 (192.0.2.1), Connection timed out",
    ],
)
@pytest.mark.usefixtures("keyring")
def test_trouble_of_the_network_is_worth_another_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: Places, said: str
) -> None:
    monkeypatch.setenv("CROSSCOURSE_RETRIES", "3")
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _: None)
    stand_in(tmp_path, monkeypatch, troubled(said))
    (tmp_path / "plan").write_text(PLAN)
    assert resolve(WANTED, mirror=MIRROR, at=at) == FOUND


@pytest.mark.usefixtures("keyring")
def test_trouble_that_stays_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: Places) -> None:
    monkeypatch.setenv("CROSSCOURSE_RETRIES", "2")
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _: None)
    stand_in(tmp_path, monkeypatch, troubled("  Could not connect to mirror.test:80"))
    with pytest.raises(CommandError, match=r"exit status 100") as caught:
        resolve(WANTED, mirror=MIRROR, at=at)
    assert caught.value.tail == "Could not connect to mirror.test:80"
    assert len((tmp_path / "calls").read_text().splitlines()) == 2


def test_an_archive_without_a_signature_is_refused_by_apt_itself(tmp_path: Path, at: Places, keyring: Path) -> None:
    needs("apt-get")
    release = tmp_path / "mirror" / "dists" / "bookworm" / "Release"
    release.parent.mkdir(parents=True)
    release.write_text("Origin: Debian\nSuite: bookworm\nCodename: bookworm\nArchitectures: armhf\nComponents: main\n")
    keyring.touch()
    with pytest.raises(DebianError, match="is not signed") as caught:
        resolve(WANTED, mirror=f"file:{tmp_path}/mirror", at=at)
    assert "update debian-archive-keyring" in caught.value.remedy
