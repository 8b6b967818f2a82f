"""The printer example through every stage, on a PATH without Go and without a C compiler."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
import time
from pathlib import Path

import pytest

from tests.endtoend.conftest import STEPS, Workspace, caches, make_workspace

MEMBERS = {
    "printer/bin/cprinter",
    "printer/bin/goprinter",
    "printer/bin/printer",
    "printer/resource-types/printer/resource_metadata.json",
    "printer/resource-types/printer/rootfs.tgz",
}


def files_of(package: Path) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(package) as tar:
        return {member.name: member for member in tar if member.isfile()}


def test_everything_from_nothing(workspace: Workspace) -> None:
    assert shutil.which("go", path=str(workspace.bin)) is None
    assert shutil.which("cc", path=str(workspace.bin)) is None
    outcome = workspace.build()
    assert outcome.done == STEPS
    members = files_of(workspace.package)
    assert set(members) == MEMBERS
    assert {members[name].mode for name in MEMBERS if "/bin/" in name} == {0o755}
    report = json.loads((workspace.root / "build/printer/armv7/verify/elf.json").read_text())
    assert report["violations"] == []


def test_root_filesystem_of_the_resource_type(built: Workspace) -> None:
    with tarfile.open(built.package) as tar:
        inner = tar.extractfile("printer/resource-types/printer/rootfs.tgz")
        metadata = tar.extractfile("printer/resource-types/printer/resource_metadata.json")
        assert inner is not None
        assert metadata is not None
        assert json.load(metadata)["type"] == "printer"
        with tarfile.open(fileobj=inner) as rootfs:
            members = {member.name: member for member in rootfs}
    for name in ("opt/resource/check", "opt/resource/in", "opt/resource/out"):
        assert members[name].mode == 0o755
    assert members["tmp"].mode == 0o1777
    assert members["etc/passwd"].isfile()
    assert members["etc/ssl/certs/ca-certificates.crt"].size > 100_000
    assert "usr/share/zoneinfo/Europe/Berlin" in members
    assert not any(name.endswith(".py") for name in members)


def test_programs_run_and_print(built: Workspace) -> None:
    """On the host, as programs of its own kind: what is cross-compiled differs in the target's table alone."""
    host = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
    built.doit("release=printer", f"build:{host}")
    printed = {
        name: subprocess.run([built.program(name, host)], check=True, capture_output=True, text=True).stdout
        for name in ("printer", "goprinter", "cprinter")
    }
    assert printed["printer"] == f"printer 1.0: Go on {host} prints through C library 1.0\n"
    assert printed["goprinter"] == f"goprinter 1.0: Go on {host}, patched\n"
    assert printed["cprinter"] == "cprinter 1.0: C alone\n"
    assert subprocess.run([built.program("cprinter", host), "concourse", "hello"], check=False).returncode == 0
    assert subprocess.run([built.program("cprinter", host), "nonsense"], check=False).returncode == 1


@pytest.mark.parametrize("name", ["printer", "goprinter", "cprinter"])
def test_programs_start_under_emulation(built: Workspace, name: str) -> None:
    emulator = shutil.which("qemu-arm-static") or shutil.which("qemu-arm")
    if emulator is None:
        pytest.skip("qemu-arm is not installed (qemu-user, or qemu-user-static)")
    done = subprocess.run([emulator, built.program(name)], check=True, capture_output=True, text=True)
    assert done.stdout.startswith(name)


def test_a_changed_header_reaches_go_programs(built: Workspace) -> None:
    """Go's build cache knows nothing of headers that come through pkg-config."""
    host = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
    built.doit("release=printer", f"build:{host}")
    built.edit("releases/printer.toml", '"@VERSION@" = "1.0"', '"@VERSION@" = "2.0"')
    built.doit("release=printer", f"build:{host}")
    printed = subprocess.run([built.program("printer", host)], check=True, capture_output=True, text=True).stdout
    assert printed == f"printer 1.0: Go on {host} prints through C library 2.0\n"


def test_same_bytes_whatever_the_folder_umask_zone_and_locale(built: Workspace, tmp_path: Path) -> None:
    other = make_workspace(tmp_path / "a rather different" / "place")
    # Caches of its own too, so that everything is compiled anew; the tools are the same by their pins.
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "tools").symlink_to(caches() / "tools")
    (other.root / "crosscourse.toml").write_text(f'cache = "{cache}"\njobs = 1\n')
    before = os.umask(0o077)
    try:
        other.doit(
            "release=printer", "build", TZ="Pacific/Kiritimati", LC_ALL="tr_TR.UTF-8", LANG="tr_TR.UTF-8", USER="nobody"
        )
    finally:
        os.umask(before)
    assert other.package.read_bytes() == built.package.read_bytes()


def test_plain_report(built: Workspace) -> None:
    with (built.root / "tasks/verify/engine.py").open("a") as rules:
        # So that verify is done again, and says what it found; not taken from what an earlier test run left.
        rules.write(f"# {built.root} at {time.time_ns()}\n")
    assert "6 ELF files checked" in built.doit("release=printer", "verify").out
    built.program("goprinter").unlink()
    lines = built.doit("release=printer", "build").out.splitlines()
    assert any("compile:armv7:goprinter" in line for line in lines)
    assert "1 from the cache" in lines[-1], lines
    assert "Up to date" in built.doit("release=printer", "build").out


def test_clean_removes_what_was_built_and_nothing_else(built: Workspace) -> None:
    said = built.doit("clean", "-n", "release=printer").out
    assert "would remove dist/printer-1.0-linux-armv7.tgz" in said
    assert built.package.is_file()
    built.doit("clean", "release=printer")
    assert not built.package.exists()
    assert not list((built.root / "build/printer/armv7").rglob("*.a"))
    assert (built.root / "sources/printer/printer/go.mod").is_file()
    assert built.build("build").done >= {"compile:armv7:printer", "package:armv7:tgz"}


def test_clean_all_removes_sources_but_never_edits(built: Workspace) -> None:
    path = built.root / "sources/printer/printer/cmd/goprinter/main.go"
    path.write_text(path.read_text() + "// mine\n")
    outcome = built.doit("clean", "--all", "release=printer", expect=1)
    assert "cmd/goprinter/main.go" in outcome.text
    assert path.read_text().endswith("// mine\n")
    assert not built.package.exists()
    path.write_text(path.read_text().removesuffix("// mine\n"))
    built.doit("clean", "--all", "release=printer")
    assert not path.exists()


def test_override_builds_the_users_own_folder(built: Workspace, tmp_path: Path) -> None:
    own = tmp_path / "own"
    shutil.copytree(built.root / "examples" / "printer", own)
    (own / "cmd/goprinter/main.go").write_text(
        (own / "cmd/goprinter/main.go").read_text().replace("Go on", "my own Go on")
    )
    before = built.program("goprinter").read_bytes()
    built.build(f"override=printer={own}", "build")
    after = built.program("goprinter").read_bytes()
    assert b"my own Go on" in after
    assert b", patched" not in after
    built.build("build")
    assert built.program("goprinter").read_bytes() == before


def test_options_behind_a_task_are_refused(built: Workspace) -> None:
    outcome = built.doit("clean", "release=printer", "build", "-n", expect=None)
    assert outcome.code
    assert "options come before the names of tasks" in outcome.text
    assert built.package.is_file()


def test_two_checkouts_share_a_cache_but_not_libraries(built: Workspace, tmp_path: Path) -> None:
    other = make_workspace(tmp_path / "other")
    other.edit("examples/printer/library/print.c", '"%s\\n"', '"other: %s\\n"')
    other.doit("release=printer", "build")
    assert b"other: " in other.program("printer").read_bytes()
    assert b"other: " not in built.program("printer").read_bytes()
    shutil.rmtree(other.root)
    built.program("printer").unlink()
    built.doit("release=printer", "build")
    assert b"other: " not in built.program("printer").read_bytes()


def test_override_in_the_settings_file(built: Workspace, tmp_path: Path) -> None:
    own = tmp_path / "own"
    shutil.copytree(built.root / "examples" / "printer", own)
    (built.root / "crosscourse.toml").write_text(f'[override]\nprinter = "{own}"\n')
    assert "source:printer" in built.build("build").done


def test_doits_own_commands_work(built: Workspace) -> None:
    listed = built.doit("list", "release=printer").out
    assert "build:arm64" in listed
    assert "compile:armv7:printer" not in listed
    assert "compile:armv7:printer" in built.doit("list", "--all", "release=printer").out
    assert "up-to-date" in built.doit("info", "release=printer", "compile:armv7:printer").out
    assert "plan" in built.doit("help").out
    built.doit("forget", "--all", "release=printer")
    assert built.build("build").done
