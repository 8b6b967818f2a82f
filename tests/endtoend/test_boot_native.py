"""The printer example run in a guest of name spaces, as root on a real kernel: it runs, and nothing of it stays."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crosscourse.formats.folder import unpack
from tasks.boot.guest import native, native_needs
from tasks.boot.host import prerequisites
from tests.endtoend.conftest import Workspace, make_workspace
from tests.endtoend.host_state import State, host_state, settled
from tests.ui import browser
from toolchains.targets import host_target

HOST = host_target().name
REPORT = f"build/printer/{HOST}/boot/programs"
SYSTEM_PATH = os.environ.get("PATH", os.defpath)
BOOT = ("release=printer", f"target={HOST}", "machine=native", f"boot:{HOST}")


@pytest.fixture(autouse=True, scope="module")
def machine() -> None:
    """Everything here needs root on a kernel of its own; where CI runs as such, the programs must be there."""
    try:
        native_needs.require(native_needs.look())
    except native_needs.NativeError as error:
        pytest.skip(f"no guest of name spaces was tried: {error}")
    try:
        prerequisites.require(native_needs.needs(worker=False))
    except prerequisites.MissingError as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(f"no guest of name spaces was tried: {error}")


@pytest.fixture(scope="module")
def booted_template(built_template: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """One copy in which the printer was booted, from which others are made."""
    root = tmp_path_factory.mktemp("native") / "crosscourse"
    shutil.copytree(built_template.root, root, symlinks=True)
    made = Workspace(root=root, bin=built_template.bin)
    before = host_state()
    outcome = made.doit(*BOOT, PATH=SYSTEM_PATH)
    assert settled(before) == []
    assert "in name spaces of this machine" in outcome.text
    return made


@pytest.fixture
def booted(booted_template: Workspace, tmp_path: Path) -> Workspace:
    """A copy in which everything is booted."""
    root = tmp_path / "crosscourse"
    shutil.copytree(booted_template.root, root, symlinks=True)
    return Workspace(root=root, bin=booted_template.bin)


@pytest.fixture
def before(booted: Workspace) -> Iterator[State]:
    """This machine as it is before the test; whatever the test does, it must be so again after it."""
    state = host_state()
    yield state
    assert settled(state) == []
    assert left(booted) == []


def rows(workspace: Workspace, report_folder: str = REPORT) -> dict[str, str]:
    """The rows of the last report by name, with their results."""
    report = json.loads((workspace.root / report_folder / "report.json").read_text())
    return {row["name"]: row["result"] for row in report["rows"]}


def guests(workspace: Workspace) -> list[int]:
    """What runs for the guests of a workspace, keepers included: its folders are among their words."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_bytes()
            if entry.name.isdigit() and b"enter" in words and str(workspace.root).encode() in words:
                found.append(int(entry.name))
    return found


def left(workspace: Workspace, seconds: float = 15) -> list[int]:
    """What runs for the guests of a workspace after a while: a keeper ends when it has cleared up, not before."""
    end = time.monotonic() + seconds
    while (found := guests(workspace)) and time.monotonic() < end:
        time.sleep(0.05)
    return found


def groups() -> list[Path]:
    """The control groups of guests."""
    top = native.mounted_at()
    assert top is not None
    return sorted(top.glob("crosscourse-*"))


@contextlib.contextmanager
def begun(workspace: Workspace, moment: Callable[[Path], object]) -> Iterator[subprocess.Popen[bytes]]:
    """A boot that is in the middle: at the moment from which on something is true of its folder of logs."""
    logs = workspace.root / REPORT
    shutil.rmtree(logs)
    process = subprocess.Popen(
        workspace.command(*BOOT),
        cwd=workspace.root,
        env=workspace.environment(PATH=SYSTEM_PATH),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + 120
        while not moment(logs):
            assert time.monotonic() < end
            assert process.poll() is None
            time.sleep(0.001)
        assert process.poll() is None
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.wait()


def has(name: str, text: str) -> Callable[[Path], bool]:
    return lambda logs: (logs / name).is_file() and text in (logs / name).read_text()


# What systemd sets at its start, of the kernel and so of this machine (sysctl.d of systemd, systemd(1)).
KERNEL_SETTINGS = tuple(
    f"/proc/sys/{name}"
    for name in ("fs/file-max", "fs/nr_open", "kernel/pid_max", "kernel/sysrq", "kernel/core_pattern")
)

# From the first thing that is made to the last: a control group, the first process, the guest, its network.
MOMENTS: dict[str, Callable[[Path], object]] = {
    "group": lambda _: groups(),
    "process": lambda _: any((group / "cgroup.procs").read_text() for group in groups() if group.exists()),
    "up": has("console.log", "guest: up"),
    "network": has("network.log", "tapfd"),
}


def test_programs_run_in_the_guest(booted: Workspace) -> None:
    assert rows(booted) == dict.fromkeys(("boot", "printer", "goprinter", "cprinter", "unknown-word"), "passed")
    assert f"Go on {host_target().goarch}" in (booted.root / REPORT / "report.txt").read_text()
    outcome = booted.doit(*BOOT, PATH=SYSTEM_PATH)
    assert "Up to date: 18 tasks" in outcome.text


@pytest.mark.usefixtures("before")
def test_what_the_guest_has_is_its_own(booted: Workspace, tmp_path: Path) -> None:
    for name in ("tree", "distribution", "work", "run", "logs"):
        (tmp_path / name).mkdir()
    unpack(booted.root / f"build/printer/{HOST}/guest/tree.tgz", tmp_path / "tree")
    (tmp_path / "distribution" / "mark").write_text("as it was")
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        native.running(
            tmp_path / "tree", tmp_path / "distribution", tmp_path / "work",
            memory=512, folder=tmp_path / "run", logs=tmp_path / "logs", seconds=60,
        ) as guest,
    ):  # fmt: skip

        def said(script: str) -> list[str]:
            return guest.run(f"b=/usr/bin/busybox; {script}").text.splitlines()

        mounts = {line.split()[1]: line.split()[2] for line in said("$b cat /proc/mounts")}
        assert mounts.pop("/") == mounts.pop("/usr/local")
        mounts.pop("/work")
        assert mounts == {
            "/dev": "tmpfs",
            "/dev/pts": "devpts",
            "/dev/shm": "tmpfs",  # noqa: S108  # the guest's
            "/proc": "proc",
            "/run": "tmpfs",
            "/sys": "sysfs",
            "/sys/fs/cgroup": "cgroup2",
            "/tmp": "tmpfs",  # noqa: S108  # the guest's
        }
        assert said("$b find /dev -type b") == []
        assert [pid for pid in said("cd /proc; $b ls -d 1") if pid] == ["1"]
        assert str(os.getpid()) not in said("cd /proc; $b ls")
        assert said("$b cat /proc/sys/kernel/hostname") == ["crosscourse"]
        assert said("$b ls /sys/class/net") == ["eth0", "lo"]
        assert said("$b find /sys/fs/cgroup -type d") == ["/sys/fs/cgroup", "/sys/fs/cgroup/init"]
        assert {line.partition("=")[0] for line in said("$b env")} <= {"HOME", "OLDPWD", "PATH", "PWD", "SHLVL"}
        for place in ("/usr/local/mark", "/sys/kernel/mm/transparent_hugepage/enabled"):
            assert guest.run(f"echo other >{place}").status != 0
        assert guest.run("echo other >/dev/crosscourse-mark").status == 0
        assert not Path("/dev/crosscourse-mark").exists()
        port = server.getsockname()[1]
        guest.run(f"echo reached | /usr/bin/busybox nc 10.0.2.2 {port} &")
        server.settimeout(20)
        with server.accept()[0] as reached:
            assert reached.recv(100) == b"reached\n"
    assert (tmp_path / "distribution" / "mark").read_text() == "as it was"
    assert left(booted) == []


def test_a_package_is_installed_upgraded_and_purged(tmp_path: Path) -> None:
    """Debian's own init is the guest's first process there, and apt and dpkg do what they do anywhere."""
    workspace = make_workspace(tmp_path / "crosscourse")
    before = host_state()
    settings = {path: path.read_text() for path in map(Path, KERNEL_SETTINGS) if path.exists()}
    workspace.doit("release=printer-full", f"target={HOST}", "machine=native", f"boot:{HOST}:deb", PATH=SYSTEM_PATH)
    assert settled(before) == []
    assert left(workspace) == []
    assert {path: path.read_text() for path in settings} == settings
    folder = f"build/printer-full/{HOST}/boot/deb"
    names = ("boot", "system", "install", "unit", "upgrade", "remove", "purge")
    assert rows(workspace, folder) == dict.fromkeys(names, "passed")
    assert "1.0-1.1: goprinter 1.0: Go on" in (workspace.root / folder / "report.txt").read_text()


def test_a_page_is_looked_at_in_a_browser_while_its_log_grows(tmp_path: Path) -> None:
    """The guest serves it; a real browser on this machine comes to the one port that is forwarded."""
    if browser.find() is None and HOST != "amd64":
        pytest.skip(f"NO BROWSER, so no page was looked at: none of {', '.join(browser.NAMES)} is installed")
    workspace = make_workspace(tmp_path / "crosscourse")
    before = host_state()
    call = ("release=printer-full", f"target={HOST}", "machine=native", f"boot:{HOST}:programs")
    workspace.doit(*call, PATH=SYSTEM_PATH)
    assert settled(before) == []
    folder = f"build/printer-full/{HOST}/boot/programs"
    assert rows(workspace, folder)["page"] == "passed"
    said = (workspace.root / folder / "page/steps.log").read_text().splitlines()
    assert said[-1] == "all seen"
    assert said.index("see text=line 3") < said.index("miss text=the end") < said.index("see text=the end")
    assert (workspace.root / folder / "page/running.png").read_bytes().startswith(b"\x89PNG")
    # What is not as it should be is told, with what the page has.
    other = '["see", "text=line 1"], ["miss", "text=line 1"]'
    workspace.edit("releases/printer-full.toml", '["see", "text=line 3"]', other)
    failed = workspace.doit(*call, PATH=SYSTEM_PATH, expect=1)
    assert "FAILED to miss text=line 1: Error: text=line 1 is there" in failed.text
    assert f"This page is served by pages 1.0: Go on {HOST}." in failed.text
    assert settled(before) == []


@pytest.mark.parametrize(
    ("number", "moment"),
    [(signal.SIGINT, "up"), (signal.SIGTERM, "network"), *((signal.SIGKILL, moment) for moment in MOMENTS)],
)
def test_nothing_of_it_outlives_the_run(booted: Workspace, before: State, number: signal.Signals, moment: str) -> None:
    with begun(booted, MOMENTS[moment]) as process:
        process.send_signal(number)
        process.wait(timeout=30)
        assert settled(before) == []


def test_the_guest_is_killed(booted: Workspace, before: State) -> None:
    with begun(booted, MOMENTS["up"]) as process:
        (group,) = groups()
        for pid in (group / "init" / "cgroup.procs").read_text().split():
            os.kill(int(pid), signal.SIGKILL)
        assert process.wait(timeout=60) == 1
        assert settled(before) == []


def test_the_guest_ends_when_nobody_is_there_to_end_it(booted: Workspace, before: State) -> None:
    with begun(booted, MOMENTS["network"]) as process:
        for pid in _watchdogs(process.pid):
            os.kill(pid, signal.SIGKILL)
        process.kill()
        process.wait()
        assert settled(before) == []


def test_what_even_the_keeper_left_is_removed_by_the_next_boot(booted: Workspace, before: State) -> None:
    with begun(booted, MOMENTS["up"]) as process:
        (group,) = groups()
        for pid in guests(booted):
            if os.getsid(pid) == pid:
                os.kill(pid, signal.SIGKILL)
        process.kill()
        process.wait()
    assert any(str(group) in line for line in settled(before, 2))
    booted.doit(*BOOT, PATH=SYSTEM_PATH)
    assert settled(before) == []


def test_a_target_that_is_another_machine(built: Workspace) -> None:
    other = next(name for name in ("armv7", "amd64") if name != HOST)
    outcome = built.doit("release=printer", f"target={other}", "machine=native", f"boot:{other}", expect=1)
    assert f"runs it on this machine itself: say target={HOST}" in outcome.text


def _watchdogs(parent: int) -> list[int]:
    """The watchdog is started by one of the run's threads."""
    found = []
    for task in Path(f"/proc/{parent}/task").iterdir():
        for pid in (task / "children").read_text().split():
            if b"watchdog.py" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(int(pid))
    return found
