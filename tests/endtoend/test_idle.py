"""A build with nothing to do is answered from its note only if a whole run would say the same, in the same words."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest

from crosscourse.engine.idle import note
from crosscourse.engine.idle.rows import FILE, LINK, TREE
from tests.endtoend.conftest import Workspace

WORDS = ("release=printer", "build", "verify")
TIME = re.compile(r"\d+\.\d s")
# Runs the program that it is given, and prints behind all else what that looked at. Python finds modules by another way
# than `os`, so those that it opens are enough.
LOOKED = """
import os, runpy, sys
looked = set()
def tell(path):
    if isinstance(path, (str, bytes, os.PathLike)):
        looked.add(os.path.abspath(os.fsdecode(path)))
def telling(call):
    def told(path=".", *more, **named):
        tell(path)
        return call(path, *more, **named)
    return told
for name in ("stat", "lstat", "access", "readlink", "scandir", "listdir"):
    setattr(os, name, telling(getattr(os, name)))
started = []
def heard(event, args):
    if event == "open":
        tell(args[0])
    elif event == "subprocess.Popen":
        started.append(os.fspath(args[0]))
sys.addaudithook(heard)
del sys.argv[0]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
except SystemExit as end:
    sys.stdout.flush()
    sys.stderr.write("".join(f"LOOKED {path}\\n" for path in sorted(looked)))
    sys.stderr.write("".join(f"STARTED {path}\\n" for path in started))
    raise
"""
# Of a release's build folder: what holds nothing that a run decides by.
OWN = (".lock", "code.json")


@pytest.fixture
def noted(built: Workspace) -> Workspace:
    """A built copy, after runs with nothing to do."""
    time.sleep(0.05)
    for _ in range(3):
        built.doit(*WORDS)
    assert from_note(built)
    return built


def from_note(
    workspace: Workspace, *, stdout: IO[bytes] | int = subprocess.PIPE, room: int = resource.RLIM_INFINITY
) -> bool:
    """Whether a run of the words is answered from its note: asked of the part that says so.

    ``stdout``: where it prints; ``room``: bytes that a file may grow to.
    """
    # As the run itself is started, so that the note's name is the same.
    ask = (
        f"import sys; sys.path[0] = {str(workspace.root)!r}; from crosscourse.start import main; "
        "sys.exit(not main._same_as_before(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", ask, WORDS[0], "run", *WORDS[1:]],
        cwd=workspace.root,
        env=workspace.environment(CROSSCOURSE_CWD=str(workspace.root)),
        stdout=stdout,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY)),
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    return done.returncode == 0


def notes(workspace: Workspace) -> Path:
    return workspace.root / "build/printer" / note.FOLDER


def as_a_whole(workspace: Workspace) -> str:
    """What a whole run prints."""
    for path in notes(workspace).iterdir():
        path.unlink()
    outcome = workspace.doit(*WORDS)
    return TIME.sub("", outcome.text)


def test_it_prints_what_a_whole_run_prints(noted: Workspace) -> None:
    quick = noted.doit(*WORDS)
    assert TIME.sub("", quick.text) == as_a_whole(noted) == "Up to date: 16 tasks ().\n"


def test_all_that_a_whole_run_looks_at_is_noted(noted: Workspace, tmp_path: Path) -> None:
    for path in notes(noted).iterdir():
        path.unlink()
    program = tmp_path / "looked.py"
    program.write_text(LOOKED)
    done = subprocess.run(
        [sys.executable, str(program), str(noted.root / "crosscourse/start/main.py"), *WORDS],
        cwd=noted.root,
        env=noted.environment(CROSSCOURSE_CWD=str(noted.root)),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Up to date: 16 tasks" in done.stdout
    looked = [Path(line[7:]) for line in done.stderr.splitlines() if line.startswith("LOOKED ")]
    assert len(looked) > 200
    # What another program says might change without a trace; git says only what lies in the checkouts.
    assert {line[8:] for line in done.stderr.splitlines() if line.startswith("STARTED ")} == {str(noted.bin / "git")}
    (path,) = notes(noted).iterdir()
    rows = note.Note.decode(path.read_bytes()).rows
    files = {Path(path) for kind, path in rows if kind in (FILE, LINK)}
    trees = {Path(path) for kind, path in rows if kind == TREE}
    on_the_way = {parent for path in files | trees for parent in path.parents}
    own = [noted.root / "build/printer" / name for name in OWN]
    libraries = [Path(os.path.realpath(folder)) for folder in (sys.prefix, sys.base_prefix, *sys.path) if folder]

    def is_noted(path: Path) -> bool:
        if path in files or path in on_the_way or any(path.is_relative_to(tree) for tree in trees):
            return True
        if path.is_relative_to(noted.root):
            parts = path.relative_to(noted.root).parts
            if parts[0] in ("build", "dist", "sources"):
                return note.FOLDER in parts or path.name == "CACHEDIR.TAG" or path in own
            return not parts[0].startswith(".")
        return any(Path(os.path.realpath(path)).is_relative_to(folder) for folder in libraries) or path == program

    system = ("/dev/", "/proc/", "/sys/", "/etc/")  # of the machine: no build is decided by them
    missing = [str(path) for path in looked if not is_noted(path) and not str(path).startswith(system)]
    assert not missing


def append(path: Path) -> None:
    with path.open("a") as stream:
        stream.write("\n")


def restore_time(path: Path) -> None:
    """Other bytes, as many, at the same time."""
    before, content = path.stat(), path.read_bytes()
    path.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


CHANGES: dict[str, Callable[[Path], object]] = {
    "source": lambda root: append(root / "sources/printer/printer/cmd/goprinter/main.go"),
    "git's configuration": lambda root: (root / "sources/printer/printer/.git/config").write_text("[core]\n"),
    "new source": lambda root: (root / "sources/printer/printer/new.go").write_text("package printer\n"),
    "commit": lambda root: (root / "sources/printer/printer/.git/HEAD").write_text("ref: refs/heads/none\n"),
    "local source": lambda root: append(root / "examples/printer/cmd/goprinter/main.go"),
    "patch": lambda root: append(root / "vendor-patches/printer/say-patched.patch"),
    "manifest": lambda root: append(root / "releases/printer.toml"),
    "settings": lambda root: (root / "crosscourse.toml").write_text('target = "arm64"\n'),
    "target": lambda root: append(root / "toolchains/targets.toml"),
    "code": lambda root: append(root / "tasks/verify/works.py"),
    "graph": lambda root: append(root / "dodo.py"),
    "program": lambda root: restore_time(root / "build/printer/armv7/artifacts/goprinter"),
    "package": lambda root: (root / "dist/printer-1.0-linux-armv7.tgz").unlink(),
    "record": lambda root: (root / "build/printer/records").unlink(),
    "store": lambda root: (root / "build/printer/stores/printer/HEAD").unlink(),
    "checkout": lambda root: (root / "sources/printer/printer").rename(root / "sources/printer/aside"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_after_any_change_a_whole_run_tells(noted: Workspace, change: Callable[[Path], object]) -> None:
    change(noted.root)
    assert not from_note(noted)


def test_tools_modules_and_git_are_noted(noted: Workspace) -> None:
    rows = [row for path in notes(noted).iterdir() for row in note.Note.decode(path.read_bytes()).rows]
    assert any(kind == FILE and "/tools/go-" in path for kind, path in rows)
    assert any(kind == FILE and path.endswith("/go-mod") for kind, path in rows)
    assert any(kind == FILE and path.endswith("/git") for kind, path in rows)


def test_an_edit_is_built_and_undone_again(noted: Workspace) -> None:
    path = "sources/printer/printer/program/main.c"
    noted.edit(path, "cprinter ", "CPRINTER ")
    assert "compile:armv7:cprinter" in noted.doit(*WORDS).out
    time.sleep(0.05)
    for _ in range(2):
        assert "Up to date" in noted.doit(*WORDS).out
    assert from_note(noted)
    noted.edit(path, "CPRINTER ", "cprinter ")
    assert "compile:armv7:cprinter" in noted.doit(*WORDS).out


def test_forgetting_and_ignoring(noted: Workspace) -> None:
    noted.doit("release=printer", "ignore", "verify:armv7:elf")
    assert "ignored" in noted.doit(*WORDS).out
    assert "ignored" in noted.doit(*WORDS).out
    assert "ignored" in noted.doit(*WORDS).out
    noted.doit("release=printer", "forget", "verify:armv7:elf")
    assert "verify:armv7:elf" in noted.doit(*WORDS).out


def test_clean_leaves_no_note(noted: Workspace) -> None:
    noted.doit("release=printer", "clean", "--all")
    assert not (noted.root / "build/printer").exists()
    assert not from_note(noted)


def test_an_output_with_room_for_a_part_is_for_a_whole_run_to_tell(noted: Workspace, tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.write_bytes(bytes(1014))
    with full.open("ab") as stream:
        assert not from_note(noted, stdout=stream, room=1024)
    assert full.stat().st_size == 1024


def test_an_override_is_never_answered_from_a_note(noted: Workspace, tmp_path: Path) -> None:
    own = tmp_path / "own"
    subprocess.run(["cp", "-a", str(noted.root / "sources/printer/printer"), str(own)], check=True)
    (own / ".git/crosscourse.json").unlink()
    words = (f"override=printer={own}", *WORDS)
    for _ in range(4):
        noted.doit(*words)
    assert not any(
        note.Note.decode(path.read_bytes()).is_known and str(own) in path.read_bytes().decode()
        for path in notes(noted).iterdir()
    )
