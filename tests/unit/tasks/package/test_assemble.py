"""What package managers install, as data; and what the packer is told of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from crosscourse.layout import Layout
from crosscourse.manifest.load import load_manifest
from crosscourse.manifest.model import Manifest
from tasks.kinds import TABLES
from tasks.package import deb, nfpm, rpm
from tasks.package.assemble import comparable, managed
from tasks.package.contents import Content
from tasks.package.managed import ManagedPackage, Text
from tasks.package.steps import steps
from tests.unit.places import make_places
from toolchains.targets import get_target

ROOT = Path(__file__).resolve().parents[4]
PACKAGES = """
[packaging]
maintainer = "A <a@example.org>"
homepage = "https://example.org"
license = "MIT"
prefix = "/usr/lib/printer"

[package.printer]
summary = "Prints"
description = "It prints."
section = "utils"
contents = ["bin/*", "!bin/goprinter", "resource-types/*"]
links = { "/usr/bin/printer" = "../lib/printer/bin/printer" }
folders = { "/etc/printer" = "0750" }
files = { "/usr/share/doc/printer/text" = "releases/files/text" }
programs = { "/usr/sbin/set-up" = "releases/files/text" }
configuration = { "/etc/printer/set" = "releases/files/text", "/etc/printer/made" = "cprinter:cprinter" }
scripts = { after-install = "releases/files/text" }
deb = { depends = ["tar | bsdtar"], files = { "usr/share/x" = "releases/files/text" } }
rpm = { depends = ["tar"] }

[package.go-printer]
summary = "Prints in Go"
description = "It prints, too."
section = "utils"
needs = ["printer"]
contents = ["bin/goprinter"]
"""


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    text = (ROOT / "releases" / "printer.toml").read_text().replace("[toolchain]\n", '[toolchain]\nnfpm = "2.45.2"\n')
    (tmp_path / "releases" / "files").mkdir(parents=True)
    (tmp_path / "releases" / "files" / "text").write_text("text\n")
    (tmp_path / "vendor-patches").symlink_to(ROOT / "vendor-patches")
    file = tmp_path / "releases" / "test.toml"
    file.write_text(text + PACKAGES)
    return load_manifest(file, patches=tmp_path / "vendor-patches", tables=TABLES)


@pytest.fixture
def spec(manifest: Manifest, tmp_path: Path) -> ManagedPackage:
    return managed(manifest, get_target("armv7"), tmp_path, "printer", "deb", "armhf")


@pytest.mark.parametrize(
    ("linking", "expected"),
    [
        ("static", {"deb": ("tar | bsdtar",), "rpm": ("tar",)}),
        ("dynamic", {"deb": ("tar | bsdtar", "libc6 (>= 2.34)"), "rpm": ("tar", "glibc >= 2.34")}),
    ],
)
def test_packages_of_dynamic_programs_depend_on_the_glibc_that_was_promised(
    manifest: Manifest, tmp_path: Path, linking: Any, expected: dict[str, tuple[str, ...]]
) -> None:
    """In the example all programs with C are carried to where no C library is, until nothing carries them."""
    c = msgspec.structs.replace(manifest.c, compiler="gcc", linking=linking)
    made = msgspec.structs.replace(manifest, c=c)
    assert made.dynamic == set()
    assert depends(made, tmp_path) == depends(manifest, tmp_path)
    artifacts = {name: table for name, table in made.artifact.items() if not table.is_resource_type}
    assert depends(msgspec.structs.replace(made, artifact=artifacts), tmp_path) == expected | {
        "go": depends(manifest, tmp_path)["go"]
    }


def depends(manifest: Manifest, root: Path) -> dict[str, tuple[str, ...]]:
    """What the package of programs with C depends on, by form; and, as "go", that of a program of Go alone."""
    layout = Layout(root=root, release="test", cache=root / "cache", override={})
    specs = [step.spec for step in steps(manifest, layout, "armv7") if isinstance(step.spec, ManagedPackage)]
    of_go = {each for spec in specs if spec.name == "go-printer" for each in spec.depends}
    forms = ("deb", "rpm")
    found = dict(zip(forms, (spec.depends for spec in specs if spec.name == "printer"), strict=True))
    return {**found, "go": tuple(of_go)}


def test_what_goes_where(spec: ManagedPackage) -> None:
    resource = "rootfs:armv7:printer-resource"
    assert spec.contents == {
        **{
            f"/usr/lib/printer/bin/{name}": Content(step=f"compile:armv7:{name}", output=name, mode=0o755)
            for name in ("printer", "cprinter")
        },
        **{
            f"/usr/lib/printer/resource-types/printer/{name}": Content(step=resource, output=name, mode=0o644)
            for name in ("rootfs.tgz", "resource_metadata.json")
        },
        "/etc/printer/made": Content(step="compile:armv7:cprinter", output="cprinter", mode=0o644),
    }
    assert spec.texts == {
        "/usr/share/doc/printer/text": Text(text="text\n"),
        "/etc/printer/set": Text(text="text\n"),
        "/usr/share/x": Text(text="text\n"),
        "/usr/sbin/set-up": Text(text="text\n", mode=0o755),
    }
    assert spec.configuration == ("/etc/printer/set", "/etc/printer/made")
    assert spec.folders == {
        "/usr/lib/printer": 0o755,
        "/usr/lib/printer/bin": 0o755,
        "/usr/lib/printer/resource-types": 0o755,
        "/usr/lib/printer/resource-types/printer": 0o755,
        "/etc/printer": 0o750,
    }
    assert spec.scripts == {"after-install": "text\n"}
    assert spec.depends == ("tar | bsdtar",)


@pytest.mark.parametrize(("version", "expected"), [("8.2.5", "8.2.5"), ("8.3.0-rc.1", "8.3.0~rc.1"), ("1_2", "1.2")])
def test_versions_are_such_as_can_be_compared(version: str, expected: str) -> None:
    assert comparable(version) == expected


def layout_of(root: Path) -> Any:
    from crosscourse.layout import Layout

    return Layout(root=root, release="test", cache=root / "cache", override={})


def test_steps_are_one_a_package_and_form(manifest: Manifest, tmp_path: Path) -> None:
    found = {step.name: step for step in steps(manifest, layout_of(tmp_path), "arm64")}
    assert list(found) == [
        "package:arm64:tgz",
        "package:arm64:printer.deb",
        "package:arm64:printer.rpm",
        "package:arm64:go-printer.deb",
        "package:arm64:go-printer.rpm",
    ]
    assert list(found["package:arm64:printer.deb"].outputs) == ["printer_1.0-1_arm64.deb"]
    assert list(found["package:arm64:printer.rpm"].outputs) == ["printer-1.0-1.aarch64.rpm"]
    # Not of what it does not hold: an edit of the one package's program leaves the other as it is.
    assert found["package:arm64:go-printer.deb"].needs == ("toolchain:nfpm", "compile:arm64:goprinter")


def told(spec: ManagedPackage, folder: Path, build: Any) -> dict[str, Any]:
    """What the packer is told: the program in its place copies that where the package should be."""
    packer = folder / "packer"
    packer.write_text('#!/bin/sh\ncp "$3" "$7"\n')
    packer.chmod(0o755)
    needed = {content.step: {content.output: folder / content.output} for content in spec.contents.values()}
    resource = {name: folder / name for name in ("rootfs.tgz", "resource_metadata.json")}
    needed["rootfs:armv7:printer-resource"] = resource
    at = make_places(folder, needed={**needed, spec.packer: {"program": packer}}, labels=("out",))
    build(spec, at)
    found: dict[str, Any] = json.loads(at.output().read_text())
    return found


def test_the_packer_is_told_all(spec: ManagedPackage, tmp_path: Path) -> None:
    found = told(spec, tmp_path, deb.build)
    assert found["version_schema"] == "none"
    assert (found["version"], found["release"], found["arch"]) == ("1.0", "1", "armhf")
    assert found["description"] == "Prints\nIt prints."
    assert found["mtime"] == "2026-01-01T00:00:00Z"
    rows = {row["dst"]: row for row in found["contents"]}
    assert rows["/usr/lib/printer/bin/printer"]["file_info"] == {"mode": 0o755}
    assert "type" not in rows["/usr/lib/printer/bin/printer"]
    assert {path for path, row in rows.items() if row.get("type") == "config|noreplace"} == set(spec.configuration)
    assert rows["/usr/bin/printer"] == {
        "src": "../lib/printer/bin/printer",
        "dst": "/usr/bin/printer",
        "type": "symlink",
    }
    assert rows["/etc/printer"] == {"dst": "/etc/printer", "type": "dir", "file_info": {"mode": 0o750}}
    assert Path(rows["/usr/sbin/set-up"]["src"]).read_text() == "text\n"
    assert Path(found["scripts"]["postinstall"]).read_text() == "text\n"
    plain = {key: value for key, value in found.items() if key not in ("contents", "scripts", "changelog")}
    assert str(tmp_path) not in json.dumps(plain)


@pytest.mark.parametrize(
    ("form", "module", "expected"), [("deb", deb, "printer (= 1.0-1)"), ("rpm", rpm, "printer = 1.0-1")]
)
def test_packages_of_a_release_need_each_other_in_the_same_version(
    manifest: Manifest, tmp_path: Path, form: str, module: Any, expected: str
) -> None:
    spec = managed(manifest, get_target("armv7"), tmp_path, "go-printer", form, "any")
    assert told(spec, tmp_path, module.build)["depends"] == [expected]


def test_no_machine_name_gets_into_an_rpm(spec: ManagedPackage, tmp_path: Path) -> None:
    assert told(spec, tmp_path, rpm.build)["rpm"]["buildhost"] == "localhost"
    assert nfpm.MEMORY > 0
