"""A project, its cache folder and a source of one's own may lie in any folder that compilers can work in."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.endtoend.conftest import Workspace, make_workspace, use_own_results

# All that needs quoting somewhere, and works.
ODD = "-x #1 *?[x] ,&|<>{}!~^@+`x` é"


def test_odd_characters_make_no_difference(built: Workspace, tmp_path: Path) -> None:
    odd = tmp_path / ODD
    made = make_workspace(odd / "project")
    own = odd / "own"
    shutil.copytree(built.root / "sources/printer/printer", own, symlinks=True)
    made = Workspace(root=made.root, bin=built.bin)  # a PATH without the odd folder is no part of this
    use_own_results(made, odd / "cache")
    with (made.root / "crosscourse.toml").open("a") as settings:
        settings.write(f"[override]\nprinter = '{own}'\n")
    made.doit("release=printer", "build", "verify")
    assert made.package.read_bytes() == built.package.read_bytes()
    assert "Up to date" in made.doit("release=printer", "build").out


@pytest.mark.parametrize("name", ["a:b", "it's", 'a"b', "$HOME", "%s", "a;b", "a=b", "a\nb", os.fsdecode(b"a\xff")])
def test_what_can_t_work_is_said_at_the_start(workspace: Workspace, tmp_path: Path, name: str) -> None:
    folder = tmp_path / name / "project"
    folder.parent.mkdir()
    workspace.root.rename(folder)
    outcome = Workspace(root=folder, bin=workspace.bin).doit("release=printer", "build", expect=None)
    assert outcome.code
    assert "compilers can't work in a path with" in outcome.text
    assert "Traceback" not in outcome.text
    assert len(outcome.text.splitlines()) < 6, outcome.text
