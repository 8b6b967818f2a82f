"""A damaged .venv is noticed, whatever the damage; what people and Python do in one is none."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from crosscourse.start import contents

LIBRARY = "lib/python3/site-packages/library"


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    for name in (f"{LIBRARY}/__init__.py", f"{LIBRARY}/a b.so", "lib/python3/site-packages/pip/x.py", "pyvenv.cfg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("some text")
    contents.note(tmp_path)
    return tmp_path


def test_as_it_was_set_up(venv: Path) -> None:
    (venv / "stamp").write_text("later")
    (venv / "pycache").mkdir()
    (venv / "pycache/a.pyc").touch()
    (venv / "bin").mkdir()
    (venv / "bin/more").touch()
    assert contents.damage(venv, whole=True) == ""


DAMAGES: dict[str, Callable[[Path], object]] = {
    f"{LIBRARY}/a b.so was changed": lambda venv: (venv / LIBRARY / "a b.so").write_text("some"),
    f"{LIBRARY}/__init__.py was changed": lambda venv: (venv / LIBRARY / "__init__.py").write_text("xome text"),
    f"{LIBRARY}/__init__.py is missing": lambda venv: (venv / LIBRARY / "__init__.py").unlink(),
    "pyvenv.cfg is missing": lambda venv: (venv / "pyvenv.cfg").unlink(),
    "contents is missing": lambda venv: (venv / "contents").unlink(),
    "contents is not readable": lambda venv: (venv / "contents").write_text(f"{contents._python()}\n9\nxyz\n"),
    "it is of Python 3.1": lambda venv: (venv / "contents").write_text("Python 3.1\n0\n"),
}


@pytest.mark.parametrize("said", DAMAGES)
def test_damage_is_named(venv: Path, said: str) -> None:
    DAMAGES[said](venv)
    assert contents.damage(venv).startswith(said)


def test_a_pipe_is_not_waited_for(venv: Path) -> None:
    (venv / "contents").unlink()
    os.mkfifo(venv / "contents")
    assert contents.damage(venv) == "contents is missing"


@pytest.mark.parametrize("kept", range(40))
def test_a_note_that_is_cut_off(venv: Path, kept: int) -> None:
    note = venv / "contents"
    note.write_bytes(note.read_bytes()[: kept * 5])
    contents.damage(venv, whole=True)  # says something or nothing, and raises nothing


def test_what_few_need_is_compared_after_a_failure(venv: Path) -> None:
    (venv / "lib/python3/site-packages/pip/x.py").write_text("other")
    assert contents.damage(venv) == ""
    assert contents.damage(venv, whole=True) == "lib/python3/site-packages/pip/x.py was changed"
