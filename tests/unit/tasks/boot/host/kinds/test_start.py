"""Every kind of server that a manifest may name is there, and the program of our own is made of all its files."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import get_args, get_type_hints

from crosscourse.manifest.boot import Server
from tasks.boot.host import stand_ins
from tasks.boot.host.kinds.start import KINDS


def test_every_kind_has_a_module() -> None:
    assert set(KINDS) == set(get_args(get_type_hints(Server)["kind"]))


def test_the_program_is_made_of_all_its_files() -> None:
    tree = ast.parse(Path(stand_ins.__file__).read_text())
    (named,) = (
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "CODE_FILES"
    )
    assert sorted(named) == sorted(f"../stand-ins/{path.name}" for path in stand_ins.SOURCE.iterdir())
