"""The rules about root filesystems, with trees that meet them and trees that do not."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from tasks.verify.rules import allowed
from tasks.verify.rules.trees import program_of_env, target_of
from tests.unit.helpers_elf import build_elf, member
from tests.unit.verify.roots import (
    ELSEWHERE,
    GOOD,
    LIBC,
    PROGRAM,
    ROOT,
    Tree,
    archive,
    broken,
    elf,
    file,
    folder,
    library,
    link,
    verify,
    without,
)


def test_a_good_tree(tmp_path: Path) -> None:
    report = verify(tmp_path, GOOD)
    assert report.violations == ()
    assert len(report.files) == 5
    assert [(root.path, len(root.lacking)) for root in report.roots] == [(ROOT, 0)]


BROKEN: list[tuple[Tree, list[tuple[str, str]]]] = [
    (without(LIBC), [("usr/bin/dash", "libraries"), ("usr/bin/env", "libraries")]),
    (without("usr/lib/ld-linux-armhf.so.3"),
     [("usr/bin/dash", "loader"), ("usr/bin/env", "loader"), (LIBC, "libraries")]),
    (GOOD | library(LIBC, versions=("GLIBC_2.3",)),
     [("usr/bin/dash", "symbol-versions"), ("usr/bin/env", "symbol-versions")]),
    (GOOD | elf("usr/bin/other", **PROGRAM | ELSEWHERE),
     [("usr/bin/other", rule) for rule in ("machine", "class", "loader", "libraries")]),
    (without("usr/bin/sh"), [("usr/bin/script", "script-interpreter")]),
    (GOOD | file("usr/bin/x", b"#!/usr/bin/perl -w\n", mode=0o755), [("usr/bin/x", "script-interpreter")]),
    (GOOD | file("usr/bin/x", b"#!/bin/sh\r\n", mode=0o755), [("usr/bin/x", "script-interpreter")]),
    (GOOD | file("usr/bin/x", b"#!usr/bin/dash\n", mode=0o755), [("usr/bin/x", "script-interpreter")]),
    (GOOD | file("usr/bin/x", b"#!\n", mode=0o755), [("usr/bin/x", "script-interpreter")]),
    (GOOD | file("usr/bin/x", b"#!/usr/bin/y\n", mode=0o755) | file("usr/bin/y", mode=0o644),
     [("usr/bin/x", "script-interpreter")]),
    (GOOD | file("usr/bin/x", b"#!/bin/sh " + b"x" * 300, mode=0o755), [("usr/bin/x", "script-interpreter")]),
    (GOOD | file("usr/bin/x", b"#!/usr/bin/env python3\n", mode=0o755), [("usr/bin/x", "script-interpreter")]),
    (GOOD | file("usr/bin/x", b"#!/usr/bin/env sh -e\n", mode=0o755), [("usr/bin/x", "script-interpreter")]),
    (GOOD | file("usr/bin/x", b"#!/usr/bin/env -S perl -w\n", mode=0o755), [("usr/bin/x", "script-interpreter")]),
    (GOOD | file("usr/bin/x", b"#!/usr/bin/env -i\n", mode=0o755), [("usr/bin/x", "script-interpreter")]),
    (GOOD | file("usr/bin/x", b"#!/usr/bin/env\n", mode=0o755), [("usr/bin/x", "script-interpreter")]),
    (GOOD | file("usr/bin/x", b"#!/usr/bin/env /bin/no\n", mode=0o755), [("usr/bin/x", "script-interpreter")]),
    (GOOD | file("opt/x", b"#!/usr/bin/env thing\n", mode=0o755) | elf("opt/thing"),
     [("opt/x", "script-interpreter")]),
    (GOOD | link("etc/x", "/gone"), [("etc/x", "links")]),
    (GOOD | link("etc/x", "gone"), [("etc/x", "links")]),
    (GOOD | link("etc/x", "../../bin"), [("etc/x", "links")]),
    (GOOD | link("etc/x", "/../bin"), [("etc/x", "links")]),
    (GOOD | link("etc/x", "y") | link("etc/y", "x"), [("etc/x", "links"), ("etc/y", "links")]),
    (GOOD | elf("usr/bin/rootme") | file("usr/bin/rootme", build_elf(), mode=0o4755), [("usr/bin/rootme", "setuid")]),
    (GOOD | file("usr/bin/x", mode=0o2755), [("usr/bin/x", "setuid")]),
    (GOOD | file("usr/bin/passwd", mode=0o6755), [("usr/bin/passwd", "setuid")]),
    (GOOD | file("opt/passwd", mode=0o4755), [("opt/passwd", "setuid")]),
    (GOOD | folder("opt/x", mode=0o1777), [("opt/x", "world-writable")]),
    (GOOD | folder("tmp", mode=0o777), [("tmp", "world-writable")]),
    (GOOD | file("etc/x", mode=0o646), [("etc/x", "world-writable")]),
    (GOOD | file("run/lock", mode=0o1666), [("run/lock", "world-writable")]),
    (GOOD | file("tmp/x", mode=0o1666), [("tmp/x", "world-writable")]),
    (GOOD | file("etc/x", uid=1000, gid=1000), [("etc/x", "owner")]),
    (GOOD | file("etc/x", gid=42), [("etc/x", "owner")]),
    (GOOD | folder("etc/x", uid=1), [("etc/x", "owner")]),
    (GOOD | file("usr/bin/passwd", mode=0o4755, gid=42), [("usr/bin/passwd", "owner")]),
    (GOOD | {"dev/null": (member("dev/null", type=tarfile.CHRTYPE, mode=0o600), b"")}, [("dev/null", "devices")]),
    (GOOD | {"run/p": (member("run/p", type=tarfile.FIFOTYPE, mode=0o600), b"")}, [("run/p", "devices")]),
    (GOOD | file("etc/resolv.conf", b"nameserver 10.0.0.1\n"), [("etc/resolv.conf", "build-host")]),
    (GOOD | file("etc/hostname", b"builder\n"), [("etc/hostname", "build-host")]),
    (GOOD | file("etc/machine-id", b"0123\n"), [("etc/machine-id", "build-host")]),
    (GOOD | file("etc/ssh/ssh_host_rsa_key", b"key\n"), [("etc/ssh/ssh_host_rsa_key", "build-host")]),
    (GOOD | file("work/x"), [("work/x", "build-host")]),
    (GOOD | file("home/me/x"), [("home/me/x", "build-host")]),
    (GOOD | file("usr/src/proj/x/y"), [("usr/src/proj/x/y", "build-host")]),
]  # fmt: skip


@pytest.mark.parametrize(("content", "expected"), BROKEN)
def test_trees_that_break_a_rule(tmp_path: Path, content: Tree, expected: list[tuple[str, str]]) -> None:
    found = broken(tmp_path, content, host=("/usr/src/proj", "/opt"))
    assert sorted(found) == sorted(expected)


@pytest.mark.parametrize(
    "content",
    [
        file("usr/bin/passwd", mode=0o4755),
        file("usr/bin/passwd", mode=0o755),
        file("usr/bin/ssh-agent", mode=0o2755),
        file("usr/bin/chage", mode=0o2755, gid=42),
        folder("var/mail", mode=0o2775, gid=8),
        folder("var/tmp", mode=0o1777),
        folder("opt/set", mode=0o2755),
        link("etc/mtab", "../proc/self/mounts"),
        link("etc/mtab", "/proc/self/mounts"),
        link("etc/alternatives/x", "/usr/bin/x"),
        link("usr/share/zoneinfo/localtime", "/etc/localtime"),
        link("etc/up", "../bin/sh"),
        file("etc/hostname", b""),
        file("usr/share/doc/x/example", b"#!/usr/bin/perl\n", mode=0o755),
        file("usr/lib/x.pm", b"#!perl -w\n", mode=0o644),
        file("usr/bin/x", b"#! \t/bin/sh\t-e\n", mode=0o755),
        file("usr/bin/x", b"#!/bin/sh", mode=0o755),
        file("usr/bin/x", b"#!/usr/bin/env sh\n", mode=0o755),
        file("usr/bin/x", b"#!/usr/bin/env -S A=b sh -e\n", mode=0o755),
        file("usr/bin/x", b"#!/usr/bin/env /bin/sh\n", mode=0o755),
        folder("home"),
        file("usr/src/projector/x"),
    ],
)
def test_trees_that_are_right(tmp_path: Path, content: Tree) -> None:
    assert broken(tmp_path, GOOD | content, host=("/usr/src/proj", "/opt")) == []


def test_what_is_a_root_filesystem(tmp_path: Path) -> None:
    """By its name or by what it has; the distribution itself and its other archives are none."""
    odd = file("etc/x", uid=5) | elf("x")
    assert [rule for _, rule in broken(tmp_path, odd, ours=None)] == ["owner", "build-host"]
    assert broken(tmp_path, odd, ours=None, name="c/fly.tgz") == []
    like = file("etc/x", uid=5) | elf("usr/bin/x")
    assert [rule for _, rule in broken(tmp_path, like, ours=None, name="c/image.tgz")] == ["owner"]


def test_an_archive_that_is_called_as_what_is_kept_is_looked_into(tmp_path: Path) -> None:
    inner = archive(elf("x", **ELSEWHERE))
    content = GOOD | file("etc/ld.so.conf", inner)
    assert broken(tmp_path, content) == [("etc/ld.so.conf!/x", "machine"), ("etc/ld.so.conf!/x", "class")]


@pytest.mark.parametrize(
    ("argument", "program"),
    [("python3", "python3"), ("-S python3 -u", "python3"), ("-Spython3", "python3"), ("-vS python3", "python3"),
     ("--split-string=python3 -u", "python3"), ("-S -i A=b python3", "python3"), ("", ""), ("-S", ""),
     ("-i", None), ("python3 -u", "python3 -u")],
)  # fmt: skip
def test_program_of_env(argument: str, program: str | None) -> None:
    assert program_of_env(argument) == program


def test_target_of_a_link() -> None:
    assert target_of("etc/a/b", "../c") == "etc/c"
    assert target_of("etc/a", "/x/../y") == "y"
    assert target_of("etc/a", "../..") is None
    assert target_of("etc/a", "..") == ""


def test_what_is_allowed_says_why() -> None:
    tables = [allowed.WRITABLE, allowed.LINK_TARGETS, allowed.LINKS, allowed.SCRIPTS, allowed.FIXED]
    assert all(reason for table in tables for reason in table.values())
    assert all(owner[1] for owner in allowed.OWNERS.values())
    assert all(privilege.why and privilege.mode & 0o6000 for privilege in allowed.PRIVILEGED.values())
    names = [*allowed.PRIVILEGED, *allowed.OWNERS, *(name for table in tables for name in table)]
    assert not [name for name in names if name.startswith(("/", "*"))]
