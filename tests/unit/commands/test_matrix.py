"""How cells of the matrix stand, and the page that is made of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from crosscourse.commands import matrix as command
from crosscourse.commands import matrix_kept
from crosscourse.commands.matrix_kept import FILE, Result, page, read, state, summary, write
from crosscourse.errors import CrosscourseError
from crosscourse.manifest.matrix import Cell, Column, Empty, Matrix, Toolchain
from crosscourse.run.process import CommandError

MATRIX = Matrix(
    release=["one", "two"],
    toolchain={"usual": Toolchain()},
    column={"build": Column(), "smoke": Column(), "boot": Column(each=True)},
    empty=[
        Empty(target=["y"], column=["boot"], why="no machine"),
        Empty(target=["z"], until_tried=True, why="no time"),
    ],
)


def cell(name: str) -> Cell:
    release, target, toolchain, column, *each = name.split("/")
    return Cell(release=release, target=target, toolchain=toolchain, column=column, each="".join(each))


def result(lineage: str = "now", found: str = "") -> Result:
    return Result(lineage=lineage, found=found, day="2026-01-01", seconds=1.0, machine="m")


STANDING = {
    "one/x/usual/build": ("green", result()),
    "one/x/usual/smoke": ("red", result(found="it broke")),
    "one/x/usual/boot/early": ("stale", result("before")),
    "one/x/usual/boot/late": ("stale", result("before", "it broke")),
    "one/y/usual/build": ("unknown", None),
    "one/y/usual/smoke": ("green", result()),
    "one/y/usual/boot/early": ("empty", result()),
    "one/z/usual/build": ("unknown", None),
    "one/z/usual/smoke": ("green", result()),
    "two/x/usual/smoke": ("empty", None),
}
LINEAGES = dict.fromkeys(STANDING, "now") | {"two/x/usual/smoke": ""}
RESULTS = {name: kept for name, (_, kept) in STANDING.items() if kept}


@pytest.mark.parametrize("name", STANDING)
def test_how_a_cell_stands(name: str) -> None:
    assert state(MATRIX, cell(name), RESULTS, LINEAGES) == STANDING[name][0]


def test_what_was_made_from_something_unknown_is_stale() -> None:
    assert state(MATRIX, cell("one/x/usual/build"), RESULTS, {}) == "stale"


def test_the_page() -> None:
    made = page(MATRIX, map(cell, STANDING), RESULTS, LINEAGES)
    one, two, reasons = made.split("\n## ")[1:]
    assert one.splitlines()[2:] == [
        "| target | C compiler | build | smoke | boot |",
        "| --- | --- | --- | --- | --- |",
        "| x | usual | yes | **no** [1](#reasons) | early *yes, stale*<br>late **no** [1](#reasons), *stale* |",
        "| y | usual | · | yes | early [2](#reasons) |",
        "| z | usual | [3](#reasons) | yes | – |",
    ]
    assert "| x | usual | – | [4](#reasons) | – |" in two
    assert reasons.splitlines()[2:] == [
        "1. it broke",
        "2. no machine",
        "3. no time",
        "4. its manifest has nothing for `smoke`",
    ]


def test_a_reason_of_any_characters_stays_in_its_line() -> None:
    bad = {"one/x/usual/build": result(found="a | b\n<script>c")}
    made = page(MATRIX, [cell("one/x/usual/build")], bad, LINEAGES)
    assert made.splitlines()[-1] == "1. a | b &lt;script>c"


def test_a_summary() -> None:
    states = [kept[0] for kept in STANDING.values()]
    assert list(summary(states)) == [  # type: ignore[arg-type]
        "10 cells: 3 green, 1 red, 2 stale, 2 not tried, 2 empty with a reason"
    ]


def test_results_are_kept(tmp_path: Path) -> None:
    assert read(tmp_path) == {}
    (tmp_path / FILE).parent.mkdir()
    write(tmp_path, RESULTS)
    assert read(tmp_path) == RESULTS
    assert len((tmp_path / FILE).read_text().splitlines()) == len(RESULTS) + 2  # a line each, for git
    (tmp_path / FILE).write_text("{")
    with pytest.raises(CrosscourseError, match=r"docs/matrix\.json"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        ("[1/2] a:b  1.0 s\n[2/2] c:d  0.1 s  FAILED\n        go: ended\n        Its log: x\n", "c:d: go: ended"),
        (
            "[2/2] c:d  0.1 s  FAILED\n        go: ended\n        Its log: x, which ends:\n        | $ go build\n"
            "        | error: no such flag\n[3/3] e:f  1.0 s\n        | other\n",
            "c:d: go: ended; error: no such flag",
        ),
        (
            "[1/1] c:d  0.1 s  FAILED\n        2 of 3 do not start:\n          one: hangs\n          > See x\n",
            "c:d: 2 of 3 do not start: one: hangs",
        ),
        ("ERROR: release 'x': there is none\n  > Known: y\n", "> Known: y"),
        ("", "ended with exit status 3"),
    ],
)
def test_why_a_run_failed(tmp_path: Path, log: str, expected: str) -> None:
    path = tmp_path / "log"
    path.write_text(log)
    assert command.why(path, CommandError("doit", "ended with exit status 3", status=3)) == expected


def test_what_the_matrix_says_itself_is_refused() -> None:
    assert command._passed({"cache": "/c", "jobs": "1"}) == ["cache=/c", "jobs=1"]
    for name in ("release", "target", "toolchain", "linking"):
        with pytest.raises(CrosscourseError, match="the matrix goes through all"):
            command._passed({name: "x"})
    assert matrix_kept.PAGE.endswith(".md")
