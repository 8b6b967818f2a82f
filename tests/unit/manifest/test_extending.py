"""A manifest that extends another one: what it comes to, and that each error names the file that said it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from crosscourse.errors import ManifestError
from crosscourse.layout import Layout
from crosscourse.manifest.extending import read_whole
from crosscourse.manifest.load import Loaded, load, schema_of_extending
from tasks.kinds import TABLES

ROOT = Path(__file__).resolve().parents[3]

BASE = """
[release]
name = "x"
version = "1"
title = "X"
date = 2026-01-01T00:00:00Z
root = "x"
targets = ["armv7", "arm64"]
[toolchain]
go = "1"
[go]
flags = ["-trimpath"]
[source.a]
url = "https://example.org/a"
commit = "0123456789012345678901234567890123456789"
omit = ["/docs"]
[artifact.b]
kind = "go-binary"
source = "a"
package = "./b"
path = "bin/b"
[artifact.c]
kind = "go-binary"
source = "a"
package = "./c"
path = "bin/c"
"""
MORE = """
extends = "base"
[release]
version = "2"
"""


def write(folder: Path, **files: str) -> Path:
    """Manifests; the path of the last one."""
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(text)
    return folder / f"{[*files][-1]}.toml"


def loaded(folder: Path, **files: str) -> Loaded:
    return load(write(folder, **files), patches=folder, tables=TABLES)


def problems(folder: Path, **files: str) -> list[str]:
    with pytest.raises(ManifestError) as caught:
        loaded(folder, **files)
    return [f"{Path(caught.value.subject).name}: {problem}" for problem in caught.value.problems]


def test_what_is_not_said_is_as_there(tmp_path: Path) -> None:
    found = loaded(tmp_path, base=BASE, more=MORE)
    assert (found.manifest.release.name, found.manifest.release.version) == ("x", "2")
    assert found.manifest.artifact == loaded(tmp_path, base=BASE).manifest.artifact
    assert found.bases == ("base",)


def test_tables_are_merged_and_lists_replaced(tmp_path: Path) -> None:
    text = MORE + '[source.a]\nomit = ["/x"]\n[artifact.b]\nmemory = 7\n[artifact.d]\nkind = "c-program"\n'
    text += 'source = "a"\nfiles = ["d.c"]\n[toolchain]\nzig = "1"\n'
    made = loaded(tmp_path, base=BASE, more=text).manifest
    assert made.source["a"].omit == ["/x"]
    assert made.source["a"].url == "https://example.org/a"
    assert (made.artifact["b"].memory, made.artifact["b"].path) == (7, "bin/b")
    assert [*made.artifact] == ["b", "c", "d"]


def test_what_is_removed_is_gone(tmp_path: Path) -> None:
    text = 'remove = ["artifact.c", "go.flags", "source.a.omit"]\n' + MORE
    made = loaded(tmp_path, base=BASE, more=text).manifest
    assert [*made.artifact] == ["b"]
    assert (made.go.flags, made.source["a"].omit) == ([], [])


def test_what_is_removed_can_be_said_anew(tmp_path: Path) -> None:
    text = 'remove = ["artifact.b"]\n' + MORE
    text += '[artifact.b]\nkind = "c-program"\nsource = "a"\nfiles = ["b.c"]\n[toolchain]\nzig = "1"\n'
    assert loaded(tmp_path, base=BASE, more=text).manifest.artifact["b"].path is None


def test_quoted_keys_are_removed(tmp_path: Path) -> None:
    base = BASE + '[artifact.r]\nkind = "resource-type"\nsource = "a"\npath = "r"\nmetadata = {}\n'
    base += 'programs = { "/opt/a.b" = "b", "/opt/c" = "c" }\n'
    text = "remove = ['artifact.r.programs.\"/opt/a.b\"']\n" + MORE
    made = loaded(tmp_path, base=base, more=text).manifest.artifact["r"]
    assert getattr(made, "programs") == {"/opt/c": "c"}  # noqa: B009  # of one kind only


def test_one_that_extends_one_that_extends(tmp_path: Path) -> None:
    middle = MORE + "[artifact.b]\nmemory = 7\n[artifact.c]\nmemory = 7\n"
    last = 'extends = "middle"\n[release]\nversion = "3"\n[artifact.c]\nmemory = 8\n'
    found = loaded(tmp_path, base=BASE, middle=middle, last=last)
    assert [table.memory for table in found.manifest.artifact.values()] == [7, 8]
    assert found.bases == ("middle", "base")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (MORE.replace("base", "bas"), "more.toml: extends: there is no release 'bas'. Did you mean 'base'?"),
        (MORE.replace('"base"', "1"), "more.toml: extends: expected `str`, got `int`"),
        (MORE.replace('"base"', '"more"'), "more.toml: extends: goes in a circle: more → more"),
        ('remove = "x"\n' + MORE, "more.toml: remove: expected `array`, got `str`"),
        ('remove = ["artifact.cc"]\n' + MORE, "more.toml: remove[0]: base.toml has no 'artifact.cc'. Did you mean"),
        ('remove = ["go.flags.x"]\n' + MORE, "more.toml: remove[0]: base.toml has no 'go.flags.x': 'go.flags' is no"),
        ('remove = ["a b"]\n' + MORE, "more.toml: remove[0]: base.toml has no 'a b': a key is written as in TOML"),
        ('remove = ["artifact.b", "source"]\n' + MORE, "more.toml: source: this key is missing"),
        ('extends = "base"\n', "more.toml: release.version: this key is missing: a release that extends"),
        (MORE + '[source.b]\nurl = "/"\n', "more.toml: source.b.url: expected a URL"),
        (MORE + "[artifact.b]\nmemry = 1\n", "more.toml: artifact.b.memry: unknown key. Did you mean 'memory'?"),
        ('remove = ["release"]\n' + MORE, "more.toml: release.name: this key is missing"),
    ],
)
def test_one_problem(tmp_path: Path, text: str, expected: str) -> None:
    assert expected in "\n".join(problems(tmp_path, base=BASE, more=text))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('path = "bin/b"', 'path = "/b"', "more.toml: base.toml: artifact.b.path: expected a path inside its folder"),
        ('package = "./c"\n', "", "more.toml: base.toml: artifact.c.package: this key is missing"),
        ('go = "1"', "", "more.toml: base.toml: artifact.b: made by Go, but [toolchain] names no version of go"),
        ('omit = ["/docs"]', "omit = [1]", "more.toml: base.toml: source.a.omit[0]: expected `str`, got `int`"),
        ("[go]", "[go", "base.toml: not valid TOML"),
    ],
)
def test_what_the_other_one_says_is_told_of_that(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert old in BASE
    assert expected in "\n".join(problems(tmp_path, base=BASE.replace(old, new), more=MORE))


def test_a_circle_of_three(tmp_path: Path) -> None:
    files = {name: MORE.replace('"base"', f'"{to}"') for name, to in (("a", "b"), ("b", "c"), ("c", "b"))}
    write(tmp_path, **files)
    with pytest.raises(ManifestError, match="goes in a circle: b → c → b"):
        read_whole(tmp_path / "a.toml")


def test_a_version_is_its_own_though_the_name_is_not(tmp_path: Path) -> None:
    """Two releases that extend the same one, with one version, would make packages of one name."""
    found = problems(tmp_path, base=BASE, other=MORE, more=MORE)
    assert found == ["more.toml: release.version: other.toml makes packages of the same name, x-2: give one of them "
                     "another name or version"]  # fmt: skip


def test_schema_file_is_the_one_of_the_types() -> None:
    written = json.loads((ROOT / "releases" / "schema-extends.json").read_text())
    assert written == schema_of_extending(TABLES), "run: python -m tasks.schema"


def test_the_schema_asks_for_nothing_but_its_own_keys() -> None:
    made = schema_of_extending(TABLES)
    defined = made["$defs"]
    assert isinstance(defined, dict)
    assert {name: table["required"] for name, table in defined.items() if "required" in table} == {
        "Manifest": ["extends"]
    }
    assert {"extends", "remove", "artifact"} <= set(defined["Manifest"]["properties"])


def test_a_lock_of_the_other_one_counts_until_there_is_an_own_one(tmp_path: Path) -> None:
    layout = Layout(root=tmp_path, release="more", cache=tmp_path, override={}, bases=("base",))
    locks = tmp_path / "releases" / "locks"
    locks.mkdir(parents=True)
    assert layout.lock("armv7").name == "more.armv7.json"
    (locks / "base.armv7.json").touch()
    assert layout.lock("armv7").name == "base.armv7.json"
    assert layout.lock("armv7", own=True).name == "more.armv7.json"
    (locks / "more.armv7.json").touch()
    assert layout.lock("armv7").name == "more.armv7.json"
