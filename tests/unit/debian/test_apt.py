"""Debian packages by apt: what it is told, how its answers are read. A small script stands for apt-get's network."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from crosscourse.debian import apt
from crosscourse.debian.apt import DebianError, Wanted, fetch, find_keyring, find_mirror
from crosscourse.engine.places import Places
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
    return make_places(tmp_path)


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


# What apt-get prints, and the names that it gives to files.
PLAN = """\
Reading package lists...
Inst tool (1.0-1 Debian:12.12/oldstable, Debian-Security:12/oldstable-security [all])
Inst libx1 (1:2.3~rc1-4+b1 Debian:12.12/oldstable [armhf]) []
Conf libx1 (1:2.3~rc1-4+b1 Debian:12.12/oldstable [armhf])
Inst gcc-12-base (4:12.2.0-14 Debian:12.12/oldstable [armhf]) [tool:armhf ]
Remv old [1.0]
"""
FILES = ["gcc-12-base_4%3a12.2.0-14_armhf.deb", "libx1_1%3a2.3~rc1-4+b1_armhf.deb", "tool_1.0-1_all.deb"]
FETCHING = f"""
echo "$* | $DEBIAN_FRONTEND $APT_CONFIG" >>calls
case $1 in
    --simulate) cat plan ;;
    --download-only) for name in {" ".join(FILES)}; do touch "cache/debian/bookworm-armhf/archives/$name"; done ;;
esac
"""


def test_fetch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: Places, keyring: Path) -> None:
    stand_in(tmp_path, monkeypatch, FETCHING)
    (tmp_path / "plan").write_text(PLAN)
    found = fetch(WANTED, cache=tmp_path / "cache", mirror=MIRROR, at=at)
    folder = tmp_path / "cache/debian/bookworm-armhf"
    assert found == [folder / "archives" / name for name in FILES]
    assert (tmp_path / "calls").read_text().splitlines() == [
        f"{words} | noninteractive {folder}/apt.conf"
        for words in (
            "update --error-on=any",
            "--simulate --yes install tool libx1",
            "--download-only --yes install tool libx1",
        )
    ]
    sources = (folder / "etc/sources.list").read_text()
    assert sources == f"deb [signed-by={keyring}] {MIRROR} bookworm main\n"


@pytest.mark.parametrize(
    ("plan", "expected"),
    [(PLAN + "Inst more (2:1 Debian [armhf])\n", "did not fetch more_2%3a1_armhf.deb"), ("", "did not fetch anything")],
)
@pytest.mark.usefixtures("keyring")
def test_what_was_not_fetched_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: Places, plan: str, expected: str
) -> None:
    stand_in(tmp_path, monkeypatch, FETCHING)
    (tmp_path / "plan").write_text(plan)
    with pytest.raises(DebianError, match=expected) as caught:
        fetch(WANTED, cache=tmp_path / "cache", mirror=MIRROR, at=at)
    assert str(at.log) in caught.value.remedy


@pytest.mark.usefixtures("keyring")
def test_what_is_taken_to_be_there_but_not_what_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: Places
) -> None:
    stand_in(tmp_path, monkeypatch, FETCHING)
    (tmp_path / "plan").write_text(PLAN)
    fetch(WANTED, cache=tmp_path / "cache", mirror=MIRROR, at=at)
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
    stand_in(tmp_path, monkeypatch, FETCHING)
    (tmp_path / "plan").write_text(PLAN)
    fetch(WANTED, cache=tmp_path / "cache", mirror=MIRROR, at=at)
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
    stand_in(tmp_path, monkeypatch, FETCHING)
    (tmp_path / "plan").write_text(PLAN)
    said = 'APT "";\nAcquire::http::Proxy "http://proxy.test:8080";\nAcquire::https::Proxy "";\nAcquire::Retries "3";\n'
    (tmp_path / "bin" / "apt-config").write_text(f"#!/bin/sh\ncat <<'END'\n{said}END\n")
    (tmp_path / "bin" / "apt-config").chmod(0o755)
    fetch(WANTED, cache=tmp_path / "cache", mirror=MIRROR, at=at)
    rows = (tmp_path / "cache/debian/bookworm-armhf/apt.conf").read_text().splitlines()
    assert [row for row in rows if row.startswith("Acquire::")] == [
        'Acquire::Languages "none";',
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
        fetch(WANTED, cache=tmp_path / "cache", mirror=MIRROR, at=at)
    assert type(caught.value) is kind
    assert (tmp_path / "calls").read_text() == "call\n"


def troubled(said: str) -> str:
    """What stands for apt-get and fails twice."""
    return f"{FETCHING}\n[ $(wc -l <calls) -gt 2 ] || {{ echo {shlex.quote(said)}; exit 100; }}"


@pytest.mark.parametrize(
    "said",
    [
        "E: Failed to fetch http://mirror.test/x  404",
        "Err:1 http://mirror.test Temporary failure resolving",
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
    assert len(fetch(WANTED, cache=tmp_path / "cache", mirror=MIRROR, at=at)) == len(FILES)


@pytest.mark.usefixtures("keyring")
def test_trouble_that_stays_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: Places) -> None:
    monkeypatch.setenv("CROSSCOURSE_RETRIES", "2")
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _: None)
    stand_in(tmp_path, monkeypatch, troubled("E: Could not connect to mirror.test"))
    with pytest.raises(CommandError, match=r"exit status 100") as caught:
        fetch(WANTED, cache=tmp_path / "cache", mirror=MIRROR, at=at)
    assert caught.value.tail == "E: Could not connect to mirror.test"
    assert len((tmp_path / "calls").read_text().splitlines()) == 2


def test_an_archive_without_a_signature_is_refused_by_apt_itself(tmp_path: Path, at: Places, keyring: Path) -> None:
    needs("apt-get")
    release = tmp_path / "mirror" / "dists" / "bookworm" / "Release"
    release.parent.mkdir(parents=True)
    release.write_text("Origin: Debian\nSuite: bookworm\nCodename: bookworm\nArchitectures: armhf\nComponents: main\n")
    keyring.touch()
    with pytest.raises(DebianError, match="is not signed") as caught:
        fetch(WANTED, cache=tmp_path / "cache", mirror=f"file:{tmp_path}/mirror", at=at)
    assert "update debian-archive-keyring" in caught.value.remedy
