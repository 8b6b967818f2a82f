"""What is done again after which change: exactly what depends on it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.endtoend.conftest import Workspace, from_cache, make_workspace, use_own_results

SOURCE = "sources/printer/printer"
GO_PROGRAMS = {"compile:armv7:printer", "compile:armv7:goprinter"}
# The library and what is linked with it.
OF_LIBRARY = {"compile:armv7:libprinter", "compile:armv7:printer", "compile:armv7:cprinter"}
GOPRINTER = {"compile:armv7:goprinter"}
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


def add_unread_files(workspace: Workspace) -> None:
    """What no program is made of: a text, a package that nobody imports."""
    (workspace.root / SOURCE / "notes.txt").write_text("mine\n")
    (workspace.root / SOURCE / "cmd" / "other").mkdir()
    (workspace.root / SOURCE / "cmd" / "other" / "main.go").write_text("package main\n\nfunc main() {}\n")


def edit_readme(workspace: Workspace) -> None:
    workspace.edit(f"{SOURCE}/README.md", "smallest", "tiniest")


def edit_go_test(workspace: Workspace) -> None:
    """It lies in the folder of a package; whether the package is made of it, only the compiler could tell."""
    with (workspace.root / SOURCE / "cmd" / "goprinter" / "main_test.go").open("a") as file:
        file.write("// edited\n")


def edit_go_mod(workspace: Workspace) -> None:
    with (workspace.root / SOURCE / "go.mod").open("a") as file:
        file.write("// edited\n")


def edit_c_program(workspace: Workspace) -> None:
    workspace.edit(f"{SOURCE}/program/main.c", "C alone", "C all alone")


def edit_c_library(workspace: Workspace) -> None:
    workspace.edit(f"{SOURCE}/library/print.c", '"%s\\n"', '"%s!\\n"')


def edit_c_comment(workspace: Workspace) -> None:
    workspace.edit(f"{SOURCE}/library/print.h.in", "/* Prints a line,", "/* Prints one line,")


def edit_what_a_command_reads(workspace: Workspace) -> None:
    """A list that a generating command finds by itself in the folder that it is given."""
    with (workspace.root / SOURCE / "library" / "words.txt").open("a") as file:
        file.write("more\n")


def edit_all_sources(workspace: Workspace) -> None:
    edit_go(workspace)
    edit_c_library(workspace)


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
        (edit_readme, set()),
        (add_unread_files, set()),
        (edit_go, GOPRINTER | AFTER),
        # The program comes out as it was, so nothing after it is done.
        (edit_comment, GOPRINTER),
        (edit_go_test, GOPRINTER),
        (edit_go_mod, {"modules:armv7:printer"} | GO_PROGRAMS),
        (add_file, GOPRINTER | AFTER),
        (rename_file, GOPRINTER | AFTER),  # programs name their files
        # Where C is looked for is not bounded: all C files of a source count for Go with C.
        (edit_c_program, {"compile:armv7:cprinter", "compile:armv7:printer"} | AFTER),
        (edit_c_library, OF_LIBRARY | AFTER),
        (edit_c_comment, OF_LIBRARY),  # a header is an output of the library: what is linked with it sees the edit
        (edit_what_a_command_reads, OF_LIBRARY | AFTER),
        (edit_all_sources, OF_LIBRARY | GOPRINTER | AFTER),
        (change_patch, {"patch:printer"} | GOPRINTER | AFTER),
        (change_example, {"source:printer", "patch:printer"}),
        (change_artifact_flag, {"modules:armv7:printer"} | GOPRINTER | AFTER),
        (change_stamp, set()),
        (change_shared_flag, GO_PROGRAMS | AFTER),
        (change_c_flag, {"compile:armv7:libprinter"}),
        (change_place, {"package:armv7:tgz", "verify:armv7:elf"}),
        (change_go_version, {"toolchain:go", "modules:armv7:printer"} | GO_PROGRAMS | AFTER),
        (delete_artifact, {"compile:armv7:cprinter"}),
        (delete_package, {"package:armv7:tgz"}),
        (damage_artifact, GOPRINTER),
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


def test_plan_carries_a_patch_to_what_may_be_made_of_it(built: Workspace) -> None:
    change_patch(built)
    plan = built.doit("plan", "release=printer").out
    lines = {line.split()[1]: line[0] for line in plan.splitlines() if line[0] in "!?"}
    assert lines.pop("patch:printer") == "!"
    assert set(lines) >= OF_LIBRARY | GOPRINTER
    assert set(lines.values()) == {"?"}


def test_plan_says_what_and_why_and_does_nothing(built: Workspace) -> None:
    assert "Nothing to do" in built.doit("plan", "release=printer").out
    edit_go(built)
    edit_readme(built)
    change_shared_flag(built)
    plan = built.doit("plan", "release=printer").out
    assert "cmd/goprinter/main.go (edited) is new" in plan
    assert "README" not in plan
    assert "ldflags changed from" in plan
    lines = {line.split()[1]: line[0] for line in plan.splitlines() if line[0] in "!?"}
    after = dict.fromkeys(("rootfs:armv7:printer-resource", "package:armv7:tgz"), "?")
    assert lines == dict.fromkeys(GO_PROGRAMS, "!") | after
    assert built.build().done == GO_PROGRAMS | AFTER


@pytest.fixture
def fresh(workspace: Workspace, tmp_path: Path) -> Workspace:
    """Everything built, with a result cache that holds nothing else."""
    use_own_results(workspace, tmp_path / "cache")
    outcome = workspace.doit("release=printer", "build", "verify")
    assert from_cache(outcome) == set()
    return workspace


KEPT = OF_LIBRARY | GOPRINTER | AFTER


def test_what_was_made_before_comes_from_the_cache(fresh: Workspace) -> None:
    before = fresh.package.read_bytes()
    edit_go(fresh)
    edited = fresh.doit("release=printer", "build", "verify")
    assert from_cache(edited) == set()
    assert "4 run" in edited.out.splitlines()[-1]
    fresh.edit(f"{SOURCE}/cmd/goprinter/main.go", "Go runs on", "Go on")
    assert "(from the cache)" in fresh.doit("plan", "release=printer").out
    undone = fresh.doit("release=printer", "build", "verify")
    assert from_cache(undone) == GOPRINTER | AFTER
    assert " run" not in undone.out.splitlines()[-1]
    assert fresh.package.read_bytes() == before
    assert "Up to date" in fresh.doit("release=printer", "build", "verify").out


def test_another_checkout_takes_what_the_first_made(fresh: Workspace, tmp_path: Path) -> None:
    other = make_workspace(tmp_path / "somewhere" / "else")
    use_own_results(other, tmp_path / "cache")
    other.edit("examples/printer/README.md", "smallest", "tiniest")  # another commit, of which nothing is read
    assert from_cache(other.doit("release=printer", "build", "verify")) == KEPT
    assert other.package.read_bytes() == fresh.package.read_bytes()
    assert other.build().done == set()


def test_a_damaged_cache_costs_only_time(fresh: Workspace, tmp_path: Path) -> None:
    before = fresh.package.read_bytes()
    for blob in (tmp_path / "cache" / "results" / "blobs").rglob("*"):
        if blob.is_file():
            content = bytearray(blob.read_bytes())
            content[len(content) // 2] ^= 1
            blob.write_bytes(bytes(content))
    fresh.doit("clean", "release=printer")
    again = fresh.doit("release=printer", "build", "verify")
    assert from_cache(again) == set()
    assert fresh.package.read_bytes() == before
    # Of a step's blobs one is found to be damaged each time; the library has three.
    for _ in range(3):
        fresh.doit("clean", "release=printer")
        again = fresh.doit("release=printer", "build", "verify")
        assert fresh.package.read_bytes() == before
    assert from_cache(again) == KEPT
