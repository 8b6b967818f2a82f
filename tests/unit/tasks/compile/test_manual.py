"""Manual pages of what a program's help tells."""

from __future__ import annotations

import gzip
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tasks.compile.manual import Help, ManualPage, page, parse, render

TOP = """\
Usage:
  thing [OPTIONS] <command>

Application Options:
  -v, --version      Print the version [$THING_VERSION]

Help Options:
  -h, --help         Show this help message

Available commands:
  make-it   Make it, all of it. (aliases: mi)
  serve     Serve.
"""
SERVE = """\
Usage:
  thing [OPTIONS] serve [serve-OPTIONS] [path...]

Serves what is there.

Application Options:
  -v, --version      Print the version [$THING_VERSION]

[serve command options]
      -n, --name=                    The thing's name: 'a.b' [$THING_NAME]
          --kind=[one|two] The kind. (default: two) [$THING_KIND]
          --loud

    Zebra Options:
          --zebra=NAME:VALUE         .Which\\n [$THING_ZEBRA]

    Ant Options:
          --ant                      An ant. [$THING_ANT]
"""


def ask(words: Sequence[str]) -> str:
    return {(): TOP, ("serve",): SERVE}.get(tuple(words), "Usage:\n  thing make-it\n")


def rendered(**more: object) -> str:
    told = ManualPage(summary="makes things", **more)  # type: ignore[arg-type]
    return render("thing.1.gz", told, ask, title="Things 1.0", epoch=1_785_727_830)


def test_what_a_help_text_tells() -> None:
    assert parse(SERVE) == Help(
        usage=["thing [OPTIONS] serve [serve-OPTIONS] [path...]"],
        about=["Serves what is there."],
        groups={
            "Application Options": [("-v, --version", "Print the version [$THING_VERSION]")],
            "serve command options": [
                ("-n, --name=", "The thing's name: 'a.b' [$THING_NAME]"),
                ("--kind=[one|two]", "The kind. (default: two) [$THING_KIND]"),
                ("--loud", ""),
            ],
            "Zebra Options": [("--zebra=NAME:VALUE", ".Which\\n [$THING_ZEBRA]")],
            "Ant Options": [("--ant", "An ant. [$THING_ANT]")],
        },
    )
    assert parse(TOP).commands == {"make-it": "Make it, all of it. (aliases: mi)", "serve": "Serve."}


def test_a_page() -> None:
    text = rendered(command=["serve"], see_also=["thing(1)"])
    assert text.startswith('.TH "THING" 1 2026-08-03 "Things 1.0"\n.ad l\n.nh\n.SH NAME\nthing \\- makes things\n')
    assert "\\fB\\-n, \\-\\-name=\\fR\\fIVALUE\\fR\nThe thing\\(aqs name: \\(aqa.b\\(aq\n" in text
    assert "(or \\fITHING_NAME\\fR in the environment)" in text
    assert "\n\\&.Which\\en\n" in text
    assert "=[one|\\:two]" in text
    titles = ("serve command options", "Ant Options", "Zebra Options", "Application Options")
    assert sorted(titles, key=text.index) == list(titles)
    assert text.endswith(".SH SEE ALSO\nthing(1)\n")


def test_commands_with_their_options() -> None:
    text = rendered(all_commands=True, description="First.\n\nSecond.")
    assert "First.\n.PP\nSecond.\n" in text
    assert text.index('.SH "MAKE\\-IT"') < text.index('.SH "SERVE"') < text.index("\\-\\-zebra")
    # What all have is told once.
    assert text.count("\\-\\-version") == 1
    assert '.SH "MAKE' not in rendered(commands=["serve"])


def test_options_that_are_left_out() -> None:
    assert "\\-\\-kind" not in rendered(command=["serve"], leave_out=["THING_KIND"])


@pytest.mark.skipif(shutil.which("groff") is None, reason="no groff")
def test_groff_reads_it(tmp_path: Path) -> None:
    packed = page(
        "thing.1.gz",
        ManualPage(summary="makes things", all_commands=True),
        ask,
        title="Things 1.0",
        epoch=1_785_727_830,
    )
    words = ["groff", "-man", "-Tutf8", "-ww", "-P-c"]
    done = subprocess.run(words, input=gzip.decompress(packed), capture_output=True, check=True, cwd=tmp_path)
    assert done.stderr == b""
    assert b".Which\\n" in done.stdout
    assert "The thing's name: 'a.b'" in done.stdout.decode()
