"""The launcher's errors, each provoked by a PATH on which something is missing or other than it should be.

A first use that works is tested in tests/endtoend.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ("cat", "cmp", "env", "git", "grep", "mkdir", "mv", "readlink", "rm", "sleep", "tail")
OLD = "echo 3.9 64 1 /usr/bin/python3.9"
BROKEN = "exit 127"
# Answers the launcher's question as a good Python does, locks as one does, and fails to make an environment.
GOOD = f"""case "$*" in
    *importlib*) echo 3.12 64 1 "$0" ;;
    *fcntl*) exec {shlex.quote(sys.executable)} "$@" ;;
    *) %s ;;
esac"""


class Place:
    """A folder with the launcher in it, and a PATH of its own."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "a project"
        self.bin = folder / "bin"
        self.root.mkdir()
        self.bin.mkdir()
        for name in ("doit", "requirements.txt", "requirements-test.txt", "setup.cfg", "pyproject.toml"):
            shutil.copy(ROOT / name, self.root)
        for name in TOOLS:
            found = shutil.which(name)
            assert found, f"{name} is needed by this test"
            (self.bin / name).symlink_to(found)
        self.stub("uname", "case $1 in -s) echo Linux ;; *) echo x86_64 ;; esac")
        self.stub("python3", GOOD % "echo unexpected; exit 1")

    def stub(self, name: str, script: str) -> None:
        """A program of that name on PATH that is this script."""
        path = self.bin / name
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def start(
        self, *args: str, program: Path | None = None, cwd: Path | None = None, **env: str
    ) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [program or self.root / "doit", *args],
            env={"PATH": str(self.bin), **env},
            cwd=cwd or self.root,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    def run(self, *args: str, program: Path | None = None, cwd: Path | None = None, **env: str) -> tuple[int, str, str]:
        """Exit status, standard output, standard error."""
        process = self.start(*args, program=program, cwd=cwd, **env)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def fails(self, python: Path | None = None) -> str:
        """What the launcher says when it fails, as it must. ``python``: the one asked for."""
        status, out, err = self.run(PYTHON=str(python or ""))
        assert status == 1
        assert not out
        assert not (self.root / ".venv/stamp").exists()
        return err

    def set_up(self) -> None:
        """As after a first use, with a Python that shows how it is called."""
        folder = self.root / ".venv"
        (folder / "bin").mkdir(parents=True)
        show = 'printf "%s\\n" "$PWD" "$CROSSCOURSE_CWD" "${PYTHONDONTWRITEBYTECODE-unset}" "$PYTHONPYCACHEPREFIX" "$@"'
        (folder / "bin/python").write_text(f"#!/bin/sh\n{show}\n")
        (folder / "bin/python").chmod(0o755)
        inputs = (self.root / name for name in ("requirements.txt", "setup.cfg", "pyproject.toml"))
        (folder / "stamp").write_text(f"{self.root}\n" + "".join(path.read_text() for path in inputs))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path.resolve())


@pytest.mark.parametrize(
    ("system", "machine", "said"),
    [
        ("Darwin", "arm64", "this is Darwin; builds run on Linux only"),
        ("Linux", "armv7l", "this machine is armv7l; builds run on amd64 (x86_64) or arm64 (aarch64)"),
    ],
)
def test_other_machines(place: Place, system: str, machine: str, said: str) -> None:
    place.stub("uname", f"case $1 in -s) echo {system} ;; *) echo {machine} ;; esac")
    assert said in place.fails()


@pytest.mark.parametrize(("program", "package"), [("git", "git"), ("cmp", "diffutils")])
def test_missing_programs(place: Place, program: str, package: str) -> None:
    (place.bin / program).unlink()
    err = place.fails()
    assert f"{program} is not installed" in err
    assert f"sudo apt install {package}" in err


@pytest.mark.parametrize(
    ("stub", "said"),
    [
        (OLD, "found: python3 is Python 3.9"),
        (BROKEN, "found: python3 does not run"),
        ("echo 3.12 32 1 /usr/bin/python3.12", "found: python3 is a 32-bit program"),
        ("echo 3.11 64 0 /usr/bin/python3.11", "found: python3 is Python 3.11 without venv or ensurepip"),
    ],
)
def test_no_suitable_python(place: Place, stub: str, said: str) -> None:
    place.stub("python3", stub)
    err = place.fails()
    assert "a 64-bit Python of version 3.10 or newer is needed" in err
    assert said in err
    assert "sudo apt install python3 python3-venv" in err


def test_a_later_python_is_found(place: Place) -> None:
    place.stub("python3", OLD)
    place.stub("python3.12", GOOD % "exit 1")
    assert "with " + str(place.bin / "python3.12") in place.fails()


def test_the_python_asked_for_is_taken_or_refused(place: Place, tmp_path: Path) -> None:
    place.stub("my python", GOOD % "exit 1")
    assert f"with {place.bin}/my python (once" in place.fails(place.bin / "my python")
    missing = tmp_path / "none"
    assert f"found: {missing} does not run" in place.fails(missing)


def test_uv_needs_no_venv_module(place: Place) -> None:
    place.stub("python3", (GOOD % "exit 1").replace("64 1", "64 0"))
    place.stub("uv", 'echo "uv was called: $*"; exit 1')
    assert "uv was called: venv" in place.fails()


@pytest.mark.parametrize(
    ("output", "remedy"),
    [
        ("OSError: [Errno 28] No space left on device", "The disk is full"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", "not what requirements.txt pins"),
        ("Failed to establish a new connection: [Errno 111]", "The package index can't be reached"),
        ("something else", "When the cause is removed"),
    ],
)
def test_a_failed_setup_is_explained(place: Place, output: str, remedy: str) -> None:
    place.stub("python3", GOOD % f"echo {shlex.quote(output)}; exit 1")
    err = place.fails()
    assert output in err
    assert remedy in err
    assert f"the whole log is {place.root}/.venv/setup.log" in err


def test_what_an_interrupted_setup_left_is_removed(place: Place) -> None:
    left = place.root / ".venv/lib/half"
    left.parent.mkdir(parents=True)
    left.touch()
    (place.root / ".venv/.hidden").touch()
    place.fails()
    assert sorted(path.name for path in (place.root / ".venv").iterdir()) == ["lock", "setup.log"]


def test_once_set_up_it_is_doit(place: Place, tmp_path: Path) -> None:
    place.set_up()
    link = tmp_path / "link"
    link.symlink_to(place.root / "doit")
    for program, cwd in ((place.root / "doit", place.root), (link, tmp_path), (Path("../a project/doit"), place.bin)):
        status, out, err = place.run("build", "a b", program=program, cwd=cwd, PYTHONDONTWRITEBYTECODE="1")
        assert (status, err) == (0, "")
        venv = place.root / ".venv"
        expected = [place.root, cwd, "unset", venv / "pycache", venv / "bin/doit", "build", "a b"]
        assert out.splitlines() == [str(word) for word in expected]


def append(name: str) -> Callable[[Place], None]:
    def change(place: Place) -> None:
        with (place.root / name).open("a") as stream:
            stream.write("# changed\n")

    return change


def move(place: Place) -> None:
    place.root = place.root.rename(place.root.with_name("moved"))


def lose_python(place: Place) -> None:
    python = place.root / ".venv/bin/python"
    python.unlink()
    python.symlink_to("/usr/bin/python3.gone")


@pytest.mark.parametrize(
    "change",
    [append("requirements.txt"), append("setup.cfg"), append("pyproject.toml"), move, lose_python],
    ids=["requirements.txt", "setup.cfg", "pyproject.toml", "moved", "python"],
)
def test_it_is_set_up_anew_after_a_change(place: Place, change: Callable[[Place], None]) -> None:
    place.set_up()
    change(place)
    assert f"setting up {place.root}/.venv" in place.fails()


def test_a_second_setup_waits_for_the_first(place: Place, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    place.stub("python3", GOOD % f"while [ ! -e {shlex.quote(str(gate))} ]; do sleep 0.05; done; exit 1")
    first = place.start()
    wait_for((place.root / ".venv/setup.log").exists)
    second = place.start()
    time.sleep(0.3)
    assert second.poll() is None
    gate.touch()
    assert "waiting" not in first.communicate(timeout=60)[1]
    err = second.communicate(timeout=60)[1]
    assert err.index("waiting for another setup") < err.index("setting up")


def test_interrupted_it_ends_at_once(place: Place) -> None:
    place.stub("uv", "trap 'exit 1' INT; while :; do sleep 0.05; done")
    process = place.start()
    wait_for((place.root / ".venv/setup.log").exists)
    time.sleep(0.2)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "failed" not in err


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
