"""Debian's cross GCC, unpacked from its packages, on a PATH without one: static by gold, dynamic with a promise."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from crosscourse.binaries.elf import ElfFacts, read_elf
from tests.endtoend.conftest import Workspace, give_apt

RELEASE = "releases/printer.toml"
# A program of C alone that no root filesystem without a C library has.
ALONE = """
[artifact.alone]
kind = "c-program"
source = "printer"
files = ["program/main.c"]
libraries = ["libprinter"]
path = "bin/alone"

[smoke]
alone = { expect = "cprinter 1.0: C alone" }
"""


@pytest.fixture
def gcc(workspace: Workspace) -> Workspace:
    """A copy whose programs are made by it; qemu-arm is there, where the machine has it."""
    give_apt(workspace)
    for name in ("qemu-arm", "qemu-arm-static", "timeout"):
        if found := shutil.which(name):
            (workspace.bin / name).symlink_to(found)
    (workspace.root / "crosscourse.toml").write_text('toolchain = "gcc"\n')
    workspace.edit(RELEASE, "\n[smoke]\n", ALONE)
    return workspace


def facts(path: Path) -> ElfFacts:
    with path.open("rb") as stream:
        return read_elf(stream, path.name)


def starts(workspace: Workspace) -> list[str]:
    """Those of programs that start under emulation, where that can be tried."""
    if not any((workspace.bin / name).exists() for name in ("qemu-arm", "qemu-arm-static")):
        return []
    return ["smoke"]


def test_static_then_dynamic_then_a_promise_that_is_not_kept(gcc: Workspace) -> None:
    gcc.doit("release=printer", "build", "verify", *starts(gcc))
    programs = [gcc.program(name) for name in ("printer", "cprinter", "alone")]
    assert all(facts(program).static for program in programs)

    done = gcc.doit("release=printer", "linking=dynamic", "build", "verify", *starts(gcc))
    assert "0 violations" in done.out
    # What is in a root filesystem without a C library stays static.
    assert [facts(program).static for program in programs] == [True, True, False]
    assert facts(gcc.program("alone")).needed == ("libc.so.6",)

    gcc.edit(RELEASE, 'glibc = "2.34"', 'glibc = "2.4"')
    broken = gcc.doit("release=printer", "linking=dynamic", "verify", expect=1)
    assert "GLIBC_2.34" in broken.out
    report = json.loads((gcc.root / "build/printer/armv7/verify/elf.json").read_text())
    assert {(each["file"], each["rule"]) for each in report["violations"]} == {("printer/bin/alone", "glibc")}


def test_a_compiler_that_was_damaged_is_unpacked_again(gcc: Workspace, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    gcc.doit("release=printer", f"cache={cache}", "toolchain:gcc-armv7")
    tree = next(cache.glob("tools/gcc-armv7-*/bin")).parent
    header = tree / "usr/arm-linux-gnueabihf/include/stdio.h"
    before = header.read_bytes()
    header.chmod(0o644)
    header.write_bytes(before + b"int damaged;\n")
    said = gcc.doit("release=printer", f"cache={cache}", "compile:armv7:cprinter")
    assert "usr/arm-linux-gnueabihf/include/stdio.h was changed" in said.out
    assert header.read_bytes() == before


def test_what_makes_no_dynamic_programs_is_told_before_anything_is_made(gcc: Workspace) -> None:
    refused = gcc.doit("release=printer", "toolchain=zig", "linking=dynamic", "build", expect=None)
    assert refused.code != 0
    assert "zig has no glibc" in refused.text
