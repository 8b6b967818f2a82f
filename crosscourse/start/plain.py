"""What a doit finds in an environment in which this project is installed: the commands, for any folder of a project.

Each hands over to the project that the user is in. Outside of any, doit's commands are its own.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from doit.cmd_base import Command
from doit.doit_cmd import DoitMain
from doit.exceptions import InvalidCommand

from crosscourse.start import cli, entrance, main


class _HandsOver:
    """A command that belongs to the project of the folder, if that has one."""

    name: str
    opt_vals: dict[str, Any]

    def parse_execute(self, in_args: list[str]) -> Any:
        """doit's entry: the words behind the command's name."""
        root = entrance.project_of(Path.cwd())
        if root is None or not cli.is_default(self.opt_vals):
            return super().parse_execute(in_args)  # type: ignore[misc]
        variables = [f"{name}={value}" for name, value in cli.variables().items()]
        words = [*variables, self.name, *in_args]
        if root == entrance.ROOT:
            os.environ["CROSSCOURSE_CWD"] = str(Path.cwd())
            return main.main(words)
        # What is installed may be another version of the project: its own code is what counts.
        entrance.become([sys.executable, str(root / entrance.MAIN), *words])
        return None


class _Ours(Command):  # type: ignore[misc]  # doit has no type hints
    """A command that only a project has."""

    def __init__(self, **more: Any) -> None:
        more.pop("task_loader", None)
        super().__init__(**more)

    def parse_execute(self, _in_args: list[str]) -> Any:
        raise InvalidCommand(
            f"'{self.name}' is a command of crosscourse, and neither this folder nor one above is one."
        )


_PURPOSES = {
    "plan": "say what would be done, and why",
    "patches": "list our patches",
    "patch-export": "write commits of a checkout back to the patches",
    "cache": "say what the result cache holds; empty it",
    "repository": "write Debian packages into a repository for apt",
    "image": "write the images that were built into one archive",
    "push": "push the images that were built to a registry",
    "matrix": "try every release for every target by every C compiler, and write a page of it",
}


def __getattr__(name: str) -> type:
    """The class of a command, by the name that setup.cfg gives it: ``reset_dep`` for ``reset-dep``."""
    command = name.replace("_", "-")
    if command in _PURPOSES:
        return type(name, (_HandsOver, _Ours), {"name": command, "doc_purpose": _PURPOSES[command]})
    for base in DoitMain.DOIT_CMDS:
        if base.get_name() == command:
            return type(name, (_HandsOver, base), {"name": command})
    raise AttributeError(name)
