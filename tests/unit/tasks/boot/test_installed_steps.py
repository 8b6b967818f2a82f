"""The steps of a boot in which packages are installed: what they are, and what they need."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from crosscourse.engine.step import Step
from crosscourse.layout import Layout
from crosscourse.manifest.load import load_manifest
from crosscourse.manifest.model import Manifest
from tasks.boot import guests, specs, steps
from tasks.boot.guest import packages
from tasks.kinds import TABLES
from tasks.package import steps as package
from tasks.package.managed import ManagedPackage
from toolchains.targets import get_target

ROOT = Path(__file__).resolve().parents[4]
RELEASE = "printer-full"


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    return load_manifest(ROOT / f"releases/{RELEASE}.toml", patches=ROOT / "vendor-patches", tables=TABLES)


@pytest.fixture(scope="module")
def layout() -> Layout:
    return Layout(root=ROOT, release=RELEASE, cache=ROOT / "none", override={})


def by_name(found: list[Step]) -> dict[str, Step]:
    return {step.name: step for step in found}


def test_a_package_is_installed_and_upgraded(manifest: Manifest, layout: Layout) -> None:
    boot = by_name(list(steps.steps(manifest, layout, "armv7")))["boot:armv7:deb"]
    assert isinstance(boot.spec, specs.UnitBoot)
    assert boot.spec.delivery is not None
    assert boot.spec.delivery.prefix == "/usr/lib/printer"
    assert boot.needs == (
        "package:armv7:printer.deb",
        "guest:armv7:newer:printer.deb",
        "guest:armv7:managed-system",
    )


def test_the_newer_package_is_the_same_but_for_its_version(manifest: Manifest, layout: Layout) -> None:
    first = by_name(list(package.steps(manifest, layout, "armv7")))["package:armv7:printer.deb"]
    newer = by_name(list(steps.guest_steps(manifest, layout, "armv7")))["guest:armv7:newer:printer.deb"]
    assert isinstance(first.spec, ManagedPackage)
    assert isinstance(newer.spec, ManagedPackage)
    assert (first.spec.revision, newer.spec.revision) == ("1", "1.1")
    assert msgspec.structs.replace(newer.spec, revision="1") == first.spec
    assert newer.work == first.work
    assert list(newer.outputs) == ["printer_1.0-1.1_armhf.deb"]
    assert not set(newer.outputs.values()) & set(first.outputs.values())
    assert not newer.kept


def test_what_a_package_needs_is_installed_before_it(manifest: Manifest) -> None:
    tables = {"a": ["b", "c"], "b": ["c"], "c": []}
    printer = manifest.package["printer"]
    found = {name: msgspec.structs.replace(printer, needs=needs) for name, needs in tables.items()}
    assert guests.delivered(msgspec.structs.replace(manifest, package=found), "a") == ["c", "b", "a"]


def test_each_guest_has_its_own_packages(manifest: Manifest, layout: Layout) -> None:
    made = by_name(list(steps.guest_steps(manifest, layout, "armv7")))
    bare, managed = made["guest:armv7:system"], made["guest:armv7:managed-system"]
    assert isinstance(bare.spec, specs.System)
    assert isinstance(managed.spec, specs.System)
    assert (bare.spec.managed, managed.spec.managed) == (False, True)
    assert not set(bare.outputs.values()) & set(managed.outputs.values())
    assert managed.spec.packages.packages is not None  # they are locked
    assert manifest.boot is not None
    wanted = packages.wanted(manifest.boot, get_target("armv7"))[packages.INSTALLED]
    assert {"apt", "dpkg", "systemd-sysv", "mount"} <= set(wanted.packages)
    # What apt would miss is not left out.
    assert wanted.without == ()
