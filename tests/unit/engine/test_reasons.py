"""Differences of inputs, in words."""

import pytest

from crosscourse.engine.reasons import Inputs, explain

COMMIT_A, COMMIT_B = "a" * 40, "b" * 40


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ({}, {}, []),
        ({"tool": "1"}, {"tool": "1"}, []),
        ({"tool": "1"}, {"tool": "2"}, ["tool changed from 1 to 2"]),
        ({}, {"tool": "2"}, ["tool is new"]),
        ({"tool": "1"}, {}, ["tool is gone"]),
        ({"tool": ""}, {"tool": "2"}, ["tool changed from nothing to 2"]),
        ({"tool": "1"}, {"tool": {"x": "1"}}, ["tool changed"]),
        ({"s": {"commit": COMMIT_A}}, {"s": {"commit": COMMIT_B}}, ["s: commit changed (aaaaaaaa → bbbbbbbb)"]),
        ({"s": {"commit": COMMIT_A}}, {"s": {"commit": COMMIT_A, "f.go (edited)": "1"}}, ["s: f.go (edited) is new"]),
        ({"s": {"f.go (edited)": "1"}}, {"s": {}}, ["s: f.go (edited) is as it was"]),
        ({"s": {"f": "1"}}, {"s": {}}, ["s: f is gone"]),
        (
            {"s": {}},
            {"s": {f"f{n}": "1" for n in range(7)}},
            ["s: f0 is new, f1 is new, f2 is new, f3 is new, f4 is new, and 2 more"],
        ),
        ({"s": "x" * 200}, {"s": "y"}, ["s changed"]),
        ({"b": "1", "a": "1"}, {"b": "2", "a": "2"}, ["a changed from 1 to 2", "b changed from 1 to 2"]),
    ],
)
def test_explain(before: Inputs, now: Inputs, expected: list[str]) -> None:
    assert explain(before, now) == expected


def test_never_done() -> None:
    assert explain(None, {"a": "1"}) == ["never done, or failed the last time"]
