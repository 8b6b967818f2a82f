"""What began it all: a Go program with C, cross-compiled without a C compiler for the target, and what is said here."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path

import pytest

from crosscourse.errors import ManifestError
from crosscourse.manifest.load import load_manifest
from tasks.kinds import TABLES
from tests.endtoend.conftest import Workspace

FILES = {
    "go.mod": "module example.org/printer\n\ngo 1.21\n",
    "printer.h": "void print(const char *text);\n",
    "printer.c": """#include <stdio.h>
#include "printer.h"

void print(const char *text) { puts(text); fflush(stdout); }
""",
    "main.go": """package main

// #include "printer.h"
import "C"

func main() { C.print(C.CString("printed by C")) }
""",
}
# https://go.dev/wiki/cgo: without CC Go takes gcc, and gives it what a gcc for ARM understands.
REFUSED = "-marm"


def write(folder: Path) -> None:
    folder.mkdir(parents=True)
    for name, text in FILES.items():
        (folder / name).write_text(text)


@pytest.mark.skipif(shutil.which("go") is None or shutil.which("gcc") is None, reason="needs Go and gcc on PATH")
@pytest.mark.skipif(platform.machine().startswith("arm"), reason="this machine's gcc is one for ARM")
def test_without_a_cross_compiler_gcc_refuses_what_go_tells_it(tmp_path: Path) -> None:
    write(tmp_path / "printer")
    env = {name: value for name, value in os.environ.items() if name not in ("CC", "GOFLAGS")}
    env |= {"GOOS": "linux", "GOARCH": "arm", "GOARM": "7", "GOTOOLCHAIN": "local"}
    env["GOCACHE"] = str(tmp_path / "go-build")
    words = ["go", "build", "-o", str(tmp_path / "out"), "."]
    # Without cgo there is no C at all, and Go says that all of its files are left out.
    without = subprocess.run(words, env=env, cwd=tmp_path / "printer", capture_output=True, text=True, check=False)
    assert without.returncode != 0
    assert "build constraints exclude all Go files" in without.stderr
    refused = subprocess.run(
        words, env=env | {"CGO_ENABLED": "1"}, cwd=tmp_path / "printer", capture_output=True, text=True, check=False
    )
    assert refused.returncode != 0
    assert "gcc: error: unrecognized command" in refused.stderr
    assert REFUSED in refused.stderr


def test_a_release_without_a_c_compiler_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    text = (root / "releases" / "printer.toml").read_text()
    (tmp_path / "printer.toml").write_text(text.replace('zig = "0.16.0"\n', ""))
    with pytest.raises(ManifestError, match=r"artifact\.printer: needs a C compiler, but \[toolchain\] names no"):
        load_manifest(tmp_path / "printer.toml", patches=root / "vendor-patches", tables=TABLES)


def test_the_same_files_by_ours_whatever_cc_says(workspace: Workspace) -> None:
    """The C compiler comes with the release: nobody has to know of CC, and a wrong one does no harm."""
    write(workspace.root / "examples" / "seed")
    text = (workspace.root / "releases" / "printer.toml").read_text()
    head = text[: text.index("[source.printer]")].replace('name = "printer"', 'name = "seed"')
    (workspace.root / "releases" / "seed.toml").write_text(
        f'{head}[source.seed]\nurl = "examples/seed"\n[artifact.printer]\nkind = "go-binary"\nsource = "seed"\n'
        'package = "."\ncgo = true\npath = "bin/printer"\n'
    )
    workspace.doit("release=seed", "compile:armv7:printer", CC="false")
    program = workspace.root / "build" / "seed" / "armv7" / "artifacts" / "printer"
    emulator = shutil.which("qemu-arm-static") or shutil.which("qemu-arm")
    if emulator is None:
        pytest.skip("qemu-arm is not installed (qemu-user, or qemu-user-static)")
    assert subprocess.run([emulator, program], check=True, capture_output=True, text=True).stdout == "printed by C\n"
