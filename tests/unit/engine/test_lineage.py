"""What something comes from, told without making it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from crosscourse.engine.job import Job
from crosscourse.engine.lineage import joined, lineages
from crosscourse.engine.step import SourceFolder, Step
from tests.unit.engine.runs import git, make_checkout, make_shared, make_step
from tests.unit.engine.works import Text, write


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return make_checkout(tmp_path / "checkout", one="1", two="2")


@pytest.fixture
def steps(tmp_path: Path, checkout: Path) -> list[Step]:
    """A checkout that is made, a step that reads it, one that needs that, and one that comes after."""
    made = make_step("made", Text(text="pin"), write, place=checkout)
    source = SourceFolder(name="source", path=checkout)
    return [
        made,
        make_step("reads", Text(text="flags"), write, tmp_path / "reads", after=("made",), source=source),
        make_step("needs", Text(text="last"), write, tmp_path / "needs", needs=("reads",)),
        make_step("apart", Text(text="apart"), write, tmp_path / "apart"),
    ]


def asked(tmp_path: Path, steps: list[Step]) -> dict[str, str]:
    shared = make_shared(tmp_path / "project", tmp_path / "cache")
    return lineages([Job(step=step, shared=shared) for step in steps])


def changed(tmp_path: Path, steps: list[Step], **more: Text) -> set[str]:
    """The steps whose lineage is another one with these specs, by the names of steps."""
    before = asked(tmp_path, steps)
    others = [dataclasses.replace(step, spec=more.get(step.name, step.spec)) for step in steps]
    after = asked(tmp_path, others)
    return {name for name in before if before[name] != after[name]}


def test_a_change_is_one_of_all_that_comes_after(tmp_path: Path, steps: list[Step]) -> None:
    assert changed(tmp_path, steps) == set()
    assert changed(tmp_path, steps, made=Text(text="another pin")) == {"made", "reads", "needs"}
    assert changed(tmp_path, steps, needs=Text(text="another")) == {"needs"}
    assert changed(tmp_path, steps, apart=Text(text="another")) == {"apart"}


def test_nothing_has_to_be_there(tmp_path: Path, steps: list[Step], checkout: Path) -> None:
    before = asked(tmp_path, steps)
    checkout.rename(tmp_path / "gone")
    assert asked(tmp_path, steps) == before


def test_of_a_checkout_that_is_made_only_edits_count(tmp_path: Path, steps: list[Step], checkout: Path) -> None:
    before = asked(tmp_path, steps)
    git(checkout, "commit", "-q", "--allow-empty", "-m", "patched")
    assert asked(tmp_path, steps) == before
    (checkout / "one").write_text("edited")
    after = asked(tmp_path, steps)
    assert {name for name in before if before[name] != after[name]} == {"reads", "needs"}
    (checkout / "one").write_text("1")
    assert asked(tmp_path, steps) == before


def test_of_a_folder_of_ones_own_all_counts(tmp_path: Path, steps: list[Step], checkout: Path) -> None:
    before = asked(tmp_path, steps[1:])
    git(checkout, "commit", "-q", "--allow-empty", "-m", "another commit")
    assert asked(tmp_path, steps[1:])["reads"] != before["reads"]


def test_several_in_one() -> None:
    assert joined(["b", "a"]) == joined(["a", "b"])
    assert joined(["a"]) != joined(["a", "b"])
