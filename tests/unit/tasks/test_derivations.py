"""Every step of every release is a derivation: what its work cannot see cannot matter.

The steps are those that dodo.py composes, in a copy of it: so none is left out here.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, get_type_hints

import msgspec
import pytest
from doit import doit_cmd

from crosscourse.engine.code.digest import Code
from crosscourse.engine.places import Places
from crosscourse.engine.spec import Spec, encode, labels
from crosscourse.engine.step import Step
from tasks.sources import OwnFolder

ROOT = Path(__file__).resolve().parents[3]
RELEASES = sorted(path.stem for path in (ROOT / "releases").glob("*.toml"))
PARTS = ("releases", "vendor-patches", "examples", "tasks", "toolchains", "crosscourse")
PLAIN = (str, int, float, bool, bytes, type(None))
# What says how steps are run, and which there are; nothing that makes bytes may depend on it.
FRAME = {
    "crosscourse.project",
    "tasks.kinds",
    *(f"crosscourse.engine.{name}" for name in ("job", "check", "shared", "step", "graph")),
}
# What tells an idle run by what it looks at, the machine included: an edit there must not make anything again.
LOOKS = "crosscourse.engine.idle"


def compose(root: Path, release: str, monkeypatch: pytest.MonkeyPatch, **variables: str) -> dict[str, Step]:
    """The steps of a release, by name, as dodo.py in ``root`` makes them."""
    root.mkdir(parents=True)
    for part in PARTS:
        (root / part).symlink_to(ROOT / part)
    shutil.copy(ROOT / "dodo.py", root)
    monkeypatch.setattr(
        doit_cmd, "_CMDLINE_VARS", {"release": release, "cache": str(root.parent / "cache"), **variables}
    )
    found = importlib.util.spec_from_file_location("composed", root / "dodo.py")
    assert found is not None
    assert found.loader is not None
    dodo = importlib.util.module_from_spec(found)
    found.loader.exec_module(dodo)
    return {step.name: step for step in steps_of(dodo)}


def steps_of(dodo: ModuleType) -> Iterator[Step]:
    for name, make in vars(dodo).items():
        if name.startswith("task_"):
            for task in make():
                if "job" in task.get("meta", {}):
                    yield task["meta"]["job"].step


@pytest.fixture(params=RELEASES)
def steps(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Step]:
    """All steps of a release, of all its targets."""
    return compose(tmp_path / "one" / "project", request.param, monkeypatch)


def functions(step: Step) -> Iterator[Callable[..., Any]]:
    yield step.work
    yield from (found for found in (step.probe, step.result, step.remover, step.advice) if found is not None)


def faults(function: object) -> Iterator[str]:
    """Why something is more than a function at module level that holds nothing."""
    if not isinstance(function, FunctionType):
        yield f"{function} is no plain function"
        return
    name = f"{function.__module__}.{function.__qualname__}"
    parameters = inspect.signature(function).parameters.values()
    if function.__closure__:
        yield f"{name} closes over {function.__code__.co_freevars}"
    if getattr(importlib.import_module(function.__module__), function.__qualname__, None) is not function:
        yield f"{name} is not found under its name"
    for parameter in parameters:
        if parameter.default is not parameter.empty and not isinstance(parameter.default, PLAIN):
            yield f"{name} holds {parameter.default!r} by default"


def test_a_release_has_steps_of_every_stage(steps: dict[str, Step]) -> None:
    stages = {step.stage for step in steps.values()}
    assert stages >= {"toolchain", "sources", "patches", "modules", "compile", "rootfs", "package", "verify", "guest"}
    assert {name for step in steps.values() for name in (*step.needs, *step.after)} <= set(steps)


def test_functions_of_steps_hold_nothing(steps: dict[str, Step]) -> None:
    assert [fault for step in steps.values() for function in functions(step) for fault in faults(function)] == []


def test_what_holds_something_is_found() -> None:
    held = {"a": 1}

    def closing(_spec: Spec) -> object:
        return held

    assert any("closes over" in fault for fault in faults(closing))
    assert any("not found" in fault for fault in faults(closing))
    assert list(faults(print))
    assert any("by default" in fault for fault in faults(with_a_default))
    assert list(faults(functions)) == []


def with_a_default(_spec: Spec, held: object = {}) -> object:
    return held


def test_specs_are_data(steps: dict[str, Step]) -> None:
    for step in steps.values():
        assert isinstance(step.spec, Spec), step.name
        assert all(struct.__struct_config__.frozen for struct in structs(step.spec)), step.name
        assert msgspec.json.decode(encode(step.spec), type=type(step.spec)) == step.spec, step.name
        assert all(isinstance(value, (str, dict)) for value in labels(step.spec).values()), step.name


def structs(value: object) -> Iterator[msgspec.Struct]:
    """All structs in a value; raises AssertionError for what is no data."""
    if isinstance(value, msgspec.Struct):
        yield value
        for field in msgspec.structs.fields(value):
            yield from structs(getattr(value, field.name))
    elif isinstance(value, dict):
        for key, inner in value.items():
            assert isinstance(key, str)
            yield from structs(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from structs(inner)
    else:
        assert isinstance(value, PLAIN), value


def test_work_says_which_spec_it_takes(steps: dict[str, Step]) -> None:
    for step in steps.values():
        hints = get_type_hints(step.work, localns={"Places": Places})
        assert list(hints.values())[1:] == [Places, type(None)], step.name
        assert isinstance(step.spec, next(iter(hints.values()))), step.name


def shape(step: Step) -> tuple[object, ...]:
    """All of a step that its key is made of, but the code."""
    work = f"{step.work.__module__}.{step.work.__qualname__}"
    reads = step.source.reads if step.source else None
    return (work, encode(step.spec), step.needs, tuple(step.outputs), step.kept, reads)


@pytest.mark.parametrize("release", RELEASES)
def test_steps_are_the_same_wherever_the_project_lies(
    release: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = compose(tmp_path / "here" / "project", release, monkeypatch)
    there = compose(tmp_path / "quite" / "there", release, monkeypatch, jobs="7")
    assert {name: shape(step) for name, step in here.items()} == {name: shape(step) for name, step in there.items()}
    machine = (str(tmp_path), str(ROOT))
    assert [step.name for step in here.values() if any(path in encode(step.spec).decode() for path in machine)] == []


def test_only_a_folder_of_ones_own_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "own"
    own.mkdir()
    found = compose(tmp_path / "one" / "project", "printer", monkeypatch, override=f"printer={own}")
    named = [step for step in found.values() if str(own) in encode(step.spec).decode()]
    assert {step.name for step in named} == {"source:printer", "patch:printer"}
    assert all(isinstance(step.spec, OwnFolder) for step in named)


@pytest.mark.parametrize("stage", ["compile", "rootfs", "package", "verify"])
def test_what_makes_bytes_depends_on_no_frame(steps: dict[str, Step], tmp_path: Path, stage: str) -> None:
    code = Code(ROOT, tmp_path / "code.json")
    modules = {step.work.__module__ for step in steps.values() if step.stage == stage}
    assert modules
    found = {(name, each) for name in modules for each in code.contents(name)}
    assert sorted(pair for pair in found if pair[1] in FRAME or pair[1].startswith(LOOKS)) == []


def test_names_and_outputs_are_each_of_one_step(steps: dict[str, Step]) -> None:
    outputs = [path for step in steps.values() for path in step.outputs.values()]
    assert len(set(outputs)) == len(outputs)
    files = [step.file_name for step in steps.values()]
    assert len(set(files)) == len(files)
