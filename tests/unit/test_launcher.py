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
TOOLS = ("cat", "cmp", "env", "git", "readlink", "sleep")
OLD = "echo 3.9 64 1 /usr/bin/python3.9"
BROKEN = "exit 127"
# Answers the launcher's question as a good Python does, runs what makes .venv as one does, and makes no environment.
GOOD = f"""case "$*" in
    *importlib*) echo 3.12 64 1 "$0" ;;
    *start.venv*) exec {shlex.quote(sys.executable)} "$@" ;;
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
        for part in ("__init__.py", "run", "start"):
            (self.root / "crosscourse").mkdir(exist_ok=True)
            copy = shutil.copytree if (ROOT / "crosscourse" / part).is_dir() else shutil.copy
            copy(ROOT / "crosscourse" / part, self.root / "crosscourse" / part)
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
        (folder / "bin/doit").symlink_to("../../doit")
        (folder / "bin/python").write_text(f"#!/bin/sh\n{show}\n")
        (folder / "bin/python").chmod(0o755)
        inputs = (self.root / name for name in ("requirements.txt", "setup.cfg", "pyproject.toml"))
        (folder / "pyvenv.cfg").touch()
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
        ("OSError: [Errno 28] No space left on device", "It speaks of a full disk"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", "not what requirements.txt pins"),
        ("Failed to establish a new connection: [Errno 111]", "The package index can't be reached"),
        ("500 Server Error: Internal Server Error for url: https://index.example/simple/doit/", "with an error (500)"),
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


def test_what_was_installed_is_not_where_it_should_be(place: Place) -> None:
    err = place.run("list", CROSSCOURSE_SET_UP="1")[2]
    assert "was set up, and yet it is not as it should be" in err


@pytest.mark.parametrize("missing", ["0", "1", "2"])
def test_missing_streams_are_replaced(place: Place, missing: str) -> None:
    place.set_up()
    python = place.root / ".venv/bin/python"
    python.write_text("#!/bin/sh\nfor n in 0 1 2; do [ /proc/$$/fd/$n -ef /dev/null ] && echo $n >>fds; done\n")
    place.stub("close", f'exec "$@" {missing}>&-')
    place.run(str(place.root / "doit"), program=place.bin / "close")
    assert set((place.root / "fds").read_text().split()) == {"0", missing}  # 0 is so in any case


def test_plain_doit_of_its_environment_is_the_launcher(place: Place, tmp_path: Path) -> None:
    place.set_up()
    (place.root / "dodo.py").touch()
    below = place.root / "some/where"
    below.mkdir(parents=True)
    status, out, err = place.run("build", program=place.root / ".venv/bin/doit", cwd=below)
    assert (status, err) == (0, "")
    assert out.splitlines()[:2] == [str(place.root), str(below)]
    assert out.splitlines()[-2:] == [str(place.root / "crosscourse/start/main.py"), "build"]
    # Nowhere, in a project of another kind, and in another checkout of this one.
    status, out, err = place.run("build", program=place.root / ".venv/bin/doit", cwd=tmp_path)
    assert status == 1
    assert f"cd {place.root}" in err
    other = tmp_path / "other"
    other.mkdir()
    (other / "dodo.py").touch()
    assert "-m\ndoit\nbuild\n" in place.run("build", program=place.root / ".venv/bin/doit", cwd=other)[1]
    (other / "crosscourse").mkdir()
    (other / "doit").write_text("#!/bin/sh\necho the other one: $*\n")
    (other / "doit").chmod(0o755)
    assert place.run("build", program=place.root / ".venv/bin/doit", cwd=other)[1] == "the other one: build\n"


def test_once_set_up_it_is_doit(place: Place, tmp_path: Path) -> None:
    place.set_up()
    link = tmp_path / "link"
    link.symlink_to(place.root / "doit")
    for program, cwd in ((place.root / "doit", place.root), (link, tmp_path), (Path("../a project/doit"), place.bin)):
        status, out, err = place.run("build", "a b", program=program, cwd=cwd, PYTHONDONTWRITEBYTECODE="1")
        assert (status, err) == (0, "")
        venv = place.root / ".venv"
        options = ["-I", "-S", "-X", "utf8"]
        main = place.root / "crosscourse/start/main.py"
        expected = [place.root, cwd, "unset", venv / "pycache", *options, main, "build", "a b"]
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


def pipe(name: str) -> Callable[[Place], None]:
    """Whoever opens it waits for ever."""

    def change(place: Place) -> None:
        (place.root / name).unlink()
        os.mkfifo(place.root / name)

    return change


@pytest.mark.parametrize(
    "change",
    [
        append("requirements.txt"),
        append("setup.cfg"),
        append("pyproject.toml"),
        move,
        lose_python,
        pipe(".venv/stamp"),
        pipe(".venv/pyvenv.cfg"),
    ],
    ids=["requirements.txt", "setup.cfg", "pyproject.toml", "moved", "python", "stamp a pipe", "pyvenv.cfg a pipe"],
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


def test_it_says_what_takes_long(place: Place) -> None:
    place.stub("uv", "[ $1 = venv ] || { echo from https://me:secret@index.example; sleep 6; exit 1; }")
    place.stub("python3", GOOD % "exit 1")
    err = place.run(HTTPS_PROXY="http://me:secret@proxy.example:8080")[2]
    assert "still fetching from the package index after 5 s (through the proxy http://...@proxy.example:8080)" in err
    assert "last: from https://...@index.example" in err
    assert "secret" not in err


def test_warnings_are_shown_once(place: Place) -> None:
    retry = "for n in 4 3 2 1 0; do echo \"Retrying (Retry(total=$n)) 'ProxyError <x at 0x7f$n>': /simple/doit/\"; done"
    place.stub("python3", GOOD % f"{retry}; exit 1")
    err = place.fails()
    assert err.count("Retrying") == 1
    assert "The package index can't be reached" in err


@pytest.mark.parametrize("whom", ["launcher", "group"])
def test_killed_it_leaves_no_process(place: Place, tmp_path: Path, whom: str) -> None:
    pids = tmp_path / "pids"
    place.stub("uv", f"sleep 60 & echo $$ $! >{shlex.quote(str(pids))}; wait")
    process = place.start()
    wait_for(lambda: pids.exists() and pids.read_text().endswith("\n"))
    (os.kill if whom == "launcher" else os.killpg)(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    wait_for(lambda: not any(at_work(pid) for pid in pids.read_text().split()))


def test_interrupted_it_ends_at_once(place: Place) -> None:
    place.stub("uv", "trap 'exit 1' INT; while :; do sleep 0.05; done")
    process = place.start()
    wait_for((place.root / ".venv/setup.log").exists)
    time.sleep(0.2)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "failed" not in err


def test_what_is_ignored_stays_so(place: Place, tmp_path: Path) -> None:
    """As ``nohup ./doit build`` wants it."""
    gate = tmp_path / "gate"
    place.stub("uv", f"while [ ! -e {shlex.quote(str(gate))} ]; do sleep 0.05; done; exit 1")
    place.stub("python3", GOOD % "exit 1")
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        process = place.start()
    finally:
        signal.signal(signal.SIGHUP, before)
    wait_for((place.root / ".venv/setup.log").exists)
    time.sleep(0.2)
    process.send_signal(signal.SIGHUP)
    time.sleep(0.2)
    gate.touch()
    err = process.communicate(timeout=60)[1]
    assert process.returncode == 1, err


# Debian's own Python, where this machine has it, keeps what is installed elsewhere than others (dist-packages).
PYTHONS = sorted({sys.executable, *(str(path) for path in [Path("/usr/bin/python3")] if path.exists())})


@pytest.mark.parametrize("python", PYTHONS)
def test_what_lies_among_the_libraries_is_not_run(tmp_path: Path, python: str) -> None:
    """In an environment with a path file that can't be read, Python itself does not start; started our way, it does,
    and finds the libraries.
    """
    subprocess.run([python, "-I", "-m", "venv", "--without-pip", str(tmp_path / ".venv")], check=True)
    started = str(tmp_path / ".venv/bin/python")
    ask = [started, "-I", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    libraries = Path(subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip())
    (libraries / "a_library.py").touch()
    (libraries / "broken.pth").write_bytes(b"import \xff\xfe\n")
    main = tmp_path / "crosscourse/start/main.py"
    main.parent.mkdir(parents=True)
    shutil.copy(ROOT / "crosscourse/start/main.py", main)
    program = "import runpy, sys; runpy.run_path(sys.argv[1])['_add_libraries']()"
    program += "; import a_library; print(a_library.__file__)"
    said = []
    for options in (["-I"], ["-I", "-S"]):
        words = [started, *options, "-X", "utf8", "-c", program, str(main)]
        said.append(subprocess.run(words, capture_output=True, text=True, check=False).stdout)
    assert said == ["", f"{libraries / 'a_library.py'}\n"]


@pytest.mark.parametrize("moment", [0.0, 0.002, 0.005, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3])
def test_interrupted_while_it_starts(moment: float) -> None:
    """The real one, with this environment's Python: no traceback, whatever was under way."""
    main = [sys.executable, "-I", str(ROOT / "crosscourse/start/main.py"), "release=printer", "list"]
    process = subprocess.Popen(
        ["env", "--block-signal=INT", *main],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    time.sleep(moment)
    process.send_signal(signal.SIGINT)
    err = process.communicate(timeout=60)[1]
    assert (process.returncode, err) in ((130, ""), (0, ""), (-signal.SIGINT, ""))


def at_work(pid: str) -> bool:
    """Whether a process is there; one that has ended stays in /proc until its new parent asks for it, maybe never."""
    try:
        return Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
