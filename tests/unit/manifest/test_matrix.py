"""``docs/matrix.toml``: the cells that are not tried, and what is wrong with a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from crosscourse.errors import ManifestError
from crosscourse.manifest.matrix import FILE, Cell, Matrix, read, why_empty, why_not_yet

ROOT = Path(__file__).resolve().parents[3]
GOOD = """
release = ["one", "two-1.0"]
[toolchain.usual]
[toolchain.other]
variables = { toolchain = "other" }
[column.build]
[column.boot]
each = true
[[empty]]
target = ["x", "y"]
toolchain = ["other"]
why = "there is none"
[[empty]]
column = ["boot"]
each = ["late"]
why = "too late"
[[empty]]
release = ["one"]
until-tried = true
why = "no time"
"""


def reading(tmp_path: Path, text: str) -> Matrix:
    path = tmp_path / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return read(tmp_path)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("one/x/other/build", "there is none"),
        ("two-1.0/y/other/boot/late", "there is none"),
        ("one/x/usual/boot/late", "too late"),
        ("one/x/usual/boot/early", None),
        ("one/z/other/build", None),
    ],
)
def test_what_is_not_tried(tmp_path: Path, name: str, expected: str | None) -> None:
    release, target, toolchain, column, *each = name.split("/")
    cell = Cell(release=release, target=target, toolchain=toolchain, column=column, each="".join(each))
    assert cell.name == name
    assert why_empty(reading(tmp_path, GOOD), cell) == expected


def test_what_is_not_tried_yet(tmp_path: Path) -> None:
    matrix = reading(tmp_path, GOOD)
    assert why_not_yet(matrix, Cell(release="one", target="z", toolchain="usual", column="build")) == "no time"
    assert why_not_yet(matrix, Cell(release="two-1.0", target="x", toolchain="other", column="build")) is None


def test_the_task_of_a_cell() -> None:
    cell = Cell(release="one", target="x", toolchain="usual", column="boot")
    assert cell.task == "boot:x"
    assert Cell(release="one", target="x", toolchain="usual", column="boot", each="late").task == "boot:x:late"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('toolchain = ["other"]', 'toolchain = ["othr"]', "empty[0].toolchain: there is no 'othr'"),
        ('column = ["boot"]', 'release = ["three"]', "empty[1].release: there is no 'three'"),
        ('column = ["boot"]', 'column = ["bot"]', "empty[1].column: there is no 'bot'"),
        ('why = "too late"', "", "why"),
        ("each = true", "every = true", "every"),
        ('release = ["one", "two-1.0"]', "release = []", "release"),
        ("[column.build]", "[column.build", "TOML"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert old in GOOD
    with pytest.raises(ManifestError) as caught:
        reading(tmp_path, GOOD.replace(old, new))
    assert expected in str(caught.value)


def test_that_of_this_project_names_its_releases_and_targets() -> None:
    from toolchains.targets import load_targets

    matrix = read(ROOT)
    assert set(matrix.release) == {path.stem for path in (ROOT / "releases").glob("*.toml")}
    assert {target for row in matrix.empty for target in row.target} <= set(load_targets())
