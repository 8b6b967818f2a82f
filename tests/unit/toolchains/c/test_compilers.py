"""The C compilers: what each is told, what is refused, and that its version decides. One's own GCC is a script here."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from crosscourse.engine.idle.seen import Seen
from crosscourse.errors import CrosscourseError, UnknownNameError
from crosscourse.manifest import locks
from crosscourse.manifest.model import CSettings, OwnCompiler
from tests.unit.places import make_places
from toolchains.c import compilers, gcc, gnu, identity, unpacking
from toolchains.c.compiler import Compiler, Unpacked
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
    identity._said.cache_clear()
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


def test_gcc_is_what_was_unpacked_and_never_what_is_on_path(path: Path) -> None:
    put_gcc(path, "arm-linux-gnueabihf")
    made = compilers.of(CSettings(compiler="gcc"), get_target("armv7"))
    unpacked = gcc.unpacked(get_target("armv7"))
    assert unpacked is not None
    assert made.tools == (unpacked.tool,)
    words = ["-march=armv7-a", "-mfpu=vfpv3-d16", "-mfloat-abi=hard"]
    assert command(made)[:4] == ["/tools/gcc-armv7", *words]
    assert made.static == ("-static", "-fuse-ld=gold")
    assert (made.identity, made.glibc) == ("", True)
    assert compilers.module(made).archiver(made, tool) == [Path("/tools/arm-linux-gnueabihf-ar")]


def test_every_gcc_is_locked_as_it_is_wanted() -> None:
    wanted = {name: gcc.wanted(target) for name, target in load_targets().items()}
    assert any(wanted.values())
    for name, hosts in wanted.items():
        locked = locks.read(gcc.lock_file(name)).sets
        assert bool(locked) == bool(hosts), name
        assert {host: made.wanted for host, made in locked.items()} == {host: hosts[host] for host in locked}


def test_a_host_that_debian_has_none_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gcc, "host_arch", lambda: "amd64")  # there it is no cross compiler
    unpacked = gcc.unpacked(get_target("amd64"))
    assert unpacked is not None
    with pytest.raises(gnu.CompilerMissingError, match="its packages for amd64 are not locked"):
        unpacking.install(unpacked, make_places(tmp_path, own_place=tmp_path / "place"))


def test_a_target_that_debian_has_none_for() -> None:
    made = compilers.of(CSettings(compiler="gcc"), get_target("armv6"))
    assert gcc.unpacked(get_target("armv6")) is None
    with pytest.raises(CrosscourseError, match="Debian has none whose C library runs on this target"):
        command(made)


def unpacked(linker: str) -> Unpacked:
    found = gcc.unpacked(get_target("armv7"))
    assert found is not None
    return msgspec.structs.replace(found, linker=linker)


def test_static_links_of_gnu_ld_for_32_bit_arm_are_refused() -> None:
    tree = {"usr/bin/arm-linux-gnueabihf-ld": None, "usr/bin/arm-linux-gnueabihf-ld.gold": None}
    gnu.check_tree(unpacked("arm-linux-gnueabihf-ld.gold"), tree)
    for linker, there in (("arm-linux-gnueabihf-ld", tree), ("arm-linux-gnueabihf-ld.gold", {})):
        with pytest.raises(gnu.CompilerMissingError, match="die at their first instruction"):
            gnu.check_tree(unpacked(linker), there)


def test_what_is_linked_dynamically() -> None:
    settings = CSettings(compiler="gcc", linking="dynamic", glibc="2.34")
    target = get_target("armv7")
    assert compilers.of(settings, target).static == ()
    assert compilers.of(settings, target, static=True).static == ("-static", "-fuse-ld=gold")
    with pytest.raises(compilers.LinkingError, match="zig has no glibc"):
        compilers.of(msgspec.structs.replace(settings, compiler="zig"), target)
    with pytest.raises(compilers.LinkingError, match="does not say which glibc"):
        compilers.of(msgspec.structs.replace(settings, glibc=None), target)


def own(path: Path, triple: str, **more: Any) -> CSettings:
    return CSettings(compiler="path", own={"arm64": OwnCompiler(prefix=f"{path}/{triple}-", **more)})


def test_another_version_is_another_compiler(path: Path) -> None:
    put_gcc(path, "aarch64-linux-gnu")
    before = compilers.of(identity.asked_of(own(path, "aarch64-linux-gnu")), get_target("arm64"))
    put_gcc(path, "aarch64-linux-gnu", version="13")
    identity._said.cache_clear()
    after = compilers.of(identity.asked_of(own(path, "aarch64-linux-gnu")), get_target("arm64"))
    assert (before.identity, after.identity) == ("gcc version 12", "gcc version 13")


@pytest.mark.parametrize("made", [True, False])
def test_no_note_is_made_of_what_a_compiler_says(path: Path, made: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "DECLARED", seen := Seen())
    if made:
        put_gcc(path, "aarch64-linux-gnu")
    identity.asked_of(CSettings(own=own(path, "aarch64-linux-gnu").own))
    assert not seen.untold
    identity.asked_of(own(path, "aarch64-linux-gnu"))
    assert seen.untold


def test_one_of_ones_own(path: Path) -> None:
    put_gcc(path, "arm-x-linux-musleabihf", gold=False)
    described = OwnCompiler(prefix=f"{path}/arm-x-linux-musleabihf-", sysroot="/s", flags=["-mcpu=arm1176jzf-s"])
    made = compilers.of(identity.asked_of(CSettings(compiler="path", own={"armv6": described})), get_target("armv6"))
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
    described = OwnCompiler(prefix=f"{path}/{triple}-", glibc=glibc)
    made = compilers.of(CSettings(compiler="path", own={"armv7": described}), get_target("armv7"))
    with pytest.raises(gnu.CompilerMissingError, match=re.escape(expected)):
        command(made)


def test_one_of_ones_own_that_is_not_described() -> None:
    made = compilers.of(CSettings(compiler="path"), get_target("armv7"))
    with pytest.raises(CrosscourseError, match=r"Add: \[compiler.TARGET\]"):
        command(made)


def test_one_that_is_none() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'gcc'"):
        compilers.of(CSettings(compiler="gc"), get_target("armv7"))
