"""``./doit lock``: what is asked of apt, written and said. A small script stands for apt and the network."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from crosscourse.debian import apt
from crosscourse.debian.apt import DebianError
from crosscourse.engine.places import Places
from crosscourse.manifest import locks
from crosscourse.manifest.locks import Wanted
from tasks.lock import Locking, lock
from tests.unit.places import make_places

MIRROR = "http://mirror.test/debian"
SHA = "0" * 64
# What a set's packages come to is in a file of the first one's name; there is no other package.
APT = f"""
echo "$1 ${{APT_CONFIG%/apt.conf}}" >>calls
case $1 in
--option)
    for package; do
        [ "${{package#--}}" != "$package" ] || [ "$package" = "$2" ] || [ "$package" = install ] || {{
            version=$(cat "versions/$package") || {{ echo "E: Unable to locate package $package" >&2; exit 100; }}
            file=${{package}}_${{version}}_armhf.deb
            echo "'{MIRROR}/pool/$file' $file 7 SHA256:{SHA}"
        }}
    done ;;
update)
    mkdir -p "${{APT_CONFIG%/apt.conf}}/lists"
    echo "Date: Sat, 11 Jul 2026 10:16:37 UTC" >"${{APT_CONFIG%/apt.conf}}/lists/x_InRelease" ;;
esac
"""


def of(suite: str, *packages: str) -> Wanted:
    return Wanted(suite=suite, architecture="armhf", packages=packages)


SETS = {"one": of("bookworm", "git"), "two": of("bookworm", "git", "hg"), "guest": of("trixie", "init")}


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    keyring = tmp_path / "keys.gpg"
    keyring.write_bytes(b"")
    monkeypatch.setattr(apt, "KEYRINGS", (keyring,))
    program = tmp_path / "bin" / "apt-get"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ncd {tmp_path}\n{APT}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    (tmp_path / "versions").mkdir()
    for name in ("git", "hg", "init"):
        (tmp_path / "versions" / name).write_text("1.0")
    return make_places(
        tmp_path,
        caches=tmp_path / "cache",
        origins={"debian": (MIRROR,)},
        own_place=tmp_path / "locks" / "release.armv7.json",
    )


def locked(at: Places) -> dict[str, tuple[str, ...]]:
    return {name: one.packages for name, one in locks.read(at.place).sets.items()}


def test_what_is_locked(at: Places) -> None:
    lock(Locking(sets=SETS, optional=()), at)
    assert locked(at) == {
        "one": ("git_1.0_armhf",),
        "two": ("git_1.0_armhf", "hg_1.0_armhf"),
        "guest": ("init_1.0_armhf",),
    }
    assert any("3 packages, 0 MB" in line for line in at.reported)


def test_sets_of_one_suite_are_resolved_from_one_index(at: Places, tmp_path: Path) -> None:
    lock(Locking(sets=SETS, optional=()), at)
    calls = (tmp_path / "calls").read_text().splitlines()
    folder = tmp_path / "cache/debian"
    assert [line for line in calls if line.startswith("update ")] == [
        f"update {folder}/bookworm-armhf",
        f"update {folder}/trixie-armhf",
    ]
    assert len(calls) == 2 + len(SETS)


def test_what_changed_is_said(at: Places, tmp_path: Path) -> None:
    asking = Locking(sets=SETS, optional=())
    lock(asking, at)
    (tmp_path / "versions" / "git").write_text("1.1")
    at.reported.clear()
    lock(asking, at)
    assert any("git" in line and "1.0" in line and "1.1" in line for line in at.reported)
    at.reported.clear()
    lock(asking, at)
    assert any("nothing changed" in line for line in at.reported)


def test_a_package_that_is_not_there(at: Places, tmp_path: Path) -> None:
    (tmp_path / "versions" / "hg").unlink()
    with pytest.raises(DebianError, match="hg"):
        lock(Locking(sets=SETS, optional=()), at)
    assert not at.place.exists()
    lock(Locking(sets=SETS, optional=("two",)), at)
    assert set(locked(at)) == {"one", "guest"}
    assert any(line.startswith("two is not locked") for line in at.reported)
