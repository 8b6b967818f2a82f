"""Files of a page: what of a source they are made of, and that all of them are there and no other."""

from pathlib import Path
from typing import Any

import pytest

from crosscourse.errors import ManifestError
from crosscourse.manifest.load import load_manifest
from crosscourse.manifest.locks import Lock
from crosscourse.manifest.model import Manifest
from tasks.compile import go_binary, inputs
from tasks.compile.inputs import AssetsError
from tasks.kinds import TABLES, kind_of, step_name
from tasks.package.steps import distribution
from tasks.web import node_assets
from tasks.web.node_assets import NodeAssetsBuild
from tests.unit.places import make_places
from toolchains.targets import get_target

TEXT = """
[release]
name = "x"
version = "7"
title = "X"
date = 2026-01-01T00:00:00Z
root = "x"
targets = ["armv7"]
[toolchain]
go = "1"
node = "1"
yarn = "1"
[source.a]
url = "https://example.org/a"
commit = "0123456789012345678901234567890123456789"
[artifact.web]
kind = "go-binary"
source = "a"
package = "."
assets = ["ui"]
path = "bin/web"
[artifact.ui]
kind = "node-assets"
source = "a"
inputs = ["page", "package.json"]
elm = "page/elm"
run = [["yarn", "run", "build"], ["webpack", "--mode", "production"]]
outputs = ["page/public/a.js", "page/public/deep/b.css"]
stand-in = { "page/public/index.html" = "nothing here" }
[artifact.web-windows]
kind = "go-download"
source = "a"
program = "web"
os = "windows"
arch = "amd64"
path = "downloads/web.zip"
"""


def load(tmp_path: Path, text: str = TEXT) -> Manifest:
    path = tmp_path / "x.toml"
    path.write_text(text)
    return load_manifest(path, patches=tmp_path, tables=TABLES)


def spec(manifest: Manifest, name: str) -> Any:
    table = manifest.artifact[name]
    return kind_of(table).spec_of(manifest, get_target("armv7"), Lock(), name, table)


def test_what_decides_them(tmp_path: Path) -> None:
    manifest = load(tmp_path)
    found = spec(manifest, "ui")
    assert found == NodeAssetsBuild(
        inputs=("page", "package.json"),
        elm="page/elm",
        elm_commits={},
        run=(("yarn", "run", "build"), ("webpack", "--mode", "production")),
        outputs=("page/public/a.js", "page/public/deep/b.css"),
    )
    assert node_assets.needs(found) == ("toolchain:node", "toolchain:yarn")
    armv7, arm64 = get_target("armv7"), get_target("arm64")
    ui = manifest.artifact["ui"]
    assert step_name(armv7, "ui", ui) == step_name(arm64, "ui", ui) == "assets:ui"


def test_a_program_embeds_them(tmp_path: Path) -> None:
    manifest = load(tmp_path)
    found = spec(manifest, "web")
    assert "assets:ui" in go_binary.needs(found)
    source = tmp_path / "real"
    source.mkdir()
    (tmp_path / "link").symlink_to(source)
    made = {"page/public/a.js": tmp_path / "made" / "a.js"}
    at = make_places(tmp_path / "work", source_folder=tmp_path / "link", needed={"assets:ui": made})
    flag, told = go_binary.overlay(found, at)
    assert flag == "-overlay"
    assert Path(told).read_text() == f'{{"Replace": {{"{source}/page/public/a.js": "{made["page/public/a.js"]}"}}}}'


def test_left_out_something_stands_in(tmp_path: Path) -> None:
    manifest = load(tmp_path, TEXT.replace('kind = "node-assets"', 'kind = "node-assets"\nbuilt = false'))
    found = spec(manifest, "web")
    assert go_binary.needs(found) == ("toolchain:go",)
    assert found.stand_ins == {"page/public/index.html": "nothing here"}
    at = make_places(tmp_path / "work", source_folder=tmp_path, needed={})
    go_binary.overlay(found, at)
    assert (at.scratch / "stand-in-0").read_text() == "nothing here"
    plain = load(tmp_path, TEXT.replace('assets = ["ui"]', ""))
    assert go_binary.overlay(spec(plain, "web"), at) == []


def test_what_is_downloaded_is_the_program_for_another_system(tmp_path: Path) -> None:
    manifest = load(tmp_path)
    found = spec(manifest, "web-windows")
    assert found.name == "web.exe"
    assert found.archive == "web.zip"
    assert found.program.go_env == {"GOOS": "windows", "GOARCH": "amd64"}
    assert found.program.package == spec(manifest, "web").package
    contents = distribution(manifest, get_target("armv7")).contents
    assert {path: (content.step, content.output) for path, content in contents.items()} == {
        "x/bin/web": ("compile:armv7:web", "web"),
        "x/downloads/web.zip": ("assets:web-windows", "web.zip"),
    }


def test_what_is_left_out_is_not_packed(tmp_path: Path) -> None:
    manifest = load(tmp_path, TEXT.replace('kind = "go-download"', 'kind = "go-download"\nbuilt = false'))
    assert set(distribution(manifest, get_target("armv7")).contents) == {"x/bin/web"}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('assets = ["ui"]', "built = false", r"artifact\.web\.built: others need it"),
        ('node = "1"', "", r"artifact\.ui: \[toolchain\] names no version of node"),
        ('assets = ["ui"]', 'assets = ["web"]', r"artifact\.web\.assets: there is nothing to embed called 'web'"),
        ("deep/b.css", "a.js", r"artifact\.ui\.outputs: 'page/public/a\.js' is named twice"),
        ('elm = "page/elm"', 'path = "share/ui"', r"artifact\.ui\.path: "),
        ("downloads/web.zip", "downloads/web.exe", r"artifact\.web-windows\.path: expected a path that ends with"),
        ('program = "web"', 'program = "ui"', r"artifact\.web-windows\.program: "),
        ('assets = ["ui"]', 'cgo = true\nassets = ["ui"]', r"'web' is not made by Go alone"),
        ('run = [["yarn", "run", "build"]', "run = [[]", r"artifact\.ui\.run"),
    ],
)
def test_mistakes_of_a_manifest(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in TEXT
    with pytest.raises(ManifestError, match=said):
        load(tmp_path, TEXT.replace(old, new))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    (folder / "page" / "public" / "deep").mkdir(parents=True)
    (folder / "page" / "public" / "index.html").write_text("page")
    (folder / "page" / "public" / "a.js").write_text("old, of a person's own build")
    (folder / "package.json").write_text("{}")
    (folder / "other").write_text("x")
    return folder


def test_nothing_but_the_inputs_can_be_read(tmp_path: Path, source: Path) -> None:
    made = spec(load(tmp_path), "ui")
    tree = tmp_path / "tree"
    inputs.copy_inputs(source, tree, made.inputs, made.outputs)
    files = {path.relative_to(tree).as_posix() for path in tree.rglob("*") if path.is_file()}
    assert files == {"package.json", "page/public/index.html"}
    (source / "package.json").unlink()
    with pytest.raises(AssetsError, match=r"package\.json: is not there"):
        inputs.copy_inputs(source, tmp_path / "again", made.inputs, made.outputs)


def test_all_that_was_promised_and_nothing_else(tmp_path: Path) -> None:
    outputs = ("page/public/a.js", "page/public/deep/b.css")
    before = {"page/public/index.html"}
    public = tmp_path / "page" / "public"
    (public / "deep").mkdir(parents=True)
    (public / "index.html").touch()
    (public / "a.js").touch()
    with pytest.raises(AssetsError, match=r"^page/public/deep/b\.css: was not made"):
        inputs.check_outputs(tmp_path, outputs, before)
    (public / "deep" / "b.css").touch()
    inputs.check_outputs(tmp_path, outputs, before)
    (public / "999.js").touch()
    with pytest.raises(AssetsError, match=r"^page/public/999\.js: was made, but the manifest does not say so"):
        inputs.check_outputs(tmp_path, outputs, before)
