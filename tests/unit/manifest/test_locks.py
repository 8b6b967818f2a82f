"""Lock files: what is written is read, damage is told, and a lock of other wishes is none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from crosscourse.manifest import locks
from crosscourse.manifest.locks import Lock, LockError, Package, Wanted

WANTED = Wanted(suite="trixie", architecture="armhf", packages=("git", "jq"), without=("dpkg",))


def package(name: str, version: str = "1") -> Package:
    return Package(name=name, version=version, architecture="armhf", sha256="0" * 64, size=1, path=f"pool/{name}.deb")


def lock(*packages: Package, name: str = "git") -> Lock:
    return locks.made_of({name: (WANTED, packages)}, date=5)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "locks" / "x.armv7.json"
    made = lock(package("jq"), package("git"))
    locks.write(path, made)
    assert locks.read(path) == made
    before = path.read_bytes()
    locks.write(path, lock(package("git"), package("jq")))
    assert path.read_bytes() == before
    assert sum("armhf" in line for line in before.decode().splitlines()) == 3  # a line each, and one for the set


def test_no_lock_is_an_empty_one(tmp_path: Path) -> None:
    assert locks.read(tmp_path / "x.json") == Lock()


def test_what_is_wanted_otherwise_is_not_locked() -> None:
    made = lock(package("git"), package("jq"))
    assert made.pinned("git", WANTED).packages == (package("git"), package("jq"))
    assert made.pinned("git", WANTED).date == 5
    for other in (
        Wanted(suite="sid", architecture="armhf", packages=("git", "jq"), without=("dpkg",)),
        Wanted(suite="trixie", architecture="arm64", packages=("git", "jq"), without=("dpkg",)),
        Wanted(suite="trixie", architecture="armhf", packages=("git",), without=("dpkg",)),
        Wanted(suite="trixie", architecture="armhf", packages=("git", "jq")),
    ):
        assert made.pinned("git", other).packages is None
    assert made.pinned("hg", WANTED).packages is None


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"format": 2}', '{"packages": 1}', "\ud800"])
def test_damage_is_told(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(damage, encoding="utf-8", errors="surrogatepass")
    with pytest.raises(LockError, match=r"x\.json") as caught:
        locks.read(path)
    assert "./doit lock" in caught.value.remedy


def test_a_set_of_packages_that_are_not_there_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    locks.write(path, lock(package("git"), package("jq")))
    data = json.loads(path.read_text())
    del data["packages"]["jq_1_armhf"]
    path.write_text(json.dumps(data))
    with pytest.raises(LockError, match="has no jq_1_armhf"):
        locks.read(path)


def test_changes_are_told() -> None:
    before = lock(package("git"), package("jq"), package("gone"))
    after = lock(package("git", "2"), package("jq"), package("new"))
    assert locks.changes(before, after) == ["  git (armhf) 1 -> 2", "- gone (armhf) 1", "+ new (armhf) 1"]
    assert locks.changes(after, after) == []
