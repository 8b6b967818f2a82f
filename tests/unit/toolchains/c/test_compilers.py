"""The C compilers: what each is told, what is refused, and that its version decides. GCC is a script here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from crosscourse.engine.idle.seen import Seen
from crosscourse.errors import CrosscourseError, UnknownNameError
from crosscourse.manifest.model import CSettings, OwnCompiler
from toolchains.c import compilers, gnu
from toolchains.c.compiler import Compiler
from toolchains.targets import get_target, load_targets


def put(folder: Path, name: str, script: str = "exit 0") -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def put_gcc(folder: Path, triple: str, *, gold: bool = True, version: str = "12") -> None:
    script = f'case $1 in -v) echo "gcc version {version}" >&2; echo COLLECT_GCC=$0 >&2 ;; *) echo {triple} ;; esac'
    for name in ("gcc", "ar", *(["ld.gold"] if gold else [])):
        put(folder, f"{triple}-{name}", script)


@pytest.fixture(autouse=True)
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on PATH, before the shell's."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    gnu.machine.cache_clear()
    gnu._said.cache_clear()
    return tmp_path


def tool(name: str) -> Path:
    return Path("/tools") / name


def command(compiler: Compiler) -> list[str]:
    return [str(word) for word in compilers.module(compiler).command(compiler, tool)]


def test_zig_is_told_of_every_target() -> None:
    for target in load_targets().values():
        made = compilers.of(CSettings(), target)
        assert command(made)[:4] == ["/tools/zig", "cc", "-target", target.zig.target]
        assert (made.tools, made.identity, made.glibc) == (("zig",), "", False)


def test_gcc_of_path(path: Path) -> None:
    put_gcc(path, "arm-linux-gnueabihf")
    made = compilers.of(CSettings(compiler="gcc"), get_target("armv7"))
    words = ["-march=armv7-a", "-mfpu=vfpv3-d16", "-mfloat-abi=hard"]
    assert command(made)[:4] == [f"{path}/arm-linux-gnueabihf-gcc", *words]
    assert made.static == ("-static", "-fuse-ld=gold")
    assert (made.identity, made.glibc, made.tools) == ("gcc version 12", True, ())
    assert compilers.module(made).archiver(made, tool) == [path / "arm-linux-gnueabihf-ar"]


def test_another_version_is_another_compiler(path: Path) -> None:
    put_gcc(path, "aarch64-linux-gnu")
    before = compilers.of(CSettings(compiler="gcc"), get_target("arm64"))
    put_gcc(path, "aarch64-linux-gnu", version="13")
    gnu._said.cache_clear()
    assert compilers.of(CSettings(compiler="gcc"), get_target("arm64")) != before


@pytest.mark.parametrize("made", [True, False])
def test_no_note_is_made_of_what_a_compiler_says(path: Path, made: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gnu, "DECLARED", seen := Seen())
    if made:
        put_gcc(path, "aarch64-linux-gnu")
    compilers.of(CSettings(), get_target("arm64"))
    assert not seen.untold
    compilers.of(CSettings(compiler="gcc"), get_target("arm64"))
    assert seen.untold


@pytest.mark.parametrize(
    ("target", "triple", "gold", "expected"),
    [
        ("armv7", "", True, "there is no arm-linux-gnueabihf-ld.gold"),
        ("armv7", "arm-linux-gnueabihf", False, "die at their first instruction"),
        ("armv6", "", True, "Debian has none whose C library runs on this target"),
        ("386", "", True, "Debian has none whose C library runs on this target"),
    ],
)
def test_gcc_that_will_not_do(path: Path, target: str, triple: str, gold: bool, expected: str) -> None:
    if triple:
        put_gcc(path, triple, gold=gold)
    made = compilers.of(CSettings(compiler="gcc"), get_target(target))
    with pytest.raises(CrosscourseError, match=re.escape(expected)):
        command(made)


def test_one_of_ones_own(path: Path) -> None:
    put_gcc(path, "arm-x-linux-musleabihf", gold=False)
    own = OwnCompiler(prefix=f"{path}/arm-x-linux-musleabihf-", sysroot="/s", flags=["-mcpu=arm1176jzf-s"])
    made = compilers.of(CSettings(compiler="path", own={"armv6": own}), get_target("armv6"))
    assert command(made)[:3] == [f"{path}/arm-x-linux-musleabihf-gcc", "--sysroot=/s", "-mcpu=arm1176jzf-s"]
    assert (made.static, made.identity) == (("-static",), "gcc version 12")


@pytest.mark.parametrize(
    ("triple", "glibc", "expected"),
    [
        ("arm-none-linux-gnueabihf", False, "arm-none-linux-gnueabihf: static programs of GNU ld"),
        ("arm-none-linux-gnueabihf", True, "ld.gold; static programs of GNU ld with glibc are refused"),
        ("gone", False, "there is no"),
    ],
)
def test_one_of_ones_own_that_will_not_do(path: Path, triple: str, glibc: bool, expected: str) -> None:
    if triple != "gone":
        put_gcc(path, triple, gold=False)
    own = OwnCompiler(prefix=f"{path}/{triple}-", glibc=glibc)
    made = compilers.of(CSettings(compiler="path", own={"armv7": own}), get_target("armv7"))
    with pytest.raises(gnu.CompilerMissingError, match=re.escape(expected)):
        command(made)


def test_one_of_ones_own_that_is_not_described() -> None:
    made = compilers.of(CSettings(compiler="path"), get_target("armv7"))
    with pytest.raises(CrosscourseError, match=r"Add: \[compiler.TARGET\]"):
        command(made)


def test_one_that_is_none() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'gcc'"):
        compilers.of(CSettings(compiler="gc"), get_target("armv7"))
