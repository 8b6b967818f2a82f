"""Plain ``doit``, whatever environment it comes from; and words that are none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.endtoend.conftest import Workspace

SITE = Path(sysconfig.get_path("purelib"))


def foreign(tmp_path: Path, *names: str) -> dict[str, str]:
    """The environment of a doit that finds no other libraries than those named, and no plugin."""
    site = tmp_path / "site"
    site.mkdir()
    for name in names:
        (site / name).symlink_to(SITE / name)
    return {**os.environ, "PYTHONPATH": str(site)}


def plain(folder: Path, env: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """Run a doit that is not of this environment (``-S``: without its libraries)."""
    command = [sys.executable, "-S", "-m", "doit", *words]
    return subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=60
    )


def test_a_doit_without_the_project_goes_on_as_the_launcher(workspace: Workspace, tmp_path: Path) -> None:
    launcher = workspace.root / "doit"
    launcher.write_text('#!/bin/sh\necho "launched in $PWD: $*"\n')
    launcher.chmod(0o755)
    (workspace.root / "crosscourse.egg-info").mkdir()  # what a build leaves is no installation
    done = plain(workspace.root, foreign(tmp_path, "doit"), "release=printer", "build")
    assert done.stdout == f"launched in {workspace.root}: release=printer build\n"
    assert done.stderr.count("\n") == 1
    assert f"going on as {launcher}" in done.stderr


def test_where_it_is_installed_it_works_from_any_folder(workspace: Workspace) -> None:
    below = workspace.root / "tasks" / "boot"
    for folder in (workspace.root, below):
        done = subprocess.run(
            workspace.command("release=printer", "cache=here", "list"),
            cwd=folder,
            env=workspace.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert "build:arm64" in done.stdout


def test_outside_of_a_project_doit_is_its_own(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "dodo.py").write_text("def task_x():\n    return {'actions': ['echo hello'], 'verbosity': 2}\n")
    other = Workspace(root=tmp_path, bin=workspace.bin)
    assert "hello" in other.doit(PYTHONPATH=str(workspace.root)).out
    outcome = other.doit("plan", expect=3, PYTHONPATH=str(workspace.root))
    assert "'plan' is a command of crosscourse" in outcome.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--targt=x"], "option --targt not recognized"),
        (["--bogus", "build"], "option --bogus not recognized"),
        (["clean", "--dryrun"], "Did you mean '--dry-run'?"),
        (["help", "biuld"], "Did you mean 'build'?"),
        (["help", "claen"], "Did you mean 'clean'?"),
        (["claen"], "Did you mean 'clean'?"),
        (["info", "biuld"], "Did you mean 'build'?"),
        (["-n", "many", "build"], "parameter 'num_process'"),
        (["cache=", "list"], "nothing is said behind it"),
        (["cache=~nosuchuser/x", "list"], "is no path"),
        (["jobs=99999", "list"], "expected a whole number, 1 to 1000"),
    ],
)
def test_words_that_are_none(workspace: Workspace, words: list[str], said: str) -> None:
    outcome = workspace.doit("release=printer", *words, expect=3)
    assert said in outcome.err
    assert len(outcome.err.splitlines()) <= 3
    assert "CmdOption" not in outcome.text
    assert "Traceback" not in outcome.text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["matrix", "--help"], "--each"),
        (["clean", "-h"], "--dry-run"),
    ],
)
def test_help_may_be_asked_for_by_an_option(workspace: Workspace, words: list[str], said: str) -> None:
    assert said in workspace.doit("release=printer", *words).out


def test_variables_of_the_environment(workspace: Workspace) -> None:
    assert "whole number" in workspace.doit("list", expect=3, CROSSCOURSE_RETRIES="many").err
    assert "Did you mean 'CROSSCOURSE_RETRIES'" in workspace.doit("list", expect=3, CROSSCOURSE_RETRY="3").err
    workspace.doit("release=printer", "list", LC_ALL="xx_YY.ISO8859-1", TMPDIR="/nowhere", PYTHONWARNINGS="error")


def test_an_installed_copy_runs_the_projects_own_code(workspace: Workspace, tmp_path: Path) -> None:
    shutil.copytree(workspace.root / "crosscourse", tmp_path / "copy" / "crosscourse")
    (tmp_path / "copy/crosscourse/start/cli.py").write_text("from crosscourse.start.main import nonsense\n")
    (workspace.root / "crosscourse/start/cli.py").write_text("def run(words):\n    print('own', words)\n    return 0\n")
    plain_module = tmp_path / "copy/crosscourse/start/plain.py"
    plain_module.write_text(plain_module.read_text().replace("import cli, entrance", "import entrance"))
    plain_module.write_text(plain_module.read_text().replace("not cli.is_default(self.opt_vals)", "False"))
    plain_module.write_text(plain_module.read_text().replace("cli.variables()", "{'a': 'b'}"))
    below = Workspace(root=workspace.root / "tasks", bin=workspace.bin)  # whose own folder Python puts before the copy
    assert below.doit("list", PYTHONPATH=str(tmp_path / "copy")).out == "own ['a=b', 'list']\n"
