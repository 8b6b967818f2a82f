"""Trying again: how often, after what, and what is shown of it."""

from __future__ import annotations

import pytest

from crosscourse.errors import CrosscourseError
from crosscourse.run.process import CommandError
from crosscourse.run.retry import retrying


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _: None)
    monkeypatch.delenv("CROSSCOURSE_RETRIES", raising=False)


class Flaky:
    """An action that fails ``times`` times, printing ``tail``."""

    def __init__(self, times: int, tail: str) -> None:
        self.times = times
        self.tail = tail
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.calls <= self.times:
            raise CommandError("git", "ended with exit status 128", self.tail)
        return "done"


def test_network_trouble_is_tried_again_and_shown() -> None:
    action, statuses = Flaky(2, "fatal: early EOF"), list[str]()
    assert retrying(action, status=statuses.append, what="fetching x") == "done"
    assert statuses == [
        "network trouble, trying again (1 of 3): fatal: early EOF",
        "fetching x (try 2 of 4)",
        "network trouble, trying again (2 of 3): fatal: early EOF",
        "fetching x (try 3 of 4)",
    ]


def test_trouble_that_stays_is_raised() -> None:
    action = Flaky(9, "fatal: early EOF")
    with pytest.raises(CommandError, match="exit status 128"):
        retrying(action, status=lambda _: None)
    assert action.calls == 4


def test_the_number_of_tries_is_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSCOURSE_RETRIES", "1")
    action = Flaky(9, "fatal: early EOF")
    with pytest.raises(CommandError):
        retrying(action, status=lambda _: None)
    assert action.calls == 1


def test_anything_else_is_raised_at_once() -> None:
    action = Flaky(9, "fatal: bad object")
    with pytest.raises(CommandError):
        retrying(action, status=lambda _: None)
    assert action.calls == 1


@pytest.mark.parametrize("said", ["many", "0", "-1", "", "1.5", "9" * 40, "²"])
def test_a_number_of_tries_that_is_none(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.setenv("CROSSCOURSE_RETRIES", said)
    with pytest.raises(CrosscourseError, match="CROSSCOURSE_RETRIES"):
        retrying(Flaky(0, ""), status=lambda _: None)
