"""Distributions with a root filesystem, made by hand; one that is right, to be changed."""

from __future__ import annotations

import gzip
import tarfile
from pathlib import Path
from typing import Any

from tasks.verify.engine import VerifyReport
from tasks.verify.ours import Ours
from tasks.verify.rules.table import RULES
from tasks.verify.verdict import verify_archive
from tests.unit.helpers_elf import AARCH64, build_elf, member, tar_of
from toolchains.targets import get_target

LIBC = "usr/lib/arm-linux-gnueabihf/libc.so.6"
ELSEWHERE: dict[str, Any] = {"machine": AARCH64, "bits": 64, "flags": 0, "tags": None}
ARMV7 = get_target("armv7").expected
LOADER = "/lib/ld-linux-armhf.so.3"
NOTHING = Ours()
ROOT = "c/resource-types/git/rootfs.tgz"
Tree = dict[str, tuple[tarfile.TarInfo, bytes]]


def file(name: str, content: bytes = b"text", **fields: Any) -> Tree:
    return {name: (member(name, content, **fields), content)}


def elf(name: str, **made: Any) -> Tree:
    return file(name, build_elf(**made), mode=0o755)


def folder(name: str, **fields: Any) -> Tree:
    return {name: (member(name, type=tarfile.DIRTYPE, **({"mode": 0o755} | fields)), b"")}


def link(name: str, to: str) -> Tree:
    return {name: (member(name, type=tarfile.SYMTYPE, linkname=to, mode=0o777), b"")}


def library(name: str, *needed: str, **made: Any) -> Tree:
    return elf(name, type=3, soname=name.rpartition("/")[2], needed=needed, **made)


NEEDS = {"needed": ("libc.so.6",), "versions_needed": {"libc.so.6": ("GLIBC_2.4",)}}
PROGRAM: dict[str, Any] = {"type": 3, "pie": True, "interpreter": LOADER, **NEEDS}
GOOD: Tree = {
    **link("lib", "usr/lib"),
    **link("bin", "usr/bin"),
    **library("usr/lib/ld-linux-armhf.so.3"),
    **library("usr/lib/arm-linux-gnueabihf/libc.so.6", "ld-linux-armhf.so.3", versions=("GLIBC_2.4",)),
    **elf("usr/bin/dash", **PROGRAM),
    **link("usr/bin/sh", "dash"),
    **elf("usr/bin/env", **PROGRAM),
    **file("usr/bin/script", b"#!/bin/sh\n", mode=0o755),
    **folder("tmp", mode=0o1777),
    **elf("opt/resource/check"),
}


def archive(content: Tree) -> bytes:
    return gzip.compress(tar_of(*content.values()))


def verify(tmp_path: Path, content: Tree, ours: Ours | None = NOTHING, name: str = ROOT, **more: Any) -> VerifyReport:
    path = tmp_path / "d.tgz"
    packed = archive(content)
    path.write_bytes(gzip.compress(tar_of((member(name, packed), packed))))
    return verify_archive(path, ARMV7, RULES, packaged={} if ours is None else {ROOT: ours}, **more)


def broken(tmp_path: Path, content: Tree, **more: Any) -> list[tuple[str, str]]:
    report = verify(tmp_path, content, **more)
    for violation in report.violations:
        assert violation.found
        assert violation.expected
    return [(violation.file.removeprefix(f"{ROOT}!/"), violation.rule) for violation in report.violations]


def without(*names: str) -> Tree:
    return {name: entry for name, entry in GOOD.items() if name not in names}
