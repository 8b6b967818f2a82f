"""What a plan says: reasons, what follows from them, and what the result cache would spare."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from crosscourse.commands.plan import Planned, describe, plan
from crosscourse.engine.reasons import NEVER
from crosscourse.engine.spec import Nothing
from crosscourse.engine.step import SourceFolder, Step
from tests.unit.engine import works
from tests.unit.engine.runs import Place, make_step
from tests.unit.engine.works import Text


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    root = tmp_path / "project"
    root.mkdir()
    monkeypatch.chdir(root)
    yield Place(root=root, cache=tmp_path / "cache")


def steps(place: Place, text: str = "text") -> list[Step]:
    """One step, and one that needs it."""
    return [
        make_step("test:a", Text(text=text), works.write, place.root / "a"),
        make_step("test:b", Nothing(), works.copy_needed, place.root / "b", needs=("test:a",)),
    ]


def planned(place: Place, *found: Step) -> list[Planned]:
    shared = place.share(*found)
    jobs = {step.name: place.job(step, shared=shared) for step in found}
    return plan(jobs.values(), lambda job: job.reasons)


def build(place: Place, *found: Step) -> None:
    for step in found:
        place.run(step, *found)


def test_nothing_was_done(place: Place) -> None:
    first, second = planned(place, *steps(place))
    assert (first.reasons, first.because, first.kept) == ((NEVER,), (), False)
    assert (second.reasons, second.because, second.kept) == ((NEVER,), ("test:a",), False)


def test_nothing_is_to_be_done(place: Place) -> None:
    build(place, *steps(place))
    found = planned(place, *steps(place))
    assert found == [Planned(name=name, reasons=(), because=()) for name in ("test:a", "test:b")]
    assert describe(found, everything=False) == ["Nothing to do: all 2 tasks are up to date."]


def test_what_would_come_from_the_cache(place: Place) -> None:
    build(place, *steps(place))
    build(place, *steps(place, "other"))
    first, second = planned(place, *steps(place))
    assert (first.sure, first.kept) == (True, True)
    # What it would be made of is known only when the first is there.
    assert (second.sure, second.because, second.kept) == (False, ("test:a",), False)
    assert describe([first, second], everything=False) == [
        "! test:a  text changed from other to text (from the cache)",
        "? test:b  test:a would be done",
        "1 of 2 tasks would be done (1 from the cache), 1 more (?) if what they need comes out different.",
    ]


def test_a_source_that_is_not_there_yet_is_no_error(place: Place) -> None:
    source = SourceFolder(name="x", path=place.root / "none")
    (found,) = planned(place, make_step("test:a", Nothing(), works.count_whole, place.root / "a", source=source))
    assert (found.reasons, found.kept) == ((NEVER,), False)
