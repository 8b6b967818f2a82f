"""A program's settings, as its help tells them: none is lost, and each is commented out."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.compile import go_binary
from tasks.compile.go_binary import GoBuild
from tasks.compile.settings import _ON_A_WIDE_TERMINAL, Settings, SettingsError, SettingsFile, build, parse, render
from tests.unit.places import make_places

HELP = """\
Usage:
  thing [OPTIONS] serve [serve-OPTIONS]

Application Options:
  -v, --version      Print the version [$THING_VERSION]

[serve command options]
          --host=                    The host, if there is one: by name. [$THING_HOST]
          --port=                    A port (default: 80) [$THING_PORT]
          --kind=[one|two]           The kind. (default: two) [$THING_KIND]
          --loud                     Loud [$THING_LOUD]

    Zebra Options:
          --zebra=NAME               Which (default:black [or white]) [$THING_ZEBRA]
          --nothing                  Has no variable

    Ant Options:
          --ant=NAME:VALUE           List of ants. [$THING_ANT]
          --again=                   Said again. [$THING_HOST]
"""
RENDERED = """\
# Head

### serve command options

# The host, if there is one: by name.
#THING_HOST=

# A port.
#THING_PORT=80

# The kind. One of: one, two.
#THING_KIND=two

# Loud.
#THING_LOUD=true

### Ant Options

# List of ants.
#THING_ANT=

### Zebra Options

# Which.
#THING_ZEBRA=black [or white]
"""


def test_every_variable_is_a_setting() -> None:
    found = [setting for setting in parse(HELP) if setting.variable != "THING_VERSION"]
    assert [setting.variable for setting in found] == [
        f"THING_{name}" for name in ("HOST", "PORT", "KIND", "LOUD", "ZEBRA", "ANT")
    ]
    assert render("# Head\n", found) == RENDERED


def test_the_order_in_which_groups_are_told_does_not_matter() -> None:
    start, zebra, ant = HELP.partition("    Zebra")[0], HELP[HELP.index("    Zebra") : HELP.index("    Ant")], ""
    ant = HELP[HELP.index("    Ant") :] + "\n"
    assert render("", parse(start + ant + zebra)) == render("", parse(start + zebra + ant))


def test_long_texts_are_wrapped() -> None:
    (setting,) = parse(f"  --x=  {'word ' * 60} [$X]")
    lines = render("", [setting]).splitlines()
    assert all(line.startswith("# ") and len(line) <= 100 for line in lines[:-1] if line)
    assert lines[-1] == "#X="


def test_the_terminal_is_wide() -> None:
    asked = [sys.executable, "-I", "-c", _ON_A_WIDE_TERMINAL, sys.executable, "-c"]
    done = subprocess.run(
        [*asked, "import os; print(os.get_terminal_size(0).columns); raise SystemExit(3)"],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert (done.stdout, done.returncode) == ("30000\n", 3)


class Asked:
    """A build in which the program is a script that tells a help text."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, said: str) -> None:
        def put(output: Path, _spec: GoBuild, _at: object) -> None:
            output.write_text(f"#!{shutil.which('sh')}\ncat <<'END'\n{said}END\n")
            output.chmod(0o755)

        # What compiles is tested where it is; here it is what the program says that counts.
        monkeypatch.setattr(go_binary, "build_elsewhere", put)
        self.at = make_places(folder, labels=("x.env",))

    def settings(self, *leave_out: str) -> str:
        program = GoBuild(
            package=".",
            directory=".",
            flags=(),
            tags=(),
            ldflags=(),
            go_env={},
            compiler=None,
            pkgconf=False,
            cflags=(),
            external_ldflags=(),
            libraries=(),
        )
        files = {"x.env": SettingsFile(command=["serve"], head="# Head\n")}
        build(Settings(program=program, files=files, leave_out=leave_out), self.at)
        return self.at.output("x.env").read_text()


def test_what_the_program_says_is_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Asked(tmp_path, monkeypatch, HELP).settings("THING_VERSION") == RENDERED


@pytest.mark.parametrize("said", ["  --x=  Y [$X]\n  what is this [$LOST] then\n", "Usage: nothing\n"])
def test_a_variable_that_can_not_be_read_is_an_error(
    said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SettingsError, match=r"LOST|no variables"):
        Asked(tmp_path, monkeypatch, said).settings()
