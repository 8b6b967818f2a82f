"""Steps as doit's tasks: doit itself runs them, one run after the other."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from doit.cmd_base import ModuleTaskLoader
from doit.dependency import Dependency
from doit.doit_cmd import DoitMain
from doit.exceptions import TaskFailed

from crosscourse import files
from crosscourse.engine.check import JobCheck, act, as_task
from crosscourse.engine.job import Job
from crosscourse.engine.records import CrashSafeDB
from crosscourse.engine.spec import Nothing
from crosscourse.engine.step import SourceFolder, Step
from tests.unit.engine import works
from tests.unit.engine.runs import make_shared, make_step
from tests.unit.engine.works import Text

Run = Callable[..., dict[str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs doit with these steps; returns what came of each task."""
    monkeypatch.chdir(tmp_path)

    def doit(*steps: Step) -> dict[str, str]:
        shared = make_shared(tmp_path, tmp_path / "cache")
        report = io.StringIO()
        config = {"dep_file": str(tmp_path / "state"), "backend": "ours", "reporter": "json", "outfile": report}

        def task_all() -> Iterator[dict[str, Any]]:
            return (as_task(step, shared) for step in steps)

        plugins = {"BACKEND": {"ours": "crosscourse.engine.records:CrashSafeDB"}}
        loader = ModuleTaskLoader({"task_all": task_all, "DOIT_CONFIG": config})
        DoitMain(loader, extra_config=plugins).run(["run"])
        return {task["name"]: task["result"] for task in json.loads(report.getvalue())["tasks"] if ":" in task["name"]}

    return doit


def a_text(folder: Path, **spec: str) -> Step:
    return make_step("test:a", Text(**spec), works.write, folder / "a")  # type: ignore[arg-type]


def a_copy(folder: Path) -> Step:
    return make_step("test:b", Nothing(), works.copy_needed, folder / "b", needs=("test:a",))


def test_results_reach_those_who_need_them(run: Run, tmp_path: Path) -> None:
    assert run(a_text(tmp_path), a_copy(tmp_path)) == {"test:a": "success", "test:b": "success"}
    assert run(a_text(tmp_path), a_copy(tmp_path)) == {"test:a": "up-to-date", "test:b": "up-to-date"}
    assert run(a_text(tmp_path, remark="x"), a_copy(tmp_path)) == {"test:a": "success", "test:b": "up-to-date"}
    assert run(a_text(tmp_path, text="x"), a_copy(tmp_path)) == {"test:a": "success", "test:b": "success"}
    assert (tmp_path / "b").read_text() == "x"


def test_a_failure_is_not_recorded(run: Run, tmp_path: Path) -> None:
    broken = make_step("test:a", Nothing(), works.make_nothing, tmp_path / "a")
    assert run(broken)["test:a"] == "fail"
    assert run(broken)["test:a"] == "fail"


def test_after_a_failure_what_was_there_is_not_up_to_date(run: Run, tmp_path: Path) -> None:
    run(a_text(tmp_path))
    assert run(make_step("test:a", Text(text="x"), works.write_and_fail, tmp_path / "a"))["test:a"] == "fail"
    assert run(a_text(tmp_path))["test:a"] == "success"


def test_what_was_only_touched_is_recorded(run: Run, tmp_path: Path) -> None:
    run(a_text(tmp_path))
    before = (tmp_path / "a").stat().st_ino
    content = (tmp_path / "a").read_bytes()
    (tmp_path / "other").write_bytes(content)
    (tmp_path / "other").replace(tmp_path / "a")
    assert (tmp_path / "a").stat().st_ino != before
    assert run(a_text(tmp_path)) == {"test:a": "up-to-date"}
    # Recorded too, so that it is not hashed each time.
    recorded = Dependency(CrashSafeDB, str(tmp_path / "state")).get_values("test:a")
    assert recorded["outputs"]["a"][2:] == files.signature(tmp_path / "a")


def test_doubt_means_that_it_is_done(tmp_path: Path) -> None:
    """A check never raises: the work then says what is wrong."""
    source = SourceFolder(name="x", path=tmp_path / "none")
    step = make_step("test:a", Nothing(), works.count_whole, tmp_path / "a", source=source)
    job = Job(step=step, shared=make_shared(tmp_path, tmp_path / "cache"))
    check = JobCheck(job)
    assert check(None, {}) is False
    assert repr(check) == "never done, or failed the last time"
    failed = act(job)
    assert isinstance(failed, TaskFailed)
    assert "is not there yet" in failed.message


def test_a_task_is_as_doit_wants_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shared = make_shared(tmp_path, tmp_path / "cache")
    step = make_step("x:y:z", Nothing(), works.make_nothing, tmp_path / "a", needs=("n:1",), after=("n:2",))
    task = as_task(step, shared)
    assert (task["basename"], task["name"], task["task_dep"], task["targets"]) == ("x:y", "z", ["n:1", "n:2"], ["a"])
    assert (task["meta"]["stage"], task["meta"]["log"]) == ("test", "build/logs/x-y-z.log")
    assert shared.steps == {"x:y:z": step}
