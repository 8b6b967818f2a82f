"""How cells of the matrix stand, and the page that is made of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product
from pathlib import Path

import msgspec
import pytest

from crosscourse.commands import matrix as command
from crosscourse.commands import matrix_kept
from crosscourse.commands.matrix_kept import FILE, page, read, write
from crosscourse.commands.matrix_state import Result, Standing, summary
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


def standing(
    names: Iterable[str] = STANDING,
    *,
    results: Mapping[str, Result] = RESULTS,
    lineages: Mapping[str, str] = LINEAGES,
    matrix: Matrix = MATRIX,
) -> Standing:
    return Standing(matrix=matrix, cells=[cell(name) for name in names], results=results, lineages=lineages)


@pytest.mark.parametrize("name", STANDING)
def test_how_a_cell_stands(name: str) -> None:
    assert standing().state(cell(name)) == STANDING[name][0]


def test_what_was_made_from_something_unknown_is_stale() -> None:
    assert standing(lineages={}).state(cell("one/x/usual/build")) == "stale"


PAIRS = msgspec.structs.replace(MATRIX, column={"boot": Column(each=True, pairs=True)}, empty=[])
ALL = ["/".join((*words[:3], "boot", words[3])) for words in product("12", "xy", "zg", "cd")]
# These six of the sixteen have each pair of releases, targets, compilers and runtimes between them; the four have not.
FOUR = ["1/x/z/boot/c", "1/y/g/boot/d", "2/x/g/boot/c", "2/y/z/boot/d"]
SIX = [*FOUR, "1/x/g/boot/d", "2/y/z/boot/c"]


def paired(green: Iterable[str], matrix: Matrix = PAIRS) -> set[str]:
    results = dict.fromkeys(green, result())
    now = standing(ALL, results=results, lineages=dict.fromkeys(ALL, "now"), matrix=matrix)
    return {name for name in ALL if now.state(cell(name)) == "paired"}


def test_a_cell_is_shown_by_others_that_have_each_pair_of_it() -> None:
    assert paired(SIX) == set(ALL) - set(SIX)
    # Without any one of its pairs it is not.
    for name in ALL:
        for one in cell(name).pairs:
            others = [other for other in ALL if one not in cell(other).pairs]
            assert name not in paired(others)
    assert paired(FOUR) < set(ALL) - set(FOUR)
    assert not paired(SIX, matrix=msgspec.structs.replace(PAIRS, column={"boot": Column(each=True)}))


@pytest.mark.parametrize("other", [result("before"), result(found="it broke")])
def test_only_what_went_well_and_is_of_today_shows_pairs(other: Result) -> None:
    stand_in = dict.fromkeys(SIX, result()) | {SIX[0]: other}
    now = standing(ALL, results=stand_in, lineages=dict.fromkeys(ALL, "now"), matrix=PAIRS)
    lost = {name for name in ALL if now.state(cell(name)) == "unknown"}
    assert lost
    assert all(cell(name).pairs & cell(SIX[0]).pairs for name in lost)
    # What went wrong or is stale is not hidden by others that went well.
    assert now.state(cell(SIX[0])) in ("red", "stale")


def test_a_release_of_other_scenarios_shows_nothing_of_these() -> None:
    """(The printer boots programs of every compiler on every machine; that is no boot of a worker.)"""
    same = [name.replace("1/", "3/", 1).replace("boot/", "boot/other-") for name in ALL if name.startswith("1/")]
    names = [*ALL, *same]
    lineages, wanted = dict.fromkeys(names, "now"), "1/x/z/boot/d"
    without = [name for name in ALL if not name.startswith(("1/x/z/", "2/x/z/"))]
    for green, expected in (([name for name in ALL if name != wanted], "paired"), ([*without, *same], "unknown")):
        now = standing(names, results=dict.fromkeys(green, result()), lineages=lineages, matrix=PAIRS)
        assert now.state(cell(wanted)) == expected


def test_pairs_are_of_one_column() -> None:
    assert not cell("1/x/z/boot/c").pairs & cell("1/x/z/smoke/c").pairs


def test_the_page_says_what_is_shown_in_pairs() -> None:
    now = standing(ALL, results=dict.fromkeys(SIX, result()), lineages=dict.fromkeys(ALL, "now"), matrix=PAIRS)
    made = page(now)
    assert "| x | z | c yes<br>d [1](#reasons) |" in made
    assert made.splitlines()[-1].startswith("1. any two of its release, target, C compiler and scenario")
    assert list(summary(map(now.state, now.cells))) == ["16 cells: 6 green, 10 shown in pairs"]


def test_the_page() -> None:
    made = page(standing())
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
    made = page(standing(["one/x/usual/build"], results=bad))
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
