"""Machines: what a table says, and that those of the file fit their targets."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from crosscourse.errors import UnknownNameError
from toolchains.machines import MachineError, check_name, load_machines, machine_of, machines_of
from toolchains.targets import load_targets

TABLE = """
[one.first]
title = "first"
emulator = "qemu-system-one"
type = "virt"
cpu = "max"
console = "ttyS0"
kernel = "linux-image-one"
devices = "virtio-pci"
disk_modules = []
modules = []
"""


def test_the_first_is_meant_where_none_is_named() -> None:
    assert machine_of("armv7").name == "virt"
    assert machine_of("armv7", "raspi2b").title == "Raspberry Pi 2B"
    with pytest.raises(UnknownNameError, match=r"machine of the target armv7 'raspi2'[\s\S]*raspi2b"):
        machine_of("armv7", "raspi2")


def test_a_target_without_machines() -> None:
    assert machines_of("none") == {}
    with pytest.raises(MachineError, match="'none'"):
        machine_of("none")


def test_a_name_that_some_target_has() -> None:
    check_name("raspi2b")
    with pytest.raises(UnknownNameError, match="machine 'raspi2'"):
        check_name("raspi2")


def test_every_target_of_the_file_is_one() -> None:
    assert set(load_machines()) <= set(load_targets())


def test_machines_of_a_target_are_emulated_by_one_program() -> None:
    for target, machines in load_machines().items():
        # What a boot needs of the host is asked once a target.
        assert len({machine.emulator for machine in machines.values()}) == 1, target


def test_what_a_board_has() -> None:
    for machines in load_machines().values():
        for machine in machines.values():
            board = machine.devices == "board"
            # A board is described to the kernel by a file, has what it has, and its network is on USB.
            assert (machine.dtb is not None) == board
            assert (machine.memory is not None) == board == (machine.processors is not None)
            assert ("virtio_net" not in machine.modules) == board


def test_a_key_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "machines.toml"
    path.write_text(TABLE)
    assert load_machines(path)["one"]["first"].clock
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(TABLE.replace("console", "consol"))
    with pytest.raises(msgspec.ValidationError, match="consol"):
        load_machines(wrong)
