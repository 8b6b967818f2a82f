"""What a step's work is given: where to write and read, and what is told to whom."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from crosscourse.engine.lock import caches_in_use
from crosscourse.engine.places import Places
from crosscourse.engine.reads import Reads
from crosscourse.run.process import CommandError
from tests.unit.places import make_places

ENV = {"PATH": os.environ["PATH"]}


@pytest.fixture
def at(tmp_path: Path) -> Places:
    needed = {
        "compile:b": {"b": tmp_path / "b", "b.map": tmp_path / "b.map"},
        "toolchain:t": {"": tmp_path / "t", "program": tmp_path / "t" / "bin" / "t"},
    }
    return make_places(tmp_path, labels=("a", "deep/b"), needed=needed)


def test_outputs(at: Places) -> None:
    assert at.output() == at.output("a")
    assert at.output("deep/b") == at.outputs_folder / "deep" / "b"
    at.output("deep/b").touch()
    with pytest.raises(LookupError, match="no output 'c'"):
        at.output("c")


def test_what_is_needed(at: Places, tmp_path: Path) -> None:
    assert at.need("compile:b") == tmp_path / "b"
    assert at.need("compile:b", "b.map") == tmp_path / "b.map"
    assert at.need("toolchain:t") == tmp_path / "t"
    assert at.need("toolchain:t", "program") == tmp_path / "t" / "bin" / "t"
    with pytest.raises(KeyError):
        at.need("compile:c")


def test_a_step_without_source_or_place_has_none(at: Places) -> None:
    with pytest.raises(LookupError, match="no source"):
        _ = at.source
    with pytest.raises(LookupError, match="no place"):
        _ = at.place


def test_running_goes_to_the_log(at: Places) -> None:
    assert at.run(["sh", "-c", "echo said"], env=ENV) == "said\n"
    assert "said" in at.log.read_text()


def test_an_answer_goes_to_the_log_only_if_there_is_none(at: Places) -> None:
    at.log.touch()
    assert at.ask(["sh", "-c", "echo said"], env=ENV) == "said\n"
    assert at.log.read_text() == ""
    with pytest.raises(CommandError):
        at.ask(["sh", "-c", "echo wrong; exit 1"], env=ENV)
    assert "wrong" in at.log.read_text()
    assert [path.name for path in at.scratch.iterdir()] == ["temporary"]


def test_temporary_files_lie_in_the_scratch_folder(at: Places) -> None:
    # What a killed program leaves elsewhere would stay for ever.
    for run in (at.run, at.ask):
        assert at.scratch in Path(run(["sh", "-c", "mktemp"], env=ENV).strip()).parents
    assert at.run(["sh", "-c", 'echo "$TMPDIR"'], env={**ENV, "TMPDIR": "/elsewhere"}) == "/elsewhere\n"


def test_what_a_person_is_told_is_in_the_log_too(tmp_path: Path) -> None:
    shown: list[str] = []
    at = make_places(tmp_path, show=shown.append)
    at.status("working")
    at.report("done")
    at.write_log("by the way")
    assert (shown, at.reported, at.log.read_text()) == (["working"], ["done"], "done\nby the way\n")


def test_what_was_read_is_learned(at: Places) -> None:
    at.read(Reads.of(files=["a"]))
    assert at.learned == [Reads.of(files=["a"])]


@pytest.mark.parametrize("told", [True, False])
def test_nobody_removes_what_compilers_keep_while_a_program_runs_that_is_told_of_it(tmp_path: Path, told: bool) -> None:
    at = make_places(tmp_path)
    began, may_end = tmp_path / "began", tmp_path / "may-end"
    words = ["sh", "-c", 'touch "$0"; while [ ! -e "$1" ]; do sleep 0.02; done', began, may_end]
    env = {"PATH": os.environ["PATH"]} | ({"GOCACHE": str(at.caches / "go-build")} if told else {})
    program = threading.Thread(target=at.run, args=(words,), kwargs={"env": env})
    program.start()
    removed = threading.Event()

    def remove() -> None:
        with caches_in_use(at.caches, shared=False):
            removed.set()

    while not began.exists():
        time.sleep(0.01)
    remover = threading.Thread(target=remove)
    remover.start()
    assert removed.wait(0.3 if told else 30) == (not told)
    may_end.touch()
    program.join(30)
    assert removed.wait(30)
    remover.join()
