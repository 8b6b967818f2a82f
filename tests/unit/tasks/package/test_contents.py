"""What a distribution is made of: the members of every artifact that has a path."""

from pathlib import Path

from crosscourse.manifest.load import load_manifest
from tasks.kinds import TABLES
from tasks.package.contents import Content
from tasks.package.steps import distribution
from toolchains.targets import get_target

ROOT = Path(__file__).resolve().parents[4]


def test_printer() -> None:
    manifest = load_manifest(ROOT / "releases" / "printer.toml", patches=ROOT / "vendor-patches", tables=TABLES)
    found = distribution(manifest, get_target("armv7"))
    assert found.epoch == manifest.epoch
    resource = "rootfs:armv7:printer-resource"
    assert found.contents == {
        **{
            f"printer/bin/{name}": Content(step=f"compile:armv7:{name}", output=name, mode=0o755)
            for name in ("printer", "goprinter", "cprinter")
        },
        **{
            f"printer/resource-types/printer/{name}": Content(step=resource, output=name, mode=0o644)
            for name in ("rootfs.tgz", "resource_metadata.json")
        },
    }
