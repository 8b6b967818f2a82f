"""Rows of a boot's report: what is tried, what is not, and how it is told."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from crosscourse.run.process import StoppedError
from tasks.boot.report import Check, Row, RowError, Seen, expect, succeeded, to_json, to_text, try_all

LATER = time.monotonic() + 3600


def passes(remark: str = "", seconds: float | None = None) -> Callable[[], Seen]:
    return lambda: Seen(remark=remark, seconds=seconds)


def fails() -> Seen:
    raise RowError("the thing", "is wrong", "Mend it.")


def check(name: str, act: Callable[[], Seen], *needs: str) -> Check:
    return Check(name=name, title=f"title of {name}", act=act, needs=needs)


def ignore(_text: str) -> None:
    pass


def row(name: str, result: str, remark: str = "", seconds: float = 1.25) -> Row:
    return Row(name=name, title=f"title of {name}", result=result, seconds=seconds, remark=remark)  # type: ignore[arg-type]  # a table's text


def test_each_is_tried_once_what_it_needs_has_passed() -> None:
    noted: list[str] = []
    checks = [
        check("a", passes("seen")),
        check("b", fails, "a"),
        check("c", passes(), "a", "b", "none"),
        check("d", passes(), "c"),
        check("e", passes(), "a"),
    ]
    found = try_all(checks, noted.append, until=LATER)
    assert [(one.name, one.result, one.remark) for one in found] == [
        ("a", "passed", "seen"),
        ("b", "failed", "the thing: is wrong\n  > Mend it."),
        ("c", "not run", "needs b, none"),
        ("d", "not run", "needs c"),
        ("e", "passed", ""),
    ]
    assert noted == ["1 of 5: title of a", "2 of 5: title of b", "5 of 5: title of e"]
    assert [one.title for one in found] == [one.title for one in checks]
    assert not succeeded(found)


def test_the_time_is_over_for_those_not_begun() -> None:
    until = time.monotonic() + 0.05

    def slow() -> Seen:
        time.sleep(0.06)
        return Seen()

    found = try_all([check("a", slow), check("b", passes())], ignore, until=until)
    assert [(one.result, one.remark) for one in found] == [("passed", ""), ("not run", "the time was over")]
    assert found[0].seconds >= 0.06
    assert found[1].seconds == 0


def test_a_check_may_know_better_how_long_it_took() -> None:
    (one,) = try_all([check("a", passes(seconds=12.3456))], ignore, until=LATER)
    assert one.seconds == 12.35

    def at_once() -> Seen:
        time.sleep(0.02)
        return Seen(seconds=0.0)

    (none,) = try_all([check("a", at_once)], ignore, until=LATER)
    assert none.seconds == 0


def test_a_run_that_is_being_ended_is_no_failed_row() -> None:
    def stopped() -> Seen:
        raise StoppedError

    with pytest.raises(StoppedError):
        try_all([check("a", stopped)], ignore, until=LATER)


def test_a_mistake_of_ours_is_not_taken_for_a_result() -> None:
    def broken() -> Seen:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        try_all([check("a", broken)], ignore, until=LATER)


def test_expect() -> None:
    expect(True, "x", "is wrong")
    with pytest.raises(RowError, match=r"^x: is wrong$"):
        expect(False, "x", "is wrong")


@pytest.mark.parametrize(
    ("results", "expected"),
    [((), True), (("passed", "passed"), True), (("passed", "failed"), False), (("passed", "not run"), False)],
)
def test_succeeded(results: tuple[str, ...], expected: bool) -> None:
    assert succeeded([row("a", result) for result in results]) is expected


MIXED = [
    row("boot", "passed", "Linux 6.1"),
    row("quiet", "passed", seconds=75),
    row("many", "passed", "two\nlines"),
    row("bad", "failed", "x: is wrong\n  > Mend it.\n"),
    row("late", "not run", "the time was over", seconds=0),
]


def test_text() -> None:
    assert to_text("A boot", MIXED, 125).splitlines() == [
        "A boot",
        "  passed     1.2 s  boot   title of boot (Linux 6.1)",
        "  passed    75.0 s  quiet  title of quiet",
        "  passed     1.2 s  many   title of many",
        "                     | two",
        "                     | lines",
        "  failed     1.2 s  bad    title of bad",
        "                     | x: is wrong",
        "                     |   > Mend it.",
        "  not run    0.0 s  late   title of late (the time was over)",
        "5 rows: 3 passed, 1 failed, 1 not run, 2 min 05 s",
    ]


def test_text_of_one_row_counts_only_what_there_is() -> None:
    assert to_text("A boot", [row("a", "passed")], 1).splitlines()[-1] == "1 row: 1 passed, 1.0 s"


def test_json() -> None:
    made = json.loads(json.dumps(to_json("A boot", MIXED, 125.04)))
    assert (made["title"], made["passed"], made["seconds"]) == ("A boot", False, 125.0)
    assert made["rows"][0] == {
        "name": "boot", "title": "title of boot", "result": "passed", "seconds": 1.25, "remark": "Linux 6.1",
    }  # fmt: skip
    assert [one["result"] for one in made["rows"]] == ["passed", "passed", "passed", "failed", "not run"]
    assert to_json("A boot", MIXED[:3], 1)["passed"] is True
