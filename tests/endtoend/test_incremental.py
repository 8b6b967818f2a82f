"""What is done again after which change: exactly what depends on it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable

import pytest

from tests.endtoend.conftest import Workspace

SOURCE = "sources/printer/printer"
GO_PROGRAMS = {"compile:armv7:printer", "compile:armv7:goprinter"}
ALL_COMPILED = GO_PROGRAMS | {"compile:armv7:libprinter", "compile:armv7:cprinter"}
AFTER = {"rootfs:armv7:printer-resource", "package:armv7:tgz", "verify:armv7:elf"}


def edit_go(workspace: Workspace) -> None:
    workspace.edit(f"{SOURCE}/cmd/goprinter/main.go", "Go on", "Go runs on")


def edit_comment(workspace: Workspace) -> None:
    workspace.edit(f"{SOURCE}/cmd/goprinter/main.go", "// Command goprinter", "// The command goprinter")


def touch(workspace: Workspace) -> None:
    for path in (workspace.root / SOURCE).rglob("*.go"):
        os.utime(path, (1, 1))
    os.utime(workspace.program("printer"), (1, 1))


def add_file(workspace: Workspace) -> None:
    (workspace.root / SOURCE / "cmd" / "goprinter" / "more.go").write_text(
        'package main\n\nfunc init() { version += "+more" }\n'
    )


def rename_file(workspace: Workspace) -> None:
    (workspace.root / SOURCE / "cmd/goprinter/main.go").rename(workspace.root / SOURCE / "cmd/goprinter/renamed.go")


def edit_and_revert(workspace: Workspace) -> None:
    path = workspace.root / SOURCE / "cmd/goprinter/main.go"
    text = path.read_text()
    path.write_text(text + "// edited\n")
    path.write_text(text)


def change_patch(workspace: Workspace) -> None:
    workspace.edit("vendor-patches/printer/say-patched.patch", ", patched", ", patched twice")


def change_example(workspace: Workspace) -> None:
    """The example's pin is the content of its folder."""
    workspace.edit("examples/printer/README.md", "smallest", "tiniest")


def change_artifact_flag(workspace: Workspace) -> None:
    workspace.edit(
        "releases/printer.toml", 'package = "./cmd/goprinter"', 'package = "./cmd/goprinter"\ntags = ["more"]'
    )


def change_stamp(workspace: Workspace) -> None:
    workspace.edit("releases/printer.toml", 'modules = "proxy"', 'modules = "proxy"\nwhy = "a comment of ours"')


def change_shared_flag(workspace: Workspace) -> None:
    workspace.edit("releases/printer.toml", '"-s", "-w"', '"-w"')


def change_c_flag(workspace: Workspace) -> None:
    workspace.edit("releases/printer.toml", 'library = "printer"', 'library = "printer"\ncflags = ["-DUNUSED"]')


def change_place(workspace: Workspace) -> None:
    workspace.edit("releases/printer.toml", 'path = "bin/cprinter"', 'path = "sbin/cprinter"')


def change_go_version(workspace: Workspace) -> None:
    workspace.edit("releases/printer.toml", 'go = "1.26.6"', 'go = "1.26.5"')


def delete_artifact(workspace: Workspace) -> None:
    workspace.program("cprinter").unlink()


def delete_package(workspace: Workspace) -> None:
    workspace.package.unlink()


def damage_artifact(workspace: Workspace) -> None:
    """One byte, its times put back: only its digest (and its ctime) tell."""
    path = workspace.program("goprinter")
    info = path.stat()
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.chmod(info.st_mode | stat.S_IWUSR)
    path.write_bytes(bytes(content))
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))


def nothing(workspace: Workspace) -> None:
    assert workspace.package.is_file()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (nothing, set()),
        (touch, set()),
        (edit_and_revert, set()),
        (edit_go, ALL_COMPILED | AFTER),
        # The programs come out as they were, so nothing after them is done.
        (edit_comment, ALL_COMPILED),
        (add_file, ALL_COMPILED | AFTER),
        (rename_file, ALL_COMPILED | AFTER),  # programs name their files
        (change_patch, {"patch:printer"} | ALL_COMPILED | AFTER),
        (change_example, {"source:printer", "patch:printer"} | ALL_COMPILED),
        (change_artifact_flag, {"modules:armv7:printer", "compile:armv7:goprinter"} | AFTER),
        (change_stamp, set()),
        (change_shared_flag, GO_PROGRAMS | AFTER),
        (change_c_flag, {"compile:armv7:libprinter"}),
        (change_place, {"package:armv7:tgz", "verify:armv7:elf"}),
        (change_go_version, {"toolchain:go", "modules:armv7:printer"} | GO_PROGRAMS | AFTER),
        (delete_artifact, {"compile:armv7:cprinter"}),
        (delete_package, {"package:armv7:tgz"}),
        (damage_artifact, {"compile:armv7:goprinter"}),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_what_is_done_again(built: Workspace, change: Callable[[Workspace], None], expected: set[str]) -> None:
    before = built.package.read_bytes()
    change(built)
    assert built.build().done == expected
    assert built.build().done == set(), "the second run had something to do"
    if not expected & AFTER:
        assert built.package.read_bytes() == before


def test_reverting_an_edit_gives_the_same_bytes(built: Workspace) -> None:
    before = built.package.read_bytes()
    edit_go(built)
    built.build()
    assert built.package.read_bytes() != before
    built.edit(f"{SOURCE}/cmd/goprinter/main.go", "Go runs on", "Go on")
    built.build()
    assert built.package.read_bytes() == before


def test_targets_share_what_can_be_shared(built: Workspace) -> None:
    done = built.build("build:arm64").done
    assert {"compile:arm64:printer", "package:arm64:tgz"} <= done
    assert not any(name.startswith(("toolchain:", "source:", "patch:")) for name in done)
    assert built.build("build:armv7").done == set()


def test_plan_carries_a_patch_to_what_is_compiled(built: Workspace) -> None:
    change_patch(built)
    plan = built.doit("plan", "release=printer").out
    lines = {line.split()[1]: line[0] for line in plan.splitlines() if line[0] in "!?"}
    assert lines.pop("patch:printer") == "!"
    assert set(lines) >= ALL_COMPILED
    assert set(lines.values()) == {"?"}


def test_plan_says_what_and_why_and_does_nothing(built: Workspace) -> None:
    assert "Nothing to do" in built.doit("plan", "release=printer").out
    edit_go(built)
    change_shared_flag(built)
    plan = built.doit("plan", "release=printer").out
    assert "cmd/goprinter/main.go (edited) is new" in plan
    assert "ldflags changed from" in plan
    lines = {line.split()[1]: line[0] for line in plan.splitlines() if line[0] in "!?"}
    assert lines == {**dict.fromkeys(ALL_COMPILED, "!"), "rootfs:armv7:printer-resource": "?", "package:armv7:tgz": "?"}
    assert built.build().done == ALL_COMPILED | AFTER
