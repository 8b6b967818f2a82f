"""doit with this project's commands: which there are, and what is said of words that are none."""

from __future__ import annotations

import functools
import re
import sys
from difflib import get_close_matches
from typing import Any

from doit import doit_cmd
from doit.cmd_base import DodoTaskLoader, DoitCmdBase, get_loader
from doit.cmd_dumpdb import DumpDB
from doit.cmd_help import Help as DoitHelp
from doit.cmd_info import Info as DoitInfo
from doit.cmdparse import CmdOption, CmdParse, CmdParseError
from doit.doit_cmd import DoitMain
from doit.exceptions import InvalidCommand
from doit.plugin import PluginDict

from crosscourse.errors import CrosscourseError, UnknownNameError
from crosscourse.start import entrance

# Ours, and the parts that the project's own settings for doit name (Project.doit_config); loaded when needed.
PLUGINS = {
    "COMMAND": {
        "run": "crosscourse.commands.run:Run",
        "clean": "crosscourse.commands.clean:Clean",
        "plan": "crosscourse.commands.plan:Plan",
        "patches": "crosscourse.commands.patches:Patches",
        "patch-export": "crosscourse.commands.patch_export:PatchExport",
        "cache": "crosscourse.commands.cache:Cache",
        "repository": "crosscourse.commands.repository:Repository",
        "image": "crosscourse.commands.image:ImageArchive",
        "push": "crosscourse.commands.push:Push",
        "matrix": "crosscourse.commands.matrix:MatrixCommand",
        "help": "crosscourse.start.cli:Help",
        "info": "crosscourse.start.cli:Info",
    },
    "REPORTER": {"crosscourse": "crosscourse.view.reporter:CrosscourseReporter"},
    "BACKEND": {"crosscourse": "crosscourse.engine.records:CrashSafeDB"},
}


def run(words: list[str]) -> int:
    """Run doit with the words of the command line, in the project's folder. Returns the exit status.

    Raises what a command raises.
    """
    if "" in words:
        raise CrosscourseError("''", "an empty word names nothing", "Is a variable of the shell not set?")
    entrance.entered = True
    sys.argv = ["doit", *words]  # what doit and we say of ourselves
    # Plugins for doit that the environment happens to have are none of this project; to look for them costs time, too.
    PluginDict._from_entry_points = lambda _self, _category: {}
    return int(_Main(config_filenames=(), extra_config=PLUGINS).run(words) or 0)


class _Main(DoitMain):  # type: ignore[misc]  # doit has no type hints
    """doit's main, but errors are raised, and unknown words are answered with known ones."""

    BIN_NAME = "doit"
    # Without the one that prints a file of doit's, which is not where our records are.
    DOIT_CMDS = tuple(command for command in DoitMain.DOIT_CMDS if command is not DumpDB)

    def run(self, all_args: list[str]) -> Any:
        commands = self.get_cmds()
        loader = get_loader(self.config, None, commands)
        first = all_args[0] if all_args else ""
        if first == "--version":
            self.print_version()
            return 0
        if "--help" in all_args or "-h" in all_args:
            all_args = _of_help(all_args)
        try:
            options, rest = CmdParse([CmdOption(option) for option in loader.cmd_options]).parse_only(all_args)
        except CmdParseError:  # they may be options of `run`, which goes without saying
            options, rest = {}, all_args
        words = self.process_args(rest)
        name = words.pop(0) if words and words[0] in commands else "run"
        command = commands.get_plugin(name)(
            task_loader=loader, config=self.config, bin_name=self.BIN_NAME, cmds=commands, opt_vals=options
        )
        try:
            return command.parse_execute(words)
        except CmdParseError as error:
            raise _option_error(str(error), name, command) from None
        except UnknownNameError as error:
            raise _as_command(error, words, commands) if name == "run" else error from None
        except InvalidCommand as error:
            error.cmd_used, error.bin_name = name, self.BIN_NAME
            raise


def _of_help(words: list[str]) -> list[str]:
    """The words that ask for help of the command or task that is named first; of all, if none is."""
    plain = [word for word in words if not word.startswith("-")]
    named = [word for word in plain if "=" not in word]
    return [*(word for word in plain if "=" in word), "help", *named[:1]]


def _as_command(error: UnknownNameError, words: list[str], commands: Any) -> UnknownNameError:
    """An unknown task as an unknown command, if the first word is nearer to one of these."""
    first = words[0] if words else ""
    meant = re.findall(r"Did you mean '([^']+)'", error.remedy)
    close = get_close_matches(first, [*commands, *meant], n=1, cutoff=0.5)
    if error.subject != f"task '{first}'" or not close or close[0] in meant:
        return error
    return UnknownNameError("task or command", first, list(commands))


def _option_error(said: str, command: str, of: Any) -> CrosscourseError:
    """An error of the options of a command, without doit's list of all of them as Python objects."""
    found = said.partition(" (parsing options:")[0].removeprefix("Error parsing Command: ").splitlines()[0]
    known = [f"--{option.long}" for option in of.cmdparser.options if option.long]
    unknown = [word for word in found.split() if word.startswith("--")]
    close = get_close_matches(unknown[0], known, n=1, cutoff=0.7) if unknown else []
    remedy = f"`./doit help {command}` lists the options."
    return CrosscourseError(f"command '{command}'", found, f"Did you mean '{close[0]}'? {remedy}" if close else remedy)


class Help(DoitHelp):  # type: ignore[misc]  # doit has no type hints
    """doit's ``help``; an unknown name is an error, which tells the nearest known one."""

    name = "help"

    def execute(self, params: Any, args: list[str]) -> Any:
        """doit's entry: options and words of the command line."""
        if not args or args == ["task"] or (len(args) == 1 and args[0] in self.cmds):
            return super().execute(params, args)
        if len(args) > 1:
            raise CrosscourseError("help", "one command or task at a time", f"./doit help {args[0]}")
        return DoitCmdBase.execute(self, params, args)

    def _execute(self, pos_args: list[str]) -> int:
        if not super()._execute(pos_args):
            raise UnknownNameError(
                "command or task", pos_args[0], [*self.cmds, *(task.name for task in self.task_list)]
            )
        return 0


class Info(DoitInfo):  # type: ignore[misc]  # doit has no type hints
    """doit's ``info``; an unknown name is an error, which tells the nearest known one."""

    name = "info"

    @functools.wraps(DoitInfo._execute)
    def _execute(self, *args: Any, **kwargs: Any) -> Any:
        names = [task.name for task in self.task_list]
        for name in self.sel_tasks or []:
            if name not in names:
                raise UnknownNameError("task", name, names)
        return super()._execute(*args, **kwargs)


def variables() -> dict[str, str]:
    """The variables (``name=value``) of the command line."""
    return dict(doit_cmd._CMDLINE_VARS or {})


def is_default(options: dict[str, Any]) -> bool:
    """Whether doit's options that say where tasks are loaded from were left alone."""
    return all(
        options.get(option["name"], option["default"]) == option["default"] for option in DodoTaskLoader.cmd_options
    )
