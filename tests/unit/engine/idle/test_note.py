"""A run that had nothing to do has nothing to do again, unless anything that it looked at has changed."""

from __future__ import annotations

import fcntl
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from crosscourse.engine.idle import note
from crosscourse.engine.idle.rows import FILE, UNKNOWN
from crosscourse.engine.idle.seen import Seen

TEXT = f"Up to date: 3 tasks ({note.TIME})."
WORDS = ["release=x", "build"]


@dataclass(frozen=True, kw_only=True)
class Project:
    """A project whose runs look at an output, at a source and at what they are told of."""

    root: Path

    @property
    def build(self) -> Path:
        return self.root / "build" / "x"

    def begin(self, *words: str) -> str | None:
        return note.begin(str(self.root), list(words or WORDS))

    def end(self, *more: Path, idle: bool = True, untold: bool = False) -> None:
        seen = Seen()
        seen.files([self.build / "out", *more])
        seen.tree(self.root / "sources/x")
        if untold:
            seen.more("a step")
        note.end(str(self.root), str(self.build), seen, TEXT, idle=idle)

    def run(self, *words: str) -> None:
        """A run that has nothing to do, as a whole."""
        if self.begin(*words) is None:
            self.end()

    def remove_notes(self) -> list[Path]:
        """Where they were."""
        paths = self.notes()
        for path in paths:
            path.unlink()
        return paths

    def notes(self) -> list[Path]:
        folder = self.build / note.FOLDER
        return [*folder.iterdir()] if folder.is_dir() else []


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    # pytest says there what it is at: the fixture or the test.
    monkeypatch.setattr(note, "_VOLATILE", note._VOLATILE | {"PYTEST_CURRENT_TEST"})
    for name in ("build/x/out", "build/x/.lock", "sources/x/a", "dodo.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("text")
    time.sleep(0.03)
    return Project(root=tmp_path)


@pytest.fixture
def noted(project: Project) -> Project:
    """After two runs."""
    project.run()
    project.run()
    return project


def test_two_runs_make_a_note(project: Project) -> None:
    assert project.begin() is None
    project.end()
    assert project.begin() is None
    project.end()
    assert project.begin() == TEXT
    assert project.begin() == TEXT


CHANGES: dict[str, Callable[[Project], object]] = {
    "output": lambda project: (project.build / "out").write_text("other"),
    "output touched": lambda project: (project.build / "out").touch(),
    "output gone": lambda project: (project.build / "out").unlink(),
    "source": lambda project: (project.root / "sources/x/a").write_text("other"),
    "new source": lambda project: (project.root / "sources/x/b").touch(),
    "source gone": lambda project: (project.root / "sources/x").rename(project.root / "sources/y"),
    "code": lambda project: (project.root / "dodo.py").write_text("other"),
    "new code": lambda project: (project.root / "settings.toml").touch(),
    "no lock": lambda project: (project.build / ".lock").unlink(),
    "note gone": lambda project: project.remove_notes(),
    "note damaged": lambda project: [path.write_bytes(path.read_bytes()[:-70] + b"\n") for path in project.notes()],
    "note empty": lambda project: [path.write_bytes(b"") for path in project.notes()],
    "pipe for a note": lambda project: [*map(os.mkfifo, project.remove_notes())],
    "folder for a note": lambda project: [*map(Path.mkdir, project.remove_notes())],
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_whatever_changed_is_found_out_by_a_run(noted: Project, change: Callable[[Project], object]) -> None:
    assert noted.begin() == TEXT
    change(noted)
    assert noted.begin() is None


def test_a_note_is_for_a_command(noted: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert noted.begin("release=x", "verify") is None
    assert noted.begin("build", "release=x") is None
    with monkeypatch.context() as patch:
        patch.setenv("CROSSCOURSE_PROGRESS", "live")
        assert noted.begin() is None
    with monkeypatch.context() as patch:
        patch.setattr(os, "geteuid", lambda: 12345)
        assert noted.begin() is None
    with monkeypatch.context() as patch:
        patch.setattr(sys, "path", [*sys.path, str(tmp_path.parent)])
        assert noted.begin() is None
    with monkeypatch.context() as patch:
        patch.setattr(sys, "version", "4")
        assert noted.begin() is None
    assert noted.begin() == TEXT


def test_shells_differ_in_what_counts_for_nothing(noted: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_", "SHLVL", "OLDPWD", "PWD"):
        monkeypatch.setenv(name, "/elsewhere")
    assert noted.begin() == TEXT


def test_a_library_that_is_installed(noted: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    libraries = tmp_path / "build/libraries"
    libraries.mkdir()
    monkeypatch.setattr(sys, "path", [*sys.path, str(libraries)])
    noted.run()
    noted.run()
    assert noted.begin() == TEXT
    (libraries / "new.py").touch()
    assert noted.begin() is None


def test_an_edit_in_the_middle_of_a_run_is_seen_by_the_next(project: Project) -> None:
    project.run()
    project.begin()
    (project.root / "sources/x/a").write_text("late")  # when the run has looked at it already
    project.end()
    time.sleep(0.03)
    assert project.begin() is None
    project.run()
    project.run()
    assert project.begin() == TEXT


def test_what_was_just_written_is_noted_by_a_later_run(project: Project) -> None:
    project.run()
    (project.build / "out").write_text("fresh")
    project.run()
    assert project.begin() is None
    time.sleep(0.03)
    project.run()
    project.run()
    assert project.begin() == TEXT


def test_a_run_that_had_work_notes_only_what_it_looked_at(project: Project) -> None:
    project.run()
    project.begin()
    project.end(idle=False)
    assert project.begin() is None
    project.end()
    assert project.begin() == TEXT


def test_a_run_that_looks_at_something_else(noted: Project) -> None:
    (noted.build / "out").touch()
    time.sleep(0.03)
    noted.run()
    noted.begin()
    noted.end(noted.build / "more")
    assert noted.begin() is None
    noted.end(noted.build / "more")
    assert noted.begin() == TEXT
    (noted.build / "more").touch()
    assert noted.begin() is None


def test_a_run_that_can_not_tell_what_it_looks_at_notes_nothing(project: Project) -> None:
    project.begin()
    project.end(untold=True)
    assert not project.notes()


def test_a_run_that_did_not_begin_here_notes_nothing(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crosscourse.engine.idle.note._Process.start", None)
    project.end()
    assert not project.notes()


def test_another_run_at_work_is_for_the_run_to_tell(noted: Project) -> None:
    with (noted.build / ".lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert noted.begin() is None
    assert noted.begin() == TEXT


def test_nothing_can_be_written(project: Project) -> None:
    (project.build / note.FOLDER).write_text("in the way")
    project.run()
    project.run()
    assert project.begin() is None


def test_a_path_with_a_line_end_is_not_noted(project: Project) -> None:
    project.begin()
    project.end(project.build / "a\nb")
    assert not project.notes()


def test_a_path_of_any_bytes(project: Project) -> None:
    odd = project.build / os.fsdecode(b"a b\xff  c")
    for _ in range(2):
        project.begin()
        project.end(odd)
    assert project.begin() == TEXT
    odd.touch()
    assert project.begin() is None


def test_only_so_many_notes_are_kept(project: Project) -> None:
    for number in range(20):
        project.run(f"build:{number}")
    assert len(project.notes()) == 16
    project.run("build:19")
    assert project.begin("build:19") == TEXT


def test_notes_as_they_are_written() -> None:
    made = note.Note(TEXT, {(FILE, "/a b"): "1.2", (FILE, "/c"): UNKNOWN})
    read = note.Note.decode(made.encode())
    assert (read.text, read.rows, read.is_known) == (made.text, made.rows, False)
    for content in (b"", b"x", made.encode()[1:], made.encode().replace(b"1.2", b"1.3")):
        with pytest.raises(ValueError, match=r".*"):
            note.Note.decode(content)


def test_a_program_as_path_leads_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two", "three"):
        (tmp_path / name).mkdir()
    for name in ("two", "three"):
        (tmp_path / name / "git").touch(mode=0o755)
    monkeypatch.setenv("PATH", os.pathsep.join(str(tmp_path / name) for name in ("one", "two", "three")))
    seen = Seen()
    seen.program("git")
    assert [*seen.things] == [(FILE, str(tmp_path / name / "git")) for name in ("one", "two", "three")]


def test_a_program_of_the_folder_that_one_is_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{os.pathsep}/none")
    seen = Seen()
    seen.program("git")
    assert [*seen.things] == [(FILE, "git"), (FILE, "/none/git")]


def test_what_was_told_before_there_was_a_run() -> None:
    before, seen = Seen(), Seen()
    before.file("/a")
    before.more("what a program says")
    seen.add(before)
    assert ([*seen.things], seen.untold) == ([(FILE, "/a")], ["what a program says"])
