"""Manifests: every problem at once, each with its key and what was expected."""

import json
from pathlib import Path

import pytest

from crosscourse.errors import ManifestError
from crosscourse.manifest.load import load_manifest, schema
from tasks.compile.go_binary import GoBinary
from tasks.kinds import TABLES

ROOT = Path(__file__).resolve().parents[3]

GOOD = """
[release]
name = "x"
version = "1"
title = "X"
date = 2026-01-01T00:00:00Z
root = "x"
targets = ["armv7"]
[toolchain]
go = "1"
[source.a]
url = "https://example.org/a"
commit = "0123456789012345678901234567890123456789"
[artifact.b]
kind = "go-binary"
source = "a"
package = "./b"
path = "bin/b"
"""


def problems(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "x.toml"
    path.write_text(text)
    with pytest.raises(ManifestError) as caught:
        load_manifest(path, patches=tmp_path, tables=TABLES)
    assert str(path) in str(caught.value)
    return caught.value.problems


def test_good_manifest(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text(GOOD)
    manifest = load_manifest(tmp_path / "x.toml", patches=tmp_path, tables=TABLES)
    assert manifest.epoch == 1767225600
    assert isinstance(manifest.artifact["b"], GoBinary)


@pytest.mark.parametrize("path", sorted((ROOT / "releases").glob("*.toml")), ids=lambda path: path.stem)
def test_releases_are_good(path: Path) -> None:
    load_manifest(path, patches=ROOT / "vendor-patches", tables=TABLES)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('version = "1"', "version = 1", "release.version: expected `str`, got `int`"),
        ('title = "X"', 'titel = "X"', "release.titel: unknown key. Did you mean 'title'?"),
        ('title = "X"', "", "release.title: this key is missing"),
        ('root = "x"', 'root = "../x"', "release.root: expected a path inside its folder"),
        ('targets = ["armv7"]', "targets = []", "release.targets: expected `array` of length >= 1"),
        ("01234567890123456789012345678901234567", "", "source.a.commit: expected the full SHA-1"),
        ("commit =", "tag =", "source.a.commit: this key is missing"),
        (
            'kind = "go-binary"',
            'kind = "go-binry"',
            "artifact.b: kind = 'go-binry' is not known. Did you mean 'go-binary'?",
        ),
        ('kind = "go-binary"', "", "artifact.b: the key 'kind' is missing"),
        ('source = "a"', 'source = "aa"', "artifact.b.source: there is no source 'aa'. Did you mean 'a'?"),
        ('path = "bin/b"', "", "none has a path"),
        (
            'path = "bin/b"',
            'path = "bin/b"\nldflags = ["-X {vershun}"]',
            "nothing fills in '{vershun}'. Did you mean 'version'?",
        ),
        ('path = "bin/b"', 'path = "bin/b"\nlibraries = ["c"]', "artifact.b.libraries: there is no library 'c'"),
        ('path = "bin/b"', 'path = "bin/b"\ncgo = true', "needs a C compiler"),
        ('go = "1"', "", "[toolchain] names no version of go"),
        (
            'kind = "go-binary"\nsource = "a"\npackage = "./b"',
            'kind = "c-program"\nsource = "a"\nfiles = ["b.c"]\ngenerate = [{ output = "x", command = ["gprf"] }]',
            "artifact.b.generate[0].command: [toolchain] has no 'gprf'",
        ),
        (
            'kind = "go-binary"\nsource = "a"\npackage = "./b"',
            'kind = "resource-type"\nsource = "a"\nprograms = { "/x" = "b" }\nmetadata = {}',
            "artifact.b.programs.\"/x\": there is no program 'b'",
        ),
        ("[artifact.b]", "[source.a.patches]\n[artifact.b]", "source.a.patches: expected `array`, got `object`"),
    ],
)
def test_one_problem(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert old in GOOD
    assert expected in "\n".join(problems(tmp_path, GOOD.replace(old, new)))


def test_all_problems_at_once(tmp_path: Path) -> None:
    text = GOOD.replace('version = "1"', "version = 1")
    text = text.replace('package = "./b"', "cgo = 3").replace("url = ", "ur = ")
    found = problems(tmp_path, text)
    assert len(found) == 5, found


def test_missing_patch_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "fix-it.patch").write_text("")
    found = problems(tmp_path, GOOD.replace("[artifact.b]", 'patches = ["a/fixit.patch"]\n[artifact.b]'))
    assert found == [
        "source.a.patches[0]: there is no vendor-patches/a/fixit.patch. Did you mean "
        "'a/fix-it.patch'? Known: a/fix-it.patch."
    ]


def test_two_artifacts_at_one_place(tmp_path: Path) -> None:
    text = GOOD + '\n[artifact.c]\nkind = "go-binary"\nsource = "a"\npackage = "./c"\npath = "bin/b"\n'
    assert problems(tmp_path, text) == ["artifact.c.path: 'bin/b' is taken by artifact.b.path"]


def test_not_toml(tmp_path: Path) -> None:
    assert "not valid TOML" in problems(tmp_path, "[release\n")[0]


def test_schema_file_is_the_one_of_the_types() -> None:
    written = json.loads((ROOT / "releases" / "schema.json").read_text())
    assert written == schema(TABLES), "run: python -m tasks.schema"
