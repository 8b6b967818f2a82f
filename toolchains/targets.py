"""Targets: what each tool calls a kind of machine, and what an ELF file for it must look like."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

from crosscourse.errors import UnknownNameError

FILE = Path(__file__).with_name("targets.toml")


class Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all data read from TOML here: immutable, unknown keys refused."""


class Zig(Strict, frozen=True, kw_only=True):
    """``target`` as in ``zig cc -target``, ``cpu`` as in ``-mcpu``."""

    target: str
    cpu: str


class Gcc(Strict, frozen=True, kw_only=True):
    """Debian's cross GCC for a target. ``triple``: in the names of its programs. ``flags``: the processor.

    ``gold``: whether its binutils have that linker, which static programs for 32-bit ARM need.
    """

    triple: str
    flags: list[str] = []
    gold: bool = True


class Oci(Strict, frozen=True, kw_only=True):
    """Platform as the OCI image specification names it (image-index.md, "platform")."""

    architecture: str
    variant: str | None = None

    @property
    def name(self) -> str:
        """The platform in one word: ``arm/v7``."""
        return "/".join(filter(None, (self.architecture, self.variant)))


class ElfProfile(Strict, frozen=True, kw_only=True):
    """What every ELF file for a target must say of itself.

    ``machine``: e_machine by its pyelftools name. ``class_``: 32 or 64 bit.
    ``eabi``: version of the ARM EABI in e_flags; None where there is no such thing.
    ``float_abi``: how floats are passed (ARM only). ``cpu``: the highest ARM architecture version
    allowed, which is also the highest GOARM. ``debian_float_abi``: that of Debian's files in root filesystems, where it
    is another one. ``emulator``: name of the user-mode emulator; ``emulated_cpu``: what it is told to be, where its
    own choice can more than the target.
    """

    machine: str
    class_: Literal[32, 64] = msgspec.field(name="class")
    endianness: Literal["little", "big"]
    eabi: int | None = None
    float_abi: Literal["hard", "soft"] | None = None
    cpu: int | None = None
    debian_float_abi: Literal["hard", "soft"] | None = None
    emulator: str
    emulated_cpu: str | None = None


class Expected(Strict, frozen=True, kw_only=True):
    """What of a target the programs made for it can be checked against. ``chooses``: whether the C library in them has
    code for several processors, and chooses when it runs, so that attributes tell more than is used. ``glibc``: the
    newest version of glibc that programs may ask for; None where all are static.
    """

    name: str
    goarch: str
    goarm: int | None
    goamd64: str | None
    elf: ElfProfile
    chooses: bool = False
    glibc: str | None = None


class Target(Strict, frozen=True, kw_only=True):
    """A kind of machine that a distribution is made for.

    ``gcc``: None where Debian has no cross GCC whose C library runs on it. ``debian``: the architecture of Debian whose
    packages root filesystems are made of. ``deb``: what Debian packages of ours are for, where that is another one.
    ``rpm``: what Fedora calls it; None where it knows no such machine.
    """

    name: str = ""
    title: str
    goarch: str
    goarm: int | None = None
    goamd64: str | None = None
    zig: Zig
    gcc: Gcc | None = None
    debian: str
    deb: str | None = None
    rpm: str | None = None
    oci: Oci
    elf: ElfProfile

    @property
    def expected(self) -> Expected:
        """What its programs are checked against."""
        return Expected(name=self.name, goarch=self.goarch, goarm=self.goarm, goamd64=self.goamd64, elf=self.elf)

    @property
    def go_env(self) -> dict[str, str]:
        """The variables that make ``go`` build for this target."""
        env = {"GOOS": "linux", "GOARCH": self.goarch}
        if self.goarm is not None:
            env["GOARM"] = str(self.goarm)
        if self.goamd64 is not None:
            env["GOAMD64"] = self.goamd64
        return env


@cache
def load_targets(path: Path = FILE) -> dict[str, Target]:
    """All targets by name, in the order of the file."""
    import msgspec.toml

    tables = msgspec.toml.decode(path.read_bytes(), type=dict[str, Target])
    return {name: msgspec.structs.replace(target, name=name) for name, target in tables.items()}


def get_target(name: str) -> Target:
    """The target of that name; UnknownNameError names the nearest one."""
    targets = load_targets()
    if name not in targets:
        raise UnknownNameError("target", name, targets)
    return targets[name]


# What uname says of a machine → GOARCH.
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


def host_goarch() -> str:
    """GOARCH of this machine; what uname says of it, where Go has another name for it that is not known here."""
    import platform

    return _MACHINES.get(platform.machine(), platform.machine())


def host_target() -> Target:
    """The target that this machine itself is. UnknownNameError if there is none for it."""
    for target in load_targets().values():
        if target.goarch == host_goarch():
            return target
    raise UnknownNameError("target for this machine", host_goarch(), load_targets())
