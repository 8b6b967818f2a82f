"""A step in one run: whether and why it is done, what is recorded of it, what the result cache spares."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from crosscourse.engine.places import OutputMissingError, SourceEditedError
from crosscourse.engine.reads import Reads
from crosscourse.engine.reasons import NEVER
from crosscourse.engine.spec import Nothing
from crosscourse.engine.step import SourceFolder, Step
from crosscourse.errors import CrosscourseError
from tests.unit.engine import works
from tests.unit.engine.runs import ROOT, Place, git, make_checkout, make_step
from tests.unit.engine.works import Edit, Part, Text


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """A project folder; the working folder of a run is the project."""
    root = tmp_path / "one"
    root.mkdir()
    monkeypatch.chdir(root)
    yield Place(root=root, cache=tmp_path / "cache")


def a_text(place: Place, *, name: str = "test:a", output: str = "a", kept: bool = True, **spec: object) -> Step:
    return make_step(name, Text(**spec), works.write, place.root / "out" / output, kept=kept)  # type: ignore[arg-type]


def a_part(place: Place, *files: str, name: str = "test:a") -> Step:
    """A step that reads these files of the checkout ``source``."""
    source = SourceFolder(name="x", path=place.root / "source")
    return make_step(name, Part(files=files), works.copy_part, place.root / "out" / "a", source=source)


def out(place: Place, name: str = "a") -> Path:
    return place.root / "out" / name


# --- whether and why


def test_it_is_done_once(place: Place) -> None:
    step = a_text(place)
    first = place.run(step)
    assert (first.reasons, first.worked, first.cached) == ([NEVER], True, False)
    assert out(place).read_text() == "text"
    assert place.run(step).idle
    assert place.records["test:a"]["result"] == {"a": place.records["test:a"]["outputs"]["a"][1]}


def test_a_record_of_another_format_counts_as_none(place: Place) -> None:
    place.run(a_text(place))
    place.records["test:a"]["format"] = 1
    assert place.job(a_text(place)).reasons == [NEVER]


def test_a_changed_spec_is_named(place: Place) -> None:
    place.run(a_text(place))
    ran = place.run(a_text(place, text="other"))
    assert ran.reasons == ["text changed from text to other"]
    assert out(place).read_text() == "other"


def test_changed_code_is_named(place: Place, tmp_path: Path) -> None:
    place.code = tmp_path / "code"
    for name in ("tests/__init__.py", "tests/unit/__init__.py", "tests/unit/engine/__init__.py"):
        (place.code / name).parent.mkdir(parents=True, exist_ok=True)
        (place.code / name).touch()
    module = "tests/unit/engine/works.py"
    shutil.copy(ROOT / module, place.code / module)
    place.run(a_text(place))
    assert place.run(a_text(place)).idle
    with (place.code / module).open("a") as stream:
        stream.write("# edited\n")
    ran = place.run(a_text(place))
    assert [reason.partition(" (")[0] for reason in ran.reasons] == ["code of tests.unit.engine.works changed"]
    assert (ran.worked, ran.cached) == (True, False)


def test_what_comes_out_as_it_was_ends_there(place: Place) -> None:
    after = make_step("test:b", Nothing(), works.copy_needed, out(place, "b"), needs=("test:a",))
    place.run(a_text(place))
    assert place.run(after, a_text(place)).worked
    assert place.run(a_text(place, remark="mine")).worked
    assert place.run(after, a_text(place)).idle
    place.run(a_text(place, text="other"))
    ran = place.run(after, a_text(place))
    assert [reason.partition(" (")[0] for reason in ran.reasons] == ["test:a: a changed"]
    assert out(place, "b").read_text() == "other"


@pytest.mark.parametrize("how", ["removed", "damaged", "replaced"])
@pytest.mark.parametrize("kept", [True, False])
def test_an_output_that_is_not_what_was_built(place: Place, how: str, kept: bool) -> None:
    step = a_text(place, kept=kept)
    place.run(step)
    info = out(place).stat()
    precious = place.root / "precious"
    out(place).unlink()
    if how == "damaged":
        out(place).write_text("tixt")
        os.utime(out(place), ns=(info.st_atime_ns, info.st_mtime_ns))
    if how == "replaced":
        precious.write_text("mine")
        out(place).symlink_to(precious)
    ran = place.run(step)
    said = {"removed": "is missing", "damaged": "is not what was built", "replaced": "is not what was built"}[how]
    assert ran.reasons == [f"out/a {said}"]
    assert (ran.worked, ran.cached) == (not kept, kept)
    assert out(place).read_text() == "text"
    assert not out(place).is_symlink()
    assert how != "replaced" or precious.read_text() == "mine"
    assert place.run(step).idle


def test_an_output_that_was_only_touched_is_hashed_once(place: Place) -> None:
    place.run(a_text(place))
    os.utime(out(place), (1, 1))
    assert place.run(a_text(place)).idle
    job = place.job(a_text(place))
    assert (job.reasons, job.changed) == ([], False)


def test_what_a_step_made_elsewhere_is_missing_here(place: Place) -> None:
    place.run(a_text(place))
    moved = make_step("test:a", Text(), works.write, place.root / "elsewhere" / "a")
    assert place.run(moved).reasons == ["elsewhere/a is missing"]
    assert (place.root / "elsewhere" / "a").read_text() == "text"
    assert not out(place).exists()


# --- sources


def test_only_what_is_read_of_a_source_counts(place: Place) -> None:
    source = make_checkout(place.root / "source", a="a", b="b")
    step = a_part(place, "a")
    assert place.run(step).worked
    (source / "b").write_text("edited")
    assert place.run(step).idle
    job = place.job(step)
    assert (job.reasons, job.changed) == ([], False)  # what was seen is recorded, and not compared again
    git(source, "commit", "-qam", "another commit")
    assert place.run(step).idle
    (source / "a").write_text("edited")
    (source / "b").write_text("edited again")
    assert place.run(step).reasons == ["source x: a (edited) is new"]
    assert out(place).read_text() == "edited"
    git(source, "commit", "-qam", "the edit as a commit")
    assert place.run(step).idle


def test_what_is_read_is_learned_anew(place: Place) -> None:
    source = make_checkout(place.root / "source", a="a", b="b")
    place.run(a_part(place, "a"))
    place.run(a_part(place, "a", "b"))
    (source / "b").write_text("edited")
    assert place.run(a_part(place, "a", "b")).worked
    assert out(place).read_text() == "aedited"


def test_a_source_of_which_nothing_is_told_counts_as_a_whole(place: Place) -> None:
    source = make_checkout(place.root / "source", a="a")
    folder = SourceFolder(name="x", path=source)
    step = make_step("test:a", Nothing(), works.count_whole, out(place), source=folder)
    place.run(step)
    (source / "new").touch()
    ran = place.run(step)
    assert ran.reasons == ["source x: new (edited) is new"]
    assert out(place).read_text() == "['a', 'new']"


def test_what_is_known_to_be_read_needs_no_learning(place: Place) -> None:
    source = make_checkout(place.root / "source", a="a", b="b")
    folder = SourceFolder(name="x", path=source, reads=Reads.of(files=["a"]))
    step = make_step("test:a", Nothing(), works.count_whole, out(place), source=folder)
    place.run(step)
    (source / "b").write_text("edited")
    assert place.run(step).idle
    (source / "a").write_text("edited")
    assert place.run(step).worked
    (source / "a").write_text("a")
    assert place.run(step).cached


@pytest.mark.parametrize(("path", "refused"), [("a", True), ("b", False)], ids=["of what is read", "beside it"])
def test_a_source_that_is_edited_meanwhile(place: Place, path: str, refused: bool) -> None:
    source = make_checkout(place.root / "source", a="a", b="b")
    folder = SourceFolder(name="x", path=source)
    step = make_step("test:a", Edit(path=path), works.copy_while_edited, out(place), source=folder)
    if not refused:
        place.run(step)
        assert place.run(step).idle
        return
    with pytest.raises(SourceEditedError, match="source was edited while it was at work") as caught:
        place.run(step)
    assert "a (edited)" in str(caught.value)
    assert "Nothing was recorded" in caught.value.remedy
    assert place.records == {}
    assert not out(place).exists()
    # Not even in the cache: of neither state.
    for _ in range(2):
        assert not place.job(step).is_kept()
        git(source, "checkout", "-q", ".")


@pytest.mark.parametrize(("path", "refused"), [("a", True), ("b", False)], ids=["of what is read", "beside it"])
def test_an_edit_that_is_undone_meanwhile(place: Place, path: str, refused: bool) -> None:
    source = make_checkout(place.root / "source", a="a", b="b")
    folder = SourceFolder(name="x", path=source)
    step = make_step("test:a", Edit(path=path), works.copy_edited_and_undone, out(place), source=folder)
    if not refused:
        place.run(step)
        assert place.run(step).idle
        return
    with pytest.raises(SourceEditedError, match="a was written, and may have been different meanwhile"):
        place.run(step)
    assert place.records == {}
    assert not place.job(step).is_kept()


def test_an_edit_while_the_step_waits_is_no_edit_meanwhile(place: Place) -> None:
    source = make_checkout(place.root / "source", a="a", b="b")
    step = a_part(place, "a")
    job = place.job(step)
    (source / "a").write_text("edited before its turn")
    time.sleep(0.02)  # the kernel's clock for files ticks every 1 to 10 ms
    place.records[step.name] = job.do()
    assert out(place).read_text() == "edited before its turn"
    assert place.run(step).idle


def test_a_source_that_the_work_may_change(place: Place) -> None:
    source = make_checkout(place.root / "source", a="a")
    folder = SourceFolder(name="x", path=source, may_change=True)
    step = make_step("test:a", Edit(path="a"), works.copy_while_edited, out(place), source=folder)
    (said,) = place.run(step).reported
    assert said.startswith("test:a changed its source, which now counts as edited")


def test_a_source_that_is_not_there(place: Place) -> None:
    with pytest.raises(CrosscourseError, match="source: is not there yet"):
        place.run(a_part(place, "a"))


# --- the result cache


def test_an_undone_change_comes_from_the_cache(place: Place) -> None:
    source = make_checkout(place.root / "source", a="a", b="b")
    for step, edit in ((a_text(place, name="test:t", output="t"), None), (a_part(place, "a"), source / "a")):
        place.run(step)
        first = dict(place.records[step.name])
        if edit is None:
            place.run(make_step("test:t", Text(text="other"), works.write, out(place, "t")))
        else:
            edit.write_text("edited")
            assert place.run(step).worked
            edit.write_text("a")
        assert place.job(step).is_kept()
        ran = place.run(step)
        assert (ran.worked, ran.cached) == (False, True)
        now = place.records[step.name]
        assert (now["result"], now["content"], now["reads"]) == (first["result"], first["content"], first["reads"])
        assert place.run(step).idle


def test_the_cache_is_told_by_content_not_by_history(place: Place) -> None:
    source = make_checkout(place.root / "source", a="a", b="b")
    place.run(a_part(place, "a"))
    (source / "a").write_text("edited")
    git(source, "commit", "-qam", "second")
    assert place.run(a_part(place, "a")).worked
    git(source, "revert", "--no-edit", "HEAD")
    (source / "b").write_text("something else")
    assert place.run(a_part(place, "a")).cached


def test_another_checkout_takes_what_the_first_made(place: Place, tmp_path: Path) -> None:
    make_checkout(place.root / "source", a="a", b="b")
    place.run(a_part(place, "a"))
    other = Place(root=tmp_path / "two", cache=place.cache)
    make_checkout(other.root / "source", a="a", b="another one")
    assert other.job(a_part(other, "a")).reasons == [NEVER]
    assert other.job(a_part(other, "a")).is_kept()
    ran = other.run(a_part(other, "a"))
    assert (ran.worked, ran.cached) == (False, True)
    assert out(other).read_text() == "a"
    assert other.run(a_part(other, "a")).idle
    (other.root / "source" / "a").write_text("edited")
    assert other.run(a_part(other, "a")).worked
    assert out(place).read_text() == "a"


@pytest.mark.parametrize("same_size", [True, False])
def test_a_damaged_blob_is_as_good_as_none(place: Place, same_size: bool) -> None:
    step = a_text(place)
    place.run(step)
    out(place).unlink()
    (blob,) = (path for path in (place.cache / "results" / "blobs").rglob("*") if path.is_file())
    blob.write_text("tixt" if same_size else "t")
    ran = place.run(step)
    assert (ran.worked, ran.cached) == (True, False)
    assert out(place).read_text() == "text"
    out(place).unlink()
    assert place.run(step).cached


def test_only_outputs_are_kept(place: Place) -> None:
    place.run(a_text(place, kept=False))
    place.run(make_step("test:b", Text(), works.install, place=place.root / "tool"))
    place.run(make_step("test:c", Text(), works.write, out(place, "c"), place=place.root / "reports"))
    assert not (place.cache / "results").exists()


@pytest.mark.parametrize(("name", "labels"), [("test:b", ("a",)), ("test:a", ("a", "b")), ("other:a", ("a",))], ids=str)
def test_a_key_is_of_spec_work_and_labels(place: Place, name: str, labels: tuple[str, ...]) -> None:
    """Not of the step's name: whoever does the same makes the same."""
    place.run(a_text(place))
    step = make_step(name, Text(), works.write, *(place.root / "more" / label for label in labels))
    assert place.run(step).cached == (labels == ("a",))
    out(place).unlink(missing_ok=True)
    assert place.run(a_text(place)).cached  # what the other made did not take its place


def test_a_work_of_another_name_has_another_key(place: Place) -> None:
    place.run(a_text(place))
    with pytest.raises(CrosscourseError, match="went wrong"):
        place.run(make_step("test:a", Text(text="text"), works.write_and_fail, out(place, "b") / "a"))


# --- outputs


@pytest.mark.parametrize("work", [works.make_nothing, works.make_link, works.make_folder])
def test_an_output_that_was_not_made(place: Place, work: object) -> None:
    step = make_step("test:a", Nothing(), work, out(place))  # type: ignore[arg-type]
    with pytest.raises(OutputMissingError, match="ended without making a"):
        place.run(step)
    assert not out(place).exists()
    assert not (place.cache / "results").exists()
    assert place.job(step).reasons == [NEVER]


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o000])
@pytest.mark.parametrize(("mode", "expected"), [(0o600, 0o644), (0o666, 0o644), (0o700, 0o755), (0o4775, 0o755)])
def test_modes_are_the_same_whatever_the_umask(place: Place, umask: int, mode: int, expected: int) -> None:
    before = os.umask(umask)
    try:
        place.run(a_text(place, mode=mode))
        assert stat.S_IMODE(out(place).stat().st_mode) == expected
        out(place).unlink()
        assert place.run(a_text(place, mode=mode)).cached
        assert stat.S_IMODE(out(place).stat().st_mode) == expected
    finally:
        os.umask(before)


def test_outputs_are_moved_into_place(place: Place) -> None:
    place.run(a_text(place))
    with out(place).open() as stream:
        place.run(a_text(place, text="other"))
        assert stream.read() == "text"  # the old file, whole, for whoever has it open
    assert out(place).read_text() == "other"
    assert [path.name for path in out(place).parent.iterdir()] == ["a"]


def test_a_failed_step_leaves_what_was_there(place: Place) -> None:
    place.run(a_text(place))
    with pytest.raises(CrosscourseError, match="went wrong"):
        place.run(make_step("test:a", Text(text="other"), works.write_and_fail, out(place)))
    assert out(place).read_text() == "text"
    assert list((place.root / "build" / "tmp").iterdir()) == []


def test_what_a_killed_run_left_is_not_taken_for_an_output(place: Place) -> None:
    left = place.root / "build" / "tmp" / "test-a" / "outputs"
    left.mkdir(parents=True)
    (left / "a").write_text("half")
    with pytest.raises(OutputMissingError):
        place.run(make_step("test:a", Nothing(), works.make_nothing, out(place)))


def test_former_outputs_are_removed(place: Place) -> None:
    two = make_step("test:a", Text(), works.write, out(place), out(place, "b"))
    place.run(two)
    assert out(place, "b").is_file()
    place.run(a_text(place, text="other"))
    assert [path.name for path in out(place).parent.iterdir()] == ["a"]


def test_a_former_output_that_another_step_makes_now_stays(place: Place) -> None:
    place.run(make_step("test:a", Text(), works.write, out(place), out(place, "b")))
    heir = a_text(place, name="test:b", output="b", text="mine")
    place.run(heir)
    place.run(a_text(place, text="other"), heir)
    assert out(place, "b").read_text() == "mine"


# --- steps with a place


def test_a_probe_is_asked_each_time(place: Place) -> None:
    folder = place.root / "tool"
    step = make_step("test:a", Text(), works.install, place=folder, probe=works.missing, result=works.installed)
    assert place.run(step).worked
    assert place.records["test:a"]["result"] == "text in tool"
    assert place.run(step).idle
    (folder / "tool").unlink()
    ran = place.run(step)
    assert (ran.reasons, ran.worked) == (["the tool is gone"], True)


def test_those_who_need_it_see_its_result(place: Place) -> None:
    tool = make_step("test:tool", Text(), works.install, place=place.root / "tool", result=works.installed)
    after = make_step("test:a", Text(), works.write, out(place), needs=("test:tool",))
    place.run(tool)
    place.run(after, tool)
    place.run(with_spec(tool, remark="mine"))
    assert place.run(after, tool).idle
    place.run(with_spec(tool, text="other"))
    assert place.run(after, tool).reasons == ["test:tool changed from text in tool to other in tool"]


def with_spec(step: Step, **changed: str) -> Step:
    """The same step of another spec."""
    spec = msgspec.structs.replace(step.spec, **changed)
    return make_step(step.name, spec, step.work, place=step.place, result=step.result)


# --- failures


def test_failures_are_told_and_logged(place: Place) -> None:
    job = place.job(a_text(place))
    job.do()
    assert job.log == place.root / "build" / "logs" / "test-a.log"
    assert job.fail(CrosscourseError("x", "is wrong")) == "x: is wrong"
    assert "x: is wrong" in job.log.read_text()
    assert "no space left" in job.fail(OSError(errno.ENOSPC, "No space left on device"))
    with pytest.raises(ZeroDivisionError):
        job.fail(ZeroDivisionError("mine"))
    assert "ZeroDivisionError: mine" in job.log.read_text()
