"""The two examples: the small one, and the one of everything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from crosscourse.manifest.reading import read_toml
from tasks.kinds import KINDS

RELEASES = Path(__file__).resolve().parents[3] / "releases"


def read(name: str) -> dict[str, Any]:
    return read_toml(RELEASES / f"{name}.toml")


def test_the_one_of_everything_has_all_that_the_small_one_has() -> None:
    """It adds to it, and says the same of the rest: what is shown on one holds for the other."""
    small, full = read("printer"), read("printer-full")
    # Suites of targets that the larger one is not made for.
    suites = small["boot"].pop("suites")
    assert not suites.keys() & set(full["release"]["targets"])
    for part in ("toolchain", "go", "source", "artifact", "boot"):
        assert small[part].items() <= full[part].items(), part


def test_the_one_of_everything_has_what_the_small_one_lacks() -> None:
    kinds = {table["kind"] for table in read("printer-full")["artifact"].values()}
    lacking = kinds - {table["kind"] for table in read("printer")["artifact"].values()}
    assert lacking == {"debian-resource-type", "node-assets", "go-download"} <= set(KINDS)


def test_what_a_person_needs_for_it_are_package_indexes() -> None:
    """Sources are folders of this project; no page needs Elm, whose packages are in repositories of their authors."""
    full = read("printer-full")
    assert all((RELEASES.parent / source["url"]).is_dir() for source in full["source"].values())
    assert not any("elm" in table for table in full["artifact"].values())
