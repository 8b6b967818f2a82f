"""Images: what decides how one comes out, and what it is made of."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import msgspec
import pytest

from crosscourse.formats import oci, oci_reading
from crosscourse.layout import Layout
from crosscourse.manifest.load import load_manifest
from crosscourse.manifest.locks import Lock, Pinned, Wanted
from tasks.image import works
from tasks.image.specs import Compose, ImageBuild
from tasks.image.steps import once_steps, spec_of, steps, wanted
from tasks.kinds import TABLES
from tasks.package.contents import Content
from tests.unit.debian.test_repository import deb
from tests.unit.places import make_places
from toolchains.targets import get_target

ROOT = Path(__file__).parents[4]
MANIFEST = load_manifest(ROOT / "releases" / "printer-full.toml", patches=ROOT / "vendor-patches", tables=TABLES)
LAYOUT = Layout(root=ROOT, release="printer-full", cache=ROOT, override={})


def spec(target: str = "armv7") -> ImageBuild:
    return spec_of(MANIFEST, get_target(target), Lock(), ROOT, "printer")


def test_what_decides_how_it_comes_out() -> None:
    made = spec()
    assert (made.name, made.tag, made.platform.name) == ("localhost/printer", "1.0", "arm/v7")
    assert made.contents["usr/local/printer/bin/printer"] == Content(
        step="compile:armv7:printer", output="printer", mode=0o755
    )
    assert "usr/local/printer/downloads/goprinter-windows-amd64.zip" not in made.contents
    assert made.settings.stop_signal == "SIGINT"
    assert made.texts["usr/local/bin/entrypoint"].mode == 0o755
    told = {key.rpartition(".")[2]: text for key, text in made.annotations.items()}
    assert (told["created"], told["version"], told["licenses"]) == ("2026-01-01T00:00:00Z", "1.0", "Apache-2.0")
    assert told["source"] == "https://example.org/printer"


def test_a_target_decides_its_platform_and_its_packages() -> None:
    assert works.platform(spec("amd64")) == {"architecture": "amd64", "os": "linux"}
    assert works.platform(spec("armv7")) == {"architecture": "arm", "os": "linux", "variant": "v7"}
    assert MANIFEST.debian
    suites = msgspec.structs.replace(MANIFEST.debian, suites={"armv7": "bookworm"})
    other = msgspec.structs.replace(MANIFEST, debian=suites)
    assert {target: wanted(other, get_target(target))["image printer"].suite for target in ("armv7", "amd64")} == {
        "armv7": "bookworm",
        "amd64": "trixie",
    }


def test_the_steps() -> None:
    (step,) = steps(MANIFEST, LAYOUT, "armv7")
    assert step.name == "package:armv7:printer.image"
    assert [path.name for path in step.outputs.values()] == ["printer-1.0-image-linux-armv7.tar"]
    assert {"compile:armv7:printer", "rootfs:armv7:script-resource"} <= set(step.needs)
    (compose,) = once_steps(MANIFEST, LAYOUT)
    assert step.after == (compose.name,)
    assert isinstance(compose.spec, Compose)
    assert compose.spec.text.count("localhost/printer:1.0") == 1
    assert "@" not in compose.spec.text.replace("crosscourse@", "")


def test_the_locks_of_the_releases_have_what_their_images_want() -> None:
    for target in MANIFEST.release.targets:
        (step,) = steps(MANIFEST, LAYOUT, target)
        assert isinstance(step.spec, ImageBuild)
        assert step.spec.packages.packages is not None, target


def made(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An image of one Debian package, one program, and files of the project."""
    package = deb(folder, "one", "1.0")
    monkeypatch.setattr("crosscourse.debian.pool.fetch_pinned", lambda _pinned, _at: [package])
    program = folder / "program"
    program.write_bytes(b"\x7fELF")
    small = msgspec.structs.replace(
        spec(),
        packages=Pinned(
            name="x", wanted=Wanted(suite="bookworm", architecture="armhf", packages=("one",)), packages=(), date=0
        ),
        leave_out=(),
        contents={"usr/local/printer/bin/printer": Content(step="compile", output="printer", mode=0o755)},
        links={"usr/bin/printer": "../local/printer/bin/printer"},
    )
    at = make_places(folder / "at", needed={"compile": {"printer": program}}, labels=("image.tar",))
    works.build(small, at)
    return at.output()


def layers(path: Path) -> list[dict[str, tarfile.TarInfo]]:
    found = []
    for layer in oci_reading.read_image(path).layers:
        with oci.opened(layer.content) as stream, tarfile.open(fileobj=io.BytesIO(stream.read())) as tar:
            found.append({member.name: member for member in tar})
    return found


def test_debian_the_distribution_and_our_own_are_layers_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    debian, distribution, own = layers(made(tmp_path / "one", monkeypatch))
    assert {"var/lib/dpkg/status.d/one", "tmp", "proc"} <= set(debian)
    assert debian["tmp"].mode == 0o1777
    assert [name for name, member in distribution.items() if member.isreg()] == ["usr/local/printer/bin/printer"]
    assert [name for name, member in own.items() if not member.isdir()] == [
        "usr/bin/printer",
        "usr/local/bin/entrypoint",
    ]
    assert {member.mtime for layer in (debian, distribution, own) for member in layer.values()} == {MANIFEST.epoch}


def test_the_same_bytes_from_two_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = (made(tmp_path / name, monkeypatch).read_bytes() for name in ("one", "another"))
    assert one == two


def test_what_a_container_is_started_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = oci_reading.read_image(made(tmp_path / "one", monkeypatch))
    told = oci_reading.settings_of(image)
    assert (told["Entrypoint"], told["Cmd"], told["StopSignal"]) == (
        ["/usr/local/bin/entrypoint"],
        ["printer"],
        "SIGINT",
    )
    assert told["Volumes"] == {"/var/lib/printer": {}}
    assert told["Labels"] == oci_reading.annotations_of(image)
    assert isinstance(image.config.content, oci.Part)
    with oci.opened(image.config.content) as stream:
        assert json.loads(stream.read())["variant"] == "v7"
