"""``doit matrix`` with real runs: cells are filled, kept, stale after a change, and red with their reason."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.endtoend.conftest import Workspace

MATRIX = """
release = ["printer"]
[toolchain.zig]
[column.build]
[column.verify]
[column.boot]
each = true
[[empty]]
column = ["boot"]
why = "not here"
"""
NARROW = ("matrix", "--target", "armv7")


@pytest.fixture
def workspace(built: Workspace) -> Workspace:
    """Built already, so that cells are cheap."""
    (built.root / "docs").mkdir()
    (built.root / "docs/matrix.toml").write_text(MATRIX)
    return built


def cells(workspace: Workspace, *words: str, expect: int = 0) -> dict[str, str]:
    """How the cells stand, by what follows the release, target and compiler in their names."""
    shown = workspace.doit("matrix", "--show", "--target", "armv7", *words, expect=expect).out
    rows = (line.split() for line in shown.splitlines() if line.startswith("printer/"))
    return {row[0].removeprefix("printer/armv7/zig/"): row[1] for row in rows}


def kept(workspace: Workspace) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = json.loads((workspace.root / "docs/matrix.json").read_text())
    return found


def test_cells_are_filled_kept_and_stale(workspace: Workspace) -> None:
    assert cells(workspace) == {"build": "unknown", "verify": "unknown", "boot/programs": "empty"}
    assert cells(workspace, "--each", "programs") == {"boot/programs": "empty"}
    said = workspace.doit(*NARROW, "--column", "build").out
    assert "[1/1] printer/armv7/zig/build" in said
    assert cells(workspace) == {"build": "green", "verify": "unknown", "boot/programs": "empty"}

    # Only what is not known is tried.
    said = workspace.doit(*NARROW).out
    assert "[1/1] printer/armv7/zig/verify" in said
    assert "[1/1]" not in workspace.doit(*NARROW).out
    assert "| armv7 | zig | yes | yes | programs [1](#reasons) |" in (workspace.root / "docs/matrix.md").read_text()

    workspace.edit("examples/printer/program/main.c", "C alone", "C, alone")
    assert cells(workspace) == {"build": "stale", "verify": "stale", "boot/programs": "empty"}
    workspace.edit("examples/printer/program/main.c", "C, alone", "C alone")
    assert cells(workspace)["build"] == "green"

    workspace.edit("examples/printer/program/main.c", "C alone", 'C alone" nonsense "')
    said = workspace.doit(*NARROW, expect=1).out
    assert "NO: compile:armv7:cprinter" in said
    assert cells(workspace) == {"build": "red", "verify": "red", "boot/programs": "empty"}
    assert "compile:armv7:cprinter" in kept(workspace)["printer/armv7/zig/build"]["found"]
    # What went wrong is tried again when that is asked for.
    assert "[1/" not in workspace.doit(*NARROW, expect=1).out
    workspace.edit("examples/printer/program/main.c", 'C alone" nonsense "', "C alone")
    workspace.doit(*NARROW)
    assert cells(workspace)["verify"] == "green"


PAIRS = """
release = ["printer", "other"]
[toolchain.zig]
[toolchain.alone]
variables = { jobs = "1" }
[column.build]
pairs = true
"""


def test_what_others_show_in_pairs_is_tried_on_request(workspace: Workspace) -> None:
    (workspace.root / "docs/matrix.toml").write_text(PAIRS)
    manifest = (workspace.root / "releases/printer.toml").read_text()
    (workspace.root / "releases/other.toml").write_text(manifest.replace('name = "printer"', 'name = "other"', 1))
    narrow = ("matrix", "--target", "armv7", "--target", "arm64")
    said = workspace.doit(*narrow).out
    # Of two times two times two, the last is of pairs that were tried by then.
    assert "[7/8] other/arm64/zig/build" in said
    assert "other/arm64/alone/build" not in said
    assert "8 cells: 7 green, 1 shown in pairs" in said
    assert "| arm64 | alone | [1](#reasons) |" in (workspace.root / "docs/matrix.md").read_text()
    assert "[1/" not in workspace.doit(*narrow).out
    said = workspace.doit(*narrow, "--paired").out
    assert "[1/1] other/arm64/alone/build" in said
    assert "8 cells: 8 green" in said


def test_an_interrupted_matrix_goes_on(workspace: Workspace) -> None:
    command = workspace.command("matrix", "--column", "build")
    process = subprocess.Popen(
        command, cwd=workspace.root, env=workspace.environment(), stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    assert first.startswith("[1/")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    done = set(kept(workspace))
    assert 1 <= len(done) < len(first.split("/")[1])
    assert not running(workspace.root)
    # What was being done is none of them; what was done is.
    assert "| armv7 | zig | yes |" in (workspace.root / "docs/matrix.md").read_text()
    said = workspace.doit(*NARROW, "--column", "build").out
    assert "[1/1]" not in said


def running(root: Path) -> list[str]:
    """Processes that still work in a folder; those that end just now are given a moment."""
    for _ in range(50):
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                try:
                    if (entry / "cwd").readlink().is_relative_to(root):
                        found.append((entry / "cmdline").read_bytes().decode())
                except OSError:
                    continue
        if not found:
            return []
        time.sleep(0.1)
    return found


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("release=printer", "matrix"), "--release NAME"),
        (("matrix", "--release", "printr"), "Did you mean 'printer'?"),
        (("matrix", "--column", "bild"), "Did you mean 'build'?"),
        (("matrix", "--target", "nowhere"), "no cell is of all that was said"),
        (("matrix", "armv7"), "takes no names"),
    ],
)
def test_what_is_none_is_told(workspace: Workspace, words: tuple[str, ...], expected: str) -> None:
    refused = workspace.doit(*words, expect=None)
    assert refused.code != 0
    assert expected in refused.text
