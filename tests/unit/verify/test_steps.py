"""What verify is told of a distribution's root filesystems."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from crosscourse.layout import Layout
from crosscourse.manifest.load import load_manifest
from crosscourse.manifest.model import Manifest
from tasks.kinds import TABLES
from tasks.rootfs.debian import DebianResourceType
from tasks.verify.ours import Ours
from tasks.verify.steps import elsewhere, embedded, packaged, steps
from tasks.verify.works import Verification
from toolchains.targets import get_target

ROOT = Path(__file__).resolve().parents[3]
ARMV7 = get_target("armv7")
PRINTER = load_manifest(ROOT / "releases" / "printer.toml", patches=ROOT / "vendor-patches", tables=TABLES)


def with_debian(path: str | None) -> Manifest:
    table = DebianResourceType(
        source="printer",
        path=path,
        packages=["jq"],
        programs={"/usr/bin/printer": "printer"},
        copies={"/opt/resource": "scripts"},
        files={"/etc/x": "text"},
        metadata={"type": "other"},
    )
    return msgspec.structs.replace(PRINTER, artifact={**PRINTER.artifact, "other": table})


def test_native_root_filesystems_have_nothing_of_debian() -> None:
    assert packaged(PRINTER, ARMV7) == {}


def test_one_of_packages_and_what_in_it_is_ours() -> None:
    found = packaged(with_debian("resource-types/other"), ARMV7)
    expected = Ours(programs=("/usr/bin/printer",), places=("/opt/resource", "/etc/x"))
    assert found == {"printer/resource-types/other/rootfs.tgz": expected}


def test_one_that_is_not_in_the_distribution() -> None:
    assert packaged(with_debian(None), ARMV7) == {}


def test_what_is_for_other_machines_is_known_by_its_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = with_debian("resource-types/other")
    assert elsewhere(manifest) == ()
    monkeypatch.setattr(DebianResourceType, "for_other_machines", True)
    assert elsewhere(manifest) == ("printer/resource-types/other",)
    assert elsewhere(with_debian(None)) == ()


FULL = load_manifest(ROOT / "releases" / "printer-full.toml", patches=ROOT / "vendor-patches", tables=TABLES)


def test_programs_with_a_page_and_what_makes_it() -> None:
    assert embedded(FULL) == {"printer/bin/pages": ("assets:page",)}
    step, of_image = steps(FULL, Layout(root=ROOT, release="printer-full", cache=ROOT, override={}), "armv7")
    assert step.needs == ("package:armv7:tgz", "assets:page")
    assert of_image.needs == ("package:armv7:printer.image",)
    assert isinstance(of_image.spec, Verification)
    assert of_image.spec.packaged["printer"].programs[:2] == (
        "usr/local/printer/bin/printer",
        "usr/local/printer/bin/goprinter",
    )


def test_a_page_that_is_left_out_is_not_looked_for() -> None:
    left_out = msgspec.structs.replace(FULL.artifact["page"], built=False)
    assert embedded(msgspec.structs.replace(FULL, artifact={**FULL.artifact, "page": left_out})) == {}
