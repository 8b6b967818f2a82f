"""What of Debian packages and of a checkout goes into a root filesystem."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from crosscourse.debian.tree import without
from crosscourse.errors import CrosscourseError, ManifestError
from crosscourse.formats.entries import Entry
from crosscourse.manifest.load import load_manifest
from crosscourse.manifest.locks import made_of
from crosscourse.manifest.model import Manifest
from tasks.kinds import TABLES
from tasks.rootfs.debian import DebianResourceType, copied, spec_of, wanted
from toolchains.targets import get_target

TREE = {
    name: Entry(name=name, source=b"") for name in ("usr/bin/a", "usr/bin/ab", "usr/share/doc/x/y", "usr/share/docs")
}


@pytest.mark.parametrize(
    ("patterns", "left"),
    [
        ((), ["usr/bin/a", "usr/bin/ab", "usr/share/doc/x/y", "usr/share/docs"]),
        (("usr/bin/a",), ["usr/bin/ab", "usr/share/doc/x/y", "usr/share/docs"]),
        (("usr/bin/*",), ["usr/share/doc/x/y", "usr/share/docs"]),
        (("usr/share/doc",), ["usr/bin/a", "usr/bin/ab", "usr/share/docs"]),
        (("usr/bin/none|usr/bin/ab", "usr/share"), ["usr/bin/a"]),
        (("usr/bin/a|usr/bin/ab",), ["usr/share/doc/x/y", "usr/share/docs"]),
    ],
)
def test_without(patterns: tuple[str, ...], left: list[str]) -> None:
    assert list(without(TREE, patterns)) == left


@pytest.mark.parametrize("pattern", ["usr/bin/none", "usr/bin/none|usr/none"])
def test_a_pattern_that_names_nothing_is_told(pattern: str) -> None:
    with pytest.raises(CrosscourseError, match="names nothing in the packages"):
        without(TREE, (pattern,))


def test_copied(tmp_path: Path) -> None:
    folder = tmp_path / "assets"
    (folder / "inner").mkdir(parents=True)
    (folder / "in").write_text("in")
    (folder / "in").chmod(0o755)
    (folder / "inner" / "schema.json").write_text("{}")
    (folder / "link").symlink_to("in")
    found = {entry.name: entry for entry in copied("opt/resource", tmp_path, "assets")}
    assert {name: entry.mode for name, entry in found.items() if entry.link is None} == {
        "opt/resource/in": 0o755,
        "opt/resource/inner/schema.json": 0o644,
    }
    assert found["opt/resource/link"].link == "in"
    assert [entry.name for entry in copied("etc/rc", tmp_path, "assets/in")] == ["etc/rc"]
    with pytest.raises(CrosscourseError, match="is not there"):
        list(copied("x", tmp_path, "none"))


MANIFEST = """
[release]
name = "x"
version = "1"
title = "X"
date = 2026-01-01T00:00:00Z
root = "x"
targets = ["armv7", "riscv64", "armv6"]
[toolchain]
[source.a]
url = "examples/printer"
[debian]
suite = "trixie"
suites = { armv6 = "bookworm" }
[artifact.r]
kind = "debian-resource-type"
source = "a"
path = "r"
metadata = {}
packages = ["hg", "dash"]
suite = "bookworm"
suites = { riscv64 = "sid" }
without = { riscv64 = ["hg"] }
files = { "/etc/a" = "all" }
files-of = { riscv64 = { "/etc/b" = "its own" } }
[artifact.s]
kind = "debian-resource-type"
source = "a"
path = "s"
metadata = {}
packages = ["dash"]
"""


def loaded(tmp_path: Path, text: str = MANIFEST) -> Manifest:
    path = tmp_path / "x.toml"
    path.write_text(text)
    return load_manifest(path, patches=tmp_path, tables=TABLES)


@pytest.mark.parametrize(
    ("name", "target", "suite", "packages"),
    [
        ("r", "armv7", "bookworm", ("hg", "dash")),
        ("r", "riscv64", "sid", ("dash",)),
        ("r", "armv6", "bookworm", ("hg", "dash")),
        ("s", "armv7", "trixie", ("dash",)),
        ("s", "armv6", "bookworm", ("dash",)),
    ],
)
def test_a_target_has_its_own_suite_and_packages(
    tmp_path: Path, name: str, target: str, suite: str, packages: tuple[str, ...]
) -> None:
    manifest = loaded(tmp_path)
    table = manifest.artifact[name]
    assert isinstance(table, DebianResourceType)
    found = wanted(manifest, get_target(target), table)
    assert (found.suite, found.packages, found.architecture) == (suite, packages, get_target(target).debian)


def test_a_target_has_files_of_its_own(tmp_path: Path) -> None:
    manifest = loaded(tmp_path)
    table = manifest.artifact["r"]
    assert isinstance(table, DebianResourceType)
    found = {}
    for name in ("armv7", "riscv64"):
        target = get_target(name)
        lock = made_of({"r": (wanted(manifest, target, table), ())}, date=0)
        found[name] = spec_of(manifest, target, lock, "r", table).files
    assert found == {"armv7": {"/etc/a": "all"}, "riscv64": {"/etc/a": "all", "/etc/b": "its own"}}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("suites = { riscv64", "suites = { riscv65", "artifact.r.suites: riscv65 is no target. Did you mean"),
        ('{ riscv64 = ["hg"] }', '{ riscv64 = ["hh"] }', "artifact.r.without.riscv64: 'hh' is not among the packages"),
        ("without = { riscv64", "without = { amd64", "artifact.r.without: amd64 is no target"),
        ("files-of = { riscv64", "files-of = { amd64", "artifact.r.files-of: amd64 is no target"),
        ("/etc/b", "/etc/a", "artifact.r.files-of.riscv64.\"/etc/a\": 'etc/a' is taken by artifact.r.files.\"/etc/a\""),
        ("/etc/b", "/etc/a/b", "artifact.r.files-of.riscv64.\"/etc/a/b\": 'etc/a/b' is below 'etc/a'"),
    ],
)
def test_targets_and_packages_that_are_none(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert old in MANIFEST
    with pytest.raises(ManifestError, match=re.escape(expected)):
        loaded(tmp_path, MANIFEST.replace(old, new))
