"""What marks know of patches: only of the same content, on the same commit, after the same patches."""

from __future__ import annotations

import pytest

from crosscourse.git.checkout import Mark
from crosscourse.patches.states import APPLIED, FAILED, UNTRIED, UPSTREAM, states

DIGESTS = {"a": "1", "b": "2", "c": "3"}


def mark(patches: dict[str, str], base: str = "base", **changed: str) -> Mark:
    digests = {name: changed.get(name, DIGESTS[name]) for name in patches}
    return Mark(base=base, commit="c", patches=patches, digests=digests)


@pytest.mark.parametrize(
    ("marks", "base", "expected"),
    [
        ([], "base", [UNTRIED] * 3),
        ([mark({"a": APPLIED, "b": UPSTREAM, "c": APPLIED})], "base", [APPLIED, UPSTREAM, APPLIED]),
        ([mark({"a": APPLIED, "b": UPSTREAM, "c": APPLIED})], None, [APPLIED, UPSTREAM, APPLIED]),
        ([mark({"a": APPLIED, "b": APPLIED, "c": APPLIED})], "other", [UNTRIED] * 3),
        ([mark({"a": APPLIED, "b": APPLIED, "c": APPLIED}, b="changed")], "base", [APPLIED, UNTRIED, UNTRIED]),
        ([mark({"b": APPLIED, "a": APPLIED, "c": APPLIED})], "base", [UNTRIED] * 3),
        (
            [mark({"a": APPLIED, "b": FAILED}), mark({"a": APPLIED, "b": APPLIED}, b="old")],
            "base",
            [APPLIED, FAILED, UNTRIED],
        ),
        ([Mark(base="base", commit="c", patches={"a": APPLIED})], "base", [APPLIED, UNTRIED, UNTRIED]),
    ],
)
def test_states(marks: list[Mark], base: str | None, expected: list[str]) -> None:
    assert states(["a", "b", "c"], DIGESTS, base, marks) == expected
