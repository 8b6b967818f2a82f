"""Manual pages of scripts: they tell each option that there is; and what containers of an image begin with."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

FILES = Path(__file__).resolve().parents[3] / "releases" / "files"
PAGES = sorted(FILES.rglob("*.[18]"))
ENTRY = FILES / "concourse" / "image-entrypoint"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_a_page_tells_each_option(page: Path) -> None:
    script = page.with_suffix("")
    if not script.exists():
        assert page.name == "printer.1"  # of a program
        return
    usage = subprocess.run(["sh", script, "--help"], capture_output=True, text=True, check=False)
    options = set(re.findall(r"--[a-z][a-z-]*", usage.stdout + usage.stderr))
    assert options
    told = page.read_text().replace("\\", "")
    assert {option for option in options if option not in told} == set()
    assert f"\n{script.name} - " in told


@pytest.mark.skipif(shutil.which("groff") is None, reason="no groff")
def test_groff_reads_them() -> None:
    assert len(PAGES) >= 3
    done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", *PAGES], capture_output=True, text=True, check=True)
    assert done.stderr == ""


def started(folder: Path, *words: str, **env: str) -> dict[str, str]:
    """The environment of the program that a container of the image begins with."""
    program = folder / "bin" / "concourse"
    program.parent.mkdir(exist_ok=True)
    program.write_text('#!/bin/sh\necho "WORDS=$*"\nenv\n')
    program.chmod(0o755)
    script = folder / "entry"
    text = ENTRY.read_text()
    for there, here in (
        ("/concourse-keys", str(folder / "keys")),
        ("/usr/local/concourse/bin", str(program.parent)),
        ("/sys/fs/cgroup", str(folder / "cgroup")),
    ):
        assert there in text
        text = text.replace(there, here)
    script.write_text(text)
    done = subprocess.run(
        ["sh", script, *words], capture_output=True, text=True, check=True, env={"PATH": os.environ["PATH"], **env}
    )
    assert done.stderr == ""
    return dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)


def test_keys_that_are_mounted_are_the_defaults(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.mkdir()
    (keys / "tsa_host_key.pub").write_text("x")
    other = tmp_path / "other"
    other.write_text("x")
    told = started(tmp_path, "worker", "--x", "a b", CONCOURSE_TSA_WORKER_PRIVATE_KEY=str(other))
    assert told["WORDS"] == "worker --x a b"
    assert told["CONCOURSE_TSA_PUBLIC_KEY"] == str(keys / "tsa_host_key.pub")
    assert told["CONCOURSE_TSA_WORKER_PRIVATE_KEY"] == str(other)
    assert "CONCOURSE_SESSION_SIGNING_KEY" not in told


@pytest.mark.parametrize("variable", ["CONCOURSE_RUNTIME", "CONCOURSE_WORKER_RUNTIME"])
def test_guardian_is_told_its_programs(variable: str, tmp_path: Path) -> None:
    told = started(tmp_path, "worker", **{variable: "guardian"}, CONCOURSE_GARDEN_BIN="/mine")
    assert told["CONCOURSE_GARDEN_BIN"] == "/mine"
    assert told["CONCOURSE_GARDEN_RUNTIME_PLUGIN"] == str(tmp_path / "bin" / "runc")
    assert not any(name.startswith("CONCOURSE_GARDEN") for name in started(tmp_path, "worker"))


def test_a_workers_processes_move_aside(tmp_path: Path) -> None:
    """So that the group that they were in can share out what it has."""
    (tmp_path / "cgroup").mkdir()
    (tmp_path / "cgroup" / "cgroup.procs").write_text("")
    started(tmp_path, "web")
    assert not (tmp_path / "cgroup" / "entrypoint").exists()
    started(tmp_path, "worker")
    assert (tmp_path / "cgroup" / "entrypoint" / "cgroup.procs").read_text().strip().isdecimal()
