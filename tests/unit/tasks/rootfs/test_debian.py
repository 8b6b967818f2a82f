"""What of Debian packages and of a checkout goes into a root filesystem."""

from __future__ import annotations

from pathlib import Path

import pytest

from crosscourse.errors import CrosscourseError
from crosscourse.formats.entries import Entry
from tasks.rootfs.debian import copied, without

TREE = {
    name: Entry(name=name, source=b"") for name in ("usr/bin/a", "usr/bin/ab", "usr/share/doc/x/y", "usr/share/docs")
}


@pytest.mark.parametrize(
    ("patterns", "left"),
    [
        ((), ["usr/bin/a", "usr/bin/ab", "usr/share/doc/x/y", "usr/share/docs"]),
        (("usr/bin/a",), ["usr/bin/ab", "usr/share/doc/x/y", "usr/share/docs"]),
        (("usr/bin/*",), ["usr/share/doc/x/y", "usr/share/docs"]),
        (("usr/share/doc",), ["usr/bin/a", "usr/bin/ab", "usr/share/docs"]),
        (("usr/bin/none|usr/bin/ab", "usr/share"), ["usr/bin/a"]),
        (("usr/bin/a|usr/bin/ab",), ["usr/share/doc/x/y", "usr/share/docs"]),
    ],
)
def test_without(patterns: tuple[str, ...], left: list[str]) -> None:
    assert list(without(TREE, patterns)) == left


@pytest.mark.parametrize("pattern", ["usr/bin/none", "usr/bin/none|usr/none"])
def test_a_pattern_that_names_nothing_is_told(pattern: str) -> None:
    with pytest.raises(CrosscourseError, match="names nothing in the packages"):
        without(TREE, (pattern,))


def test_copied(tmp_path: Path) -> None:
    folder = tmp_path / "assets"
    (folder / "inner").mkdir(parents=True)
    (folder / "in").write_text("in")
    (folder / "in").chmod(0o755)
    (folder / "inner" / "schema.json").write_text("{}")
    (folder / "link").symlink_to("in")
    found = {entry.name: entry for entry in copied("opt/resource", tmp_path, "assets")}
    assert {name: entry.mode for name, entry in found.items() if entry.link is None} == {
        "opt/resource/in": 0o755,
        "opt/resource/inner/schema.json": 0o644,
    }
    assert found["opt/resource/link"].link == "in"
    assert [entry.name for entry in copied("etc/rc", tmp_path, "assets/in")] == ["etc/rc"]
    with pytest.raises(CrosscourseError, match="is not there"):
        list(copied("x", tmp_path, "none"))
