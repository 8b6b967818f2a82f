"""Pins of tools: which there are, for which machines, and under which folder each is installed."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

import msgspec
import pytest

from crosscourse.errors import UnknownNameError
from toolchains.tools import pins
from toolchains.tools.pins import get_tool, host_arch, load_tools, tool_path

GPERF = get_tool("gperf", "3.1")


def test_every_pin_serves_both_architectures(monkeypatch: pytest.MonkeyPatch) -> None:
    every = [tool for versions in load_tools().values() for tool in versions.values()]
    assert len(every) >= 9
    for machine in ("x86_64", "aarch64"):
        monkeypatch.setattr(platform, "machine", lambda machine=machine: machine)
        paths = {tool_path(tool, Path("/cache")) for tool in every}
        assert len(paths) == len(every)
    for tool in every:
        if tool.fetched_by:
            assert get_tool(*tool.fetched_by).package


def test_unknown_names_are_told_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match=r"go version '1\.26\.9'(?s:.*)Known: .*1\.26\.8"):
        get_tool("go", "1.26.9")
    with pytest.raises(UnknownNameError, match="Did you mean 'zig'"):
        get_tool("zigg", "0.16.0")


@pytest.mark.parametrize(
    ("machine", "arch"), [("x86_64", "amd64"), ("AMD64", "amd64"), ("aarch64", "arm64"), ("armv7l", None), ("", None)]
)
def test_host_architecture(monkeypatch: pytest.MonkeyPatch, machine: str, arch: str | None) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    if arch:
        assert host_arch() == arch
    else:
        with pytest.raises(pins.UnsupportedHostError, match=machine or "unknown kind"):
            host_arch()


def test_a_32_bit_python_on_a_64_bit_kernel_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "maxsize", 2**31 - 1)
    with pytest.raises(pins.UnsupportedHostError, match="32-bit programs"):
        host_arch()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "package = 'x'",
        "bootstrap = '1'\nnpm = 'x'",
        "package = 'x'\nbootstrap = '1'\nh1.any = '1'\nsha256.any = '1'",
        "x = 1",
    ],
)
def test_a_malformed_table_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "tools.toml"
    file.write_text(f'[go."1"]\n{text}\n')
    with pytest.raises(msgspec.ValidationError):
        load_tools(file)


def test_a_changed_pin_is_another_folder() -> None:
    changed = msgspec.structs.replace(GPERF, sha256={"any": "0" * 64})
    assert tool_path(changed, Path("/cache")) != tool_path(GPERF, Path("/cache"))


def test_no_pin_for_this_architecture(tmp_path: Path) -> None:
    with pytest.raises(pins.NoWheelError):
        tool_path(msgspec.structs.replace(GPERF, sha256={"sparc": "0" * 64}), tmp_path)
