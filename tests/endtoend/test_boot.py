"""The printer example run in an emulated ARM machine: Debian's own kernel, our disks, without root."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.boot.host import prerequisites
from tests.endtoend.conftest import Workspace
from toolchains.machines import machine_of

REPORT = "build/printer/armv7/boot/programs"
SYSTEM_PATH = os.environ.get("PATH", os.defpath)


@pytest.fixture(autouse=True)
def machine() -> None:
    """Everything here needs qemu and tools for file systems; where CI runs, they must be there."""
    try:
        prerequisites.require(prerequisites.needs(machine_of("armv7"), worker=False))
    except prerequisites.MissingError as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def booted_template(built_template: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """One copy in which the printer was booted, from which others are made."""
    root = tmp_path_factory.mktemp("booted") / "crosscourse"
    shutil.copytree(built_template.root, root, symlinks=True)
    made = Workspace(root=root, bin=built_template.bin)
    made.doit("release=printer", "boot", PATH=SYSTEM_PATH)
    return made


@pytest.fixture
def booted(booted_template: Workspace, tmp_path: Path) -> Workspace:
    """A copy in which everything is booted."""
    root = tmp_path / "crosscourse"
    shutil.copytree(booted_template.root, root, symlinks=True)
    return Workspace(root=root, bin=booted_template.bin)


def emulators(workspace: Workspace) -> list[int]:
    """The machines that run for a workspace: their disks are in it."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_bytes()
            if entry.name.isdigit() and b"qemu-system" in words and str(workspace.root).encode() in words:
                found.append(int(entry.name))
    return found


def rows(workspace: Workspace) -> dict[str, str]:
    """The rows of the last report by name, with their results."""
    report = json.loads((workspace.root / REPORT / "report.json").read_text())
    return {row["name"]: row["result"] for row in report["rows"]}


def test_programs_run_in_the_machine(booted: Workspace) -> None:
    assert rows(booted) == dict.fromkeys(("boot", "printer", "goprinter", "cprinter", "unknown-word"), "passed")
    text = (booted.root / REPORT / "report.txt").read_text()
    assert "goprinter 1.0: Go on arm" in text
    assert "guest: up after" in (booted.root / REPORT / "console.log").read_text()
    assert emulators(booted) == []


def test_a_passed_boot_is_not_repeated(booted: Workspace) -> None:
    outcome = booted.doit("release=printer", "boot", PATH=SYSTEM_PATH)
    assert "Up to date: 18 tasks" in outcome.text


def test_a_program_that_does_something_else_is_named(booted: Workspace) -> None:
    booted.edit("releases/printer.toml", 'expect = "cprinter 1.0: C alone"', 'expect = "something else"')
    outcome = booted.doit("release=printer", "boot", expect=1, PATH=SYSTEM_PATH)
    assert "cprinter 1.0: C alone" in outcome.text
    assert "without 'something else'" in outcome.text
    assert f"{REPORT}" in outcome.text
    assert rows(booted)["cprinter"] == "failed"
    assert rows(booted)["goprinter"] == "passed"
    assert (booted.root / REPORT / "console.log").is_file()


def test_programs_run_on_a_board(booted: Workspace) -> None:
    """Without virtio: the disks are on an SD card, and the line to the guest comes by a network on USB."""
    machines = booted.root / "toolchains/machines.toml"
    before, _, rest = machines.read_text().partition("[armv7.virt]\n")
    machines.write_text(f"{before}[armv7.raspi2b]\n{rest.partition('[armv7.raspi2b]' + chr(10))[2]}")
    booted.doit("release=printer", "boot", PATH=SYSTEM_PATH)
    assert rows(booted) == dict.fromkeys(("boot", "printer", "goprinter", "cprinter", "unknown-word"), "passed")
    assert "on an emulated Raspberry Pi 2B" in (booted.root / REPORT / "report.txt").read_text()


def test_what_the_machine_lacks_is_listed_at_once(built: Workspace) -> None:
    outcome = built.doit("release=printer", "boot", expect=1)
    assert "qemu-system-arm" in outcome.text
    assert "sudo apt-get install" in outcome.text
    assert "sudo dnf install" in outcome.text


def test_a_target_without_a_machine_is_no_success_of_nothing(built: Workspace) -> None:
    machines = built.root / "toolchains/machines.toml"
    machines.write_text(machines.read_text().replace("[arm64.", "[other."))
    outcome = built.doit("release=printer", "boot:arm64", expect=1)
    assert "arm64 has none in toolchains/machines.toml" in outcome.text


def test_a_kernel_module_that_is_not_there(booted: Workspace) -> None:
    booted.edit("releases/printer.toml", "memory = 512", 'memory = 512\nmodules = ["no-such", "nor-this"]')
    outcome = booted.doit("release=printer", "guest", expect=1, PATH=SYSTEM_PATH)
    assert "no_such, nor_this" in outcome.text


@contextlib.contextmanager
def begun(workspace: Workspace) -> Iterator[subprocess.Popen[bytes]]:
    """A boot that is in the middle: its machine runs."""
    shutil.rmtree(workspace.root / REPORT)
    process = subprocess.Popen(
        workspace.command("release=printer", "boot"),
        cwd=workspace.root,
        env=workspace.environment(PATH=SYSTEM_PATH),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + 120
        while not emulators(workspace):
            assert time.monotonic() < end
            assert process.poll() is None
            time.sleep(0.05)
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.wait()


def gone(workspace: Workspace, seconds: float = 15) -> bool:
    end = time.monotonic() + seconds
    while emulators(workspace) and time.monotonic() < end:
        time.sleep(0.1)
    return not emulators(workspace)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_machine_outlives_the_run(booted: Workspace, number: signal.Signals) -> None:
    with begun(booted) as process:
        process.send_signal(number)
        process.wait(timeout=30)
        assert gone(booted)


def test_what_even_the_watchdog_left_is_ended_by_the_next_boot(booted: Workspace) -> None:
    with begun(booted) as process:
        (machine,) = emulators(booted)
        time.sleep(0.5)
        watchdogs = _watchdogs(process.pid)
        assert watchdogs
        for pid in watchdogs:
            os.kill(int(pid), signal.SIGKILL)
        process.kill()
        process.wait()
        assert emulators(booted) == [machine]
    outcome = booted.doit("release=printer", "boot", PATH=SYSTEM_PATH)
    assert f"ended what a killed boot had left running: {machine}" in outcome.text
    assert set(rows(booted).values()) == {"passed"}
    assert emulators(booted) == []


def _watchdogs(parent: int) -> list[str]:
    """The watchdog is started by one of the run's threads."""
    found = []
    for task in Path(f"/proc/{parent}/task").iterdir():
        for pid in (task / "children").read_text().split():
            if b"watchdog.py" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
    return found
