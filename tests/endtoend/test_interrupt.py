"""Whatever ends a run at whatever moment: the next one goes on, the bytes are the same, nothing is left running."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.endtoend.conftest import Workspace, caches

KILLS = 20


def left_over(root: Path) -> list[str]:
    """Command lines of processes that work in or for a workspace."""
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        try:
            words = (process / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
            folder = str((process / "cwd").readlink())
            state = (process / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state != "Z" and (folder.startswith(str(root)) or str(root) in words):
            found.append(words)
    return found


def wait_until_gone(root: Path, seconds: float = 10) -> list[str]:
    """Processes still there after a while; a killed one needs a moment to end."""
    end = time.monotonic() + seconds
    while (found := left_over(root)) and time.monotonic() < end:
        time.sleep(0.05)
    return found


def start(workspace: Workspace) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        workspace.command("release=printer", "build"),
        cwd=workspace.root,
        env=workspace.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
    )


def make_stale(workspace: Workspace) -> None:
    """Everything from the sources on is to be done again, without Go's and zig's caches to make it quick."""
    workspace.doit("clean", "--all", "release=printer")


def test_killed_at_random_moments(built: Workspace, tmp_path: Path) -> None:
    wanted = built.package.read_bytes()
    (built.root / "crosscourse.toml").write_text(f'cache = "{tmp_path / "cache"}"\n')
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "tools").symlink_to(caches() / "tools")
    (tmp_path / "cache" / "zig").symlink_to(caches() / "zig")
    make_stale(built)
    seed = random.randrange(1 << 30)  # noqa: S311
    print(f"seed {seed}")
    chance = random.Random(seed)  # noqa: S311  # moments, not secrets
    for _ in range(KILLS):
        process = start(built)
        time.sleep(chance.uniform(0.1, 3.0))
        process.kill()
        if process.wait() == 0:  # it had ended: start over
            make_stale(built)
        assert wait_until_gone(built.root) == []
    built.doit("release=printer", "build")
    assert built.package.read_bytes() == wanted
    assert not list((built.root / "build").rglob("*.partial"))
    assert not any((built.root / "build/printer/tmp").iterdir())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted(built: Workspace, number: signal.Signals) -> None:
    wanted = built.package.read_bytes()
    built.edit(
        "releases/printer.toml", 'command = ["gperf"', 'command = ["python", "-c", "import time; time.sleep(60)"'
    )
    process = subprocess.Popen(
        built.command("release=printer", "build"),
        cwd=built.root,
        env=built.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    log = built.root / "build/printer/logs/compile-armv7-libprinter.log"
    log.unlink()
    end = time.monotonic() + 30
    while not (log.is_file() and "sleep(60)" in log.read_text()):
        assert time.monotonic() < end, "the slow step did not start"
        time.sleep(0.05)
    process.send_signal(number)
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 128 + number
    assert "Interrupted" in out
    assert "Traceback" not in out
    assert wait_until_gone(built.root) == []
    built.edit(
        "releases/printer.toml", 'command = ["python", "-c", "import time; time.sleep(60)"', 'command = ["gperf"'
    )
    built.doit("release=printer", "build")
    assert built.package.read_bytes() == wanted
