"""Tools are installed for real here: the smallest of them, from the package index."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from crosscourse.errors import CrosscourseError, DiskFullError
from crosscourse.run import process
from crosscourse.run.environment import base_environment
from crosscourse.run.process import CommandError
from toolchains.tools import go_programs, installing, pins, seal
from toolchains.tools.installing import install_tool
from toolchains.tools.pins import Tool, get_tool, is_installed, program, tool_path

ROOT = Path(__file__).parents[4]


class Runner:
    """Runs programs as tasks do, and counts them. ``env``: set over everything else."""

    def __init__(self, folder: Path, **env: str) -> None:
        self.log = folder / "run.log"
        self.env = env
        self.calls = 0

    def __call__(self, argv: list[str], *, env: dict[str, str] | None = None, cwd: Path | None = None) -> None:
        self.calls += 1
        process.run(argv, log=self.log, env=base_environment() | (env or {}) | self.env, cwd=cwd)


def failing(error: Exception) -> go_programs.Run:
    def run(argv: list[str], *, env: dict[str, str] | None = None, cwd: Path | None = None) -> None:  # noqa: ARG001
        raise error

    return run


def silent(_text: str) -> None:
    pass


@pytest.fixture
def gperf() -> Tool:
    return get_tool("gperf", "3.1")


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return Runner(tmp_path)


def left_in(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir() if path.suffix != ".lock")


def test_install(tmp_path: Path, gperf: Tool, runner: Runner) -> None:
    cache = tmp_path / "cache"
    said: list[str] = []
    assert not is_installed(gperf, cache)
    path = install_tool(gperf, cache, run=runner, status=said.append, report=silent)
    assert is_installed(gperf, cache)
    assert said == ["fetching gperf 3.1"]
    assert left_in(cache) == [path.name]
    shown = subprocess.run([program(gperf, cache), "--version"], capture_output=True, text=True, check=True).stdout
    assert "GNU gperf 3.1" in shown
    assert install_tool(gperf, cache, run=runner, status=said.append, report=silent) == path
    assert runner.calls == 1


def test_threads_install_once(tmp_path: Path, gperf: Tool, runner: Runner) -> None:
    results: list[Path] = []

    def install() -> None:
        results.append(install_tool(gperf, tmp_path / "cache", run=runner, status=silent, report=silent))

    threads = [threading.Thread(target=install) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [tool_path(gperf, tmp_path / "cache")] * 3
    assert runner.calls == 1


def test_a_killed_install_counts_for_nothing(tmp_path: Path, gperf: Tool, runner: Runner) -> None:
    cache = tmp_path / "cache"
    script = """
        import os, pathlib, signal, subprocess, sys
        from toolchains.tools import installing, pins, seal

        def run(argv, *, env=None, cwd=None):
            subprocess.run(argv, env={**os.environ, **env}, cwd=cwd, check=True)
            os.kill(os.getpid(), signal.SIGKILL)

        tool, cache = pins.get_tool("gperf", "3.1"), pathlib.Path(sys.argv[1])
        installing.install_tool(tool, cache, run=run, status=print, report=print)
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(cache)]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode == -signal.SIGKILL
    assert any(".partial-" in name for name in left_in(cache))
    assert not is_installed(gperf, cache)
    path = install_tool(gperf, cache, run=runner, status=silent, report=silent)
    assert left_in(cache) == [path.name]
    assert is_installed(gperf, cache)


def test_a_wrong_hash_is_refused_and_nothing_kept(tmp_path: Path, gperf: Tool, runner: Runner) -> None:
    wrong = msgspec.structs.replace(gperf, sha256={"any": "0" * 64})
    with pytest.raises(pins.HashMismatchError, match=r"(?s)gperf 3\.1: .* not what tools\.toml pins.*Got"):
        install_tool(wrong, tmp_path / "cache", run=runner, status=silent, report=silent)
    assert left_in(tmp_path / "cache") == []
    assert not is_installed(wrong, tmp_path / "cache")


def test_a_package_of_npm(tmp_path: Path, runner: Runner) -> None:
    yarn = get_tool("yarn", "4.14.1")
    folder = install_tool(yarn, tmp_path / "cache", run=runner, status=silent, report=silent)
    assert (folder / "package" / "bin" / "yarn.js").stat().st_size > 1_000_000
    assert {path.name for path in folder.iterdir()} == {"package", pins.STAMP, seal.FILES}
    wrong = msgspec.structs.replace(yarn, sha512="x")
    with pytest.raises(pins.HashMismatchError, match="expected sha512-x"):
        install_tool(wrong, tmp_path / "cache", run=runner, status=silent, report=silent)
    assert not is_installed(wrong, tmp_path / "cache")


def test_no_network(tmp_path: Path, gperf: Tool) -> None:
    runner = Runner(tmp_path, PIP_INDEX_URL="http://127.0.0.1:9/simple", PIP_RETRIES="1", PIP_FIND_LINKS="")
    with pytest.raises(installing.DownloadError, match="Check the network"):
        install_tool(gperf, tmp_path / "cache", run=runner, status=silent, report=silent)


def test_an_index_without_the_wheel(tmp_path: Path, gperf: Tool) -> None:
    (tmp_path / "index").mkdir()
    runner = Runner(tmp_path, PIP_NO_INDEX="1", PIP_FIND_LINKS=str(tmp_path / "index"))
    with pytest.raises(pins.NoWheelError, match="none that runs here"):
        install_tool(gperf, tmp_path / "cache", run=runner, status=silent, report=silent)


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (OSError(28, "No space left on device"), DiskFullError),
        (DiskFullError("pip"), DiskFullError),
        (PermissionError(13, "Permission denied", "/cache"), CrosscourseError),
        (CommandError("pip", "ended", "something of its own"), CommandError),
        (CommandError("go", "ended", "dial tcp: lookup: no such host"), installing.DownloadError),
        (CommandError("go", "ended", "checksum mismatch\nSECURITY ERROR"), pins.HashMismatchError),
    ],
)
def test_failures_are_explained(
    tmp_path: Path, gperf: Tool, raised: Exception, expected: type[CrosscourseError]
) -> None:
    with pytest.raises(CrosscourseError) as caught:
        install_tool(gperf, tmp_path / "cache", run=failing(raised), status=silent, report=silent)
    assert type(caught.value) is expected
    assert left_in(tmp_path / "cache") == []


def test_a_wheel_without_the_program_is_refused(tmp_path: Path, gperf: Tool, runner: Runner) -> None:
    with pytest.raises(CrosscourseError, match="has no program bin/none"):
        install_tool(
            msgspec.structs.replace(gperf, program="bin/none"),
            tmp_path / "cache",
            run=runner,
            status=silent,
            report=silent,
        )
    assert left_in(tmp_path / "cache") == []


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder with gperf in it, to be copied."""
    folder = tmp_path_factory.mktemp("installed")
    install_tool(get_tool("gperf", "3.1"), folder / "cache", run=Runner(folder), status=silent, report=silent)
    return folder / "cache"


def cut_off(path: Path) -> None:
    os.truncate(path, 100)


def old_stamp(path: Path) -> None:
    (path.parents[2] / pins.STAMP).write_text("sha256:0\n")


@pytest.mark.parametrize("change", [cut_off, Path.unlink, old_stamp, lambda path: path.chmod(0o644)])
def test_a_changed_tool_is_installed_again(
    tmp_path: Path, installed: Path, gperf: Tool, runner: Runner, change: Callable[[Path], object]
) -> None:
    cache = tmp_path / "cache"
    shutil.copytree(installed, cache, symlinks=True)
    before = seal.contents(tool_path(gperf, cache))
    reported: list[str] = []
    install_tool(gperf, cache, run=runner, status=silent, report=reported.append)
    assert runner.calls == 0  # a copy is what it was
    change(program(gperf, cache))
    install_tool(gperf, cache, run=runner, status=silent, report=reported.append)
    assert runner.calls == 1
    assert len(reported) == 1
    assert reported[0].startswith("gperf 3.1 was not what its pin says (")
    assert seal.contents(tool_path(gperf, cache)).keys() == before.keys()
    assert seal.damage(tool_path(gperf, cache)) is None
    assert left_in(cache) == [tool_path(gperf, cache).name]


def test_a_changed_tool_without_network(tmp_path: Path, installed: Path, gperf: Tool) -> None:
    """What is wrong and what to do is told, and what is there stays: it may be one's own."""
    cache = tmp_path / "cache"
    shutil.copytree(installed, cache, symlinks=True)
    cut_off(program(gperf, cache))
    runner = Runner(tmp_path, PIP_INDEX_URL="http://127.0.0.1:9/simple", PIP_RETRIES="1", PIP_FIND_LINKS="")
    with pytest.raises(
        installing.DownloadError, match=r"(?s)not what its pin says \(.*gperf was changed.*Check the net"
    ):
        install_tool(gperf, cache, run=runner, status=silent, report=silent)
    assert program(gperf, cache).stat().st_size == 100
