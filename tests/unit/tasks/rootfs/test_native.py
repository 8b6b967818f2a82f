"""Root filesystems of resource types: entries from a spec, whatever made what they are filled with."""

from pathlib import Path

import pytest

from crosscourse.engine.places import Places
from crosscourse.errors import CrosscourseError
from tasks.rootfs.native import ResourceTypeBuild, entries, leads_outside, needs
from tests.unit.places import make_places

SPEC = ResourceTypeBuild(
    programs={"/opt/out": "compile:armv7:b", "/opt/in": "compile:armv7:a", "/opt/check": "compile:armv7:a"},
    files={"/etc/passwd": "root\n"},
    folders={"/tmp": "1777"},  # noqa: S108  # a path in the root filesystem
    links={"/bin/sh": "bash"},
    data={"/usr/share/zones": "zones:data", "/etc/one": "zones:data/one"},
    metadata="{}\n",
    epoch=0,
)


def places(folder: Path) -> Places:
    return make_places(
        folder,
        needed={
            "compile:armv7:a": {"a": folder / "a"},
            "compile:armv7:b": {"b": folder / "b"},
            "toolchain:zones": {"": folder / "zones"},
        },
        labels=("rootfs.tgz", "resource_metadata.json"),
    )


def test_needs_are_each_named_once() -> None:
    assert needs(SPEC) == ("toolchain:zones", "compile:armv7:a", "compile:armv7:b")


def test_entries(tmp_path: Path) -> None:
    data = tmp_path / "zones" / "data"
    (data / "deep").mkdir(parents=True)
    for name in ("one", "deep/two", "__init__.py", "__init__.pyc"):
        (data / name).write_text(name)
    found = {entry.name: entry for entry in entries(SPEC, places(tmp_path))}
    assert set(found) == {
        *("opt/out", "opt/in", "opt/check", "etc/passwd", "tmp", "bin/sh"),
        *("usr/share/zones/one", "usr/share/zones/deep/two", "etc/one"),
    }
    assert (found["opt/in"].source, found["opt/in"].mode) == (tmp_path / "a", 0o755)
    assert (found["etc/passwd"].source, found["etc/passwd"].mode) == (b"root\n", 0o644)
    assert (found["tmp"].source, found["tmp"].mode) == (None, 0o1777)
    assert found["bin/sh"].link == "bash"
    assert found["etc/one"].source == data / "one"


def test_data_that_the_package_lacks(tmp_path: Path) -> None:
    with pytest.raises(CrosscourseError, match="not in the installed package"):
        list(entries(SPEC, places(tmp_path)))


def test_data_that_leads_out_of_its_package_is_none(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    data = tmp_path / "zones" / "data"
    data.mkdir(parents=True)
    (data / "one").symlink_to(tmp_path / "precious")
    with pytest.raises(CrosscourseError, match="not in the installed package"):
        list(entries(SPEC, places(tmp_path)))
    (data / "one").unlink()
    (data / "one").write_text("1")
    (data / "two").symlink_to(tmp_path / "precious")
    (data / "up").symlink_to(tmp_path)
    found = {entry.name for entry in entries(SPEC, places(tmp_path))}
    assert "usr/share/zones/one" in found
    assert not {"usr/share/zones/two", "usr/share/zones/up/precious"} & found


@pytest.mark.parametrize(
    ("name", "to", "outside"),
    [
        ("a", "..", True),
        ("a/b", "..", False),
        ("a/b", "../..", True),
        ("a/b", "../c/../../d", True),
        ("a/b", "/..", True),
        ("a/b", "/x/../y", False),
        ("a/b/c", "../../x", False),
        ("a", "./x//y", False),
    ],
)
def test_where_links_lead(name: str, to: str, outside: bool) -> None:
    assert leads_outside(name, to) is outside
