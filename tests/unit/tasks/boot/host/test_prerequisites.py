"""What a boot needs of the host: found wherever it is, and all that is missing told at once."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from crosscourse.errors import CrosscourseError
from tasks.boot.host import prerequisites
from tasks.boot.host.prerequisites import MissingError, Need, find, missing, needs, path_of, require
from toolchains.machines import load_machines, machine_of, machines_of

ARMV7 = machine_of("armv7")
THING = Need(names=("thing", "thing-ng"), debian="things", fedora="things-server")


@pytest.fixture(autouse=True)
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that has nothing: PATH is one empty folder, and no other folder is looked into."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(prerequisites, "_FOLDERS", (str(tmp_path / "versions" / "*" / "bin"), str(tmp_path / "sbin")))


def program(path: Path, mode: int = 0o755) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"#!/bin/sh\n")
    path.chmod(mode)
    return path


def told(error: CrosscourseError) -> list[str]:
    return [error.found, *error.remedy.splitlines()]


def test_all_that_a_worker_needs_is_missed_at_once() -> None:
    with pytest.raises(MissingError) as caught:
        require(needs(ARMV7, worker=True))
    assert told(caught.value) == [
        "this machine lacks qemu-system-arm, initdb, postgres, docker-registry or registry, mke2fs, debugfs",
        "Install what is missing:",
        "- Debian, Ubuntu: sudo apt-get install --no-install-recommends qemu-system-arm postgresql docker-registry "
        "e2fsprogs",
        "- Fedora: sudo dnf install qemu-system-arm-core postgresql-server docker-distribution e2fsprogs",
    ]


def test_what_is_there_is_not_missed(tmp_path: Path) -> None:
    wanted = needs(ARMV7, worker=False)
    program(tmp_path / "bin" / "qemu-system-arm")
    program(tmp_path / "sbin" / "debugfs")
    assert [need.title for need in missing(wanted)] == ["mke2fs"]
    with pytest.raises(MissingError, match=r"this machine lacks mke2fs\n"):
        require(wanted)
    program(tmp_path / "sbin" / "mke2fs")
    require(wanted)


def test_an_emulator_that_is_not_known_is_called_as_qemu_calls_it() -> None:
    machine = msgspec.structs.replace(ARMV7, emulator="qemu-system-new")
    assert needs(machine, worker=False)[0] == Need(
        names=("qemu-system-new",), debian="qemu-system-new", fedora="qemu-system-new"
    )


def test_programs_alone_need_no_servers() -> None:
    assert set(needs(ARMV7, worker=True)) - set(needs(ARMV7, worker=False)) == {
        prerequisites.INITDB, prerequisites.POSTGRES, prerequisites.REGISTRY,
    }  # fmt: skip


@pytest.mark.parametrize("target", load_machines())
def test_the_package_of_each_machines_emulator_is_known(target: str) -> None:
    for machine in machines_of(target).values():
        assert machine.emulator in prerequisites._EMULATORS
        assert needs(machine, worker=False)[0].names == (machine.emulator,)


def test_any_of_the_names_will_do(tmp_path: Path) -> None:
    assert find(THING) is None
    second = program(tmp_path / "bin" / "thing-ng")
    assert find(THING) == second
    first = program(tmp_path / "sbin" / "thing")
    assert find(THING) == first
    on_path = program(tmp_path / "bin" / "thing")
    assert find(THING) == on_path


def test_the_newest_version_is_taken(tmp_path: Path) -> None:
    for version in ("13", "15", "14"):
        program(tmp_path / "versions" / version / "bin" / "thing")
    assert find(THING) == tmp_path / "versions/15/bin/thing"


def test_the_newest_version_is_the_highest_number(tmp_path: Path) -> None:
    for version in ("9.6", "15"):
        program(tmp_path / "versions" / version / "bin" / "thing")
    assert find(THING) == tmp_path / "versions/15/bin/thing"


def test_a_file_that_is_no_program_is_passed_over(tmp_path: Path) -> None:
    program(tmp_path / "bin" / "thing", mode=0o644)
    program(tmp_path / "versions" / "15" / "bin" / "thing", mode=0o644)
    older = program(tmp_path / "versions" / "13" / "bin" / "thing")
    assert find(THING) == older


def test_path_of(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="lacks thing or thing-ng") as caught:
        path_of(THING)
    assert told(caught.value)[2:] == [
        "- Debian, Ubuntu: sudo apt-get install --no-install-recommends things",
        "- Fedora: sudo dnf install things-server",
    ]
    there = program(tmp_path / "bin" / "thing")
    assert path_of(THING) == there
