"""How a doit that is not this project's launcher comes to run it: any doit can find ``dodo.py``, few can load it.

This module runs under any Python 3.8 and any doit, without anything else installed.
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MAIN = Path("crosscourse", "start", "main.py")
# Whether the command runs as it should: begun by ``crosscourse.start``.
entered = False


def project_of(folder: Path) -> "Path | None":
    """The project that a folder lies in: the nearest ``dodo.py`` above is one of this plugin; else None."""
    for parent in (folder, *folder.parents):
        if (parent / "dodo.py").is_file():
            return parent.resolve() if (parent / MAIN).is_file() else None
    return None


def check() -> None:
    """Called when ``dodo.py`` is loaded. Under any other doit than the project's own: go on with that.

    Where the project is installed, with the environment of this Python; elsewhere with ``./doit``, which is said.
    """
    try:
        from doit import doit_cmd

        variables = doit_cmd._CMDLINE_VARS
        from doit import loader

        folder = getattr(loader, "initial_workdir", None)
    except (ImportError, AttributeError):
        return
    if entered or variables is None or not _is_doit(Path(sys.argv[0])):  # something else reads dodo.py
        return
    if folder:
        os.chdir(folder)
    if _is_installed():
        become([sys.executable, str(ROOT / MAIN), *sys.argv[1:]])
    launcher = str(ROOT / "doit")
    sys.stderr.write(f"doit: this project is not installed in {sys.prefix}: going on as {launcher}\n")
    become([launcher, *sys.argv[1:]])


def _is_doit(program: Path) -> bool:
    """Whether a process runs doit: its script, or ``python -m doit``. No other may be replaced by us."""
    return program.name == "doit" or program.parts[-2:] == ("doit", "__main__.py")


def _is_installed() -> bool:
    """Whether this Python has the project, and its needs. Notes of a build in the project do not count."""
    from importlib.metadata import distributions

    elsewhere = [folder for folder in sys.path if Path(folder).resolve() != ROOT]
    return any(True for _ in distributions(name="crosscourse", path=elsewhere))


def become(command: "list[str]") -> None:
    """Replace this process by a program, which is told in which folder the user is."""
    os.environ["CROSSCOURSE_CWD"] = os.environ["PWD"] = str(Path.cwd())
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    os.execv(command[0], command)  # noqa: S606  # no shell is wanted
