"""Places of steps: looked at once a run, only when something works, and mended before it does."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from crosscourse.engine.places import Places
from crosscourse.engine.step import Step
from crosscourse.errors import CrosscourseError
from tests.unit.engine import works
from tests.unit.engine.runs import Place, make_step
from tests.unit.engine.works import Text


class Tool:
    """A step that has a place: a file, which says "good" or something else."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "tool"
        self.looks: list[str] = []
        self.works = 0
        self.breaks = False

    def look(self, step: Step) -> str | None:
        assert step.place is not None
        self.looks.append(step.name)
        return None if self.file.read_text() == "good" else "it is bad"

    def work(self, _spec: Text, at: Places) -> None:
        self.works += 1
        if self.breaks:
            raise CrosscourseError("tool", "can't be made")
        at.place.write_text("good")
        at.report("made again")

    def step(self, name: str = "tool") -> Step:
        return make_step(name, Text(), self.work, place=self.file, sound=self.look)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "root").mkdir()
    return Place(root=tmp_path / "root", cache=tmp_path / "cache")


@pytest.fixture
def tool(tmp_path: Path) -> Tool:
    made = Tool(tmp_path)
    made.file.write_text("good")
    return made


def writer(place: Place, text: str, name: str = "w", need: str = "tool") -> Step:
    return make_step(name, Text(text=text), works.write, place.root / "build" / f"{name}.txt", needs=(need,))


def test_a_run_with_nothing_to_do_does_not_look(place: Place, tool: Tool) -> None:
    place.run(writer(place, "a"), tool.step())
    assert tool.looks == ["tool"]
    tool.file.write_text("bad")
    assert place.run(writer(place, "a"), tool.step()).idle
    assert tool.looks == ["tool"]


def test_what_comes_from_the_cache_does_not_look(place: Place, tool: Tool) -> None:
    place.run(writer(place, "a"), tool.step())
    (place.root / "build/w.txt").unlink()
    tool.file.write_text("bad")
    assert place.run(writer(place, "a"), tool.step()).cached
    assert tool.looks == ["tool"]


def test_it_is_mended_before_the_work_and_said_once(place: Place, tool: Tool) -> None:
    tool.file.write_text("bad")
    ran = place.run(writer(place, "a"), tool.step())
    assert ran.worked
    assert tool.file.read_text() == "good"
    assert tool.works == 1
    assert ran.reported[0] == "made again"
    # Not among what is told again when the outputs come from the cache.
    (place.root / "build/w.txt").unlink()
    assert "made again" not in place.run(writer(place, "a"), tool.step()).reported


def test_a_step_that_only_comes_after_looks_too(place: Place, tool: Tool) -> None:
    tool.file.write_text("bad")
    step = make_step("w", Text(), works.write, place.root / "build/w.txt", after=("tool",))
    place.run(step, tool.step())
    assert tool.works == 1


def test_what_can_t_be_mended_fails_the_step(place: Place, tool: Tool) -> None:
    tool.file.write_text("bad")
    tool.breaks = True
    with pytest.raises(CrosscourseError, match="can't be made"):
        place.run(writer(place, "a"), tool.step())
    assert not (place.root / "build/w.txt").exists()
    tool.breaks = False
    assert place.run(writer(place, "a"), tool.step()).worked


def test_two_threads_mend_once(place: Place, tool: Tool) -> None:
    tool.file.write_text("bad")
    steps = [writer(place, "a", "one"), writer(place, "b", "two")]
    shared = place.share(*steps, tool.step())
    jobs = [place.job(step, shared=shared) for step in steps]
    threads = [threading.Thread(target=job.do) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tool.works == 1
    assert [text for job in jobs for text in job.reported].count("made again") == 1
