"""Which emulator runs a target's programs."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolchains.emulators import EmulatorMissingError, find_emulator
from toolchains.targets import load_targets


def test_by_either_name(tmp_path: Path) -> None:
    with pytest.raises(EmulatorMissingError) as caught:
        find_emulator("qemu-aarch64", str(tmp_path), what="tests for arm64")
    assert "tests for arm64" in str(caught.value)
    assert "qemu-aarch64" in str(caught.value)
    assert "apt-get install qemu-user-static" in str(caught.value)
    for name in ("qemu-aarch64-static", "qemu-aarch64"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
        assert find_emulator("qemu-aarch64", str(tmp_path), what="") == str(tmp_path / name)


def test_every_target_names_one() -> None:
    assert {target.elf.emulator.partition("-")[0] for target in load_targets().values()} == {"qemu"}
