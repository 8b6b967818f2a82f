"""Kind ``program-settings``: files with every setting of a program, as its own ``--help`` tells it, each commented out;
and manual pages of the same.

The program is built for this machine and asked; what it says is the same on every machine, and for every target.
Its help is one that go-flags writes (https://pkg.go.dev/github.com/jessevdk/go-flags): a line an option, at its end in
brackets the environment variable that sets it.
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import msgspec

from crosscourse.engine.spec import Spec
from crosscourse.errors import CrosscourseError
from crosscourse.manifest import references
from crosscourse.manifest.locks import Lock
from crosscourse.manifest.model import Artifact, Manifest
from crosscourse.manifest.places import place_problems
from crosscourse.manifest.types import END, Line, Name, RelativePath, Table, Variable
from tasks import names
from tasks.compile import go_binary, manual
from tasks.compile.go_binary import GoBinary, GoBuild
from tasks.compile.manual import ManualPage, PageName
from tasks.members import Member
from toolchains.targets import Target

if TYPE_CHECKING:
    from crosscourse.engine.places import Places

WIDTH = 100
# go-flags breaks lines, and words, at the width of the terminal that it reads from (80 without one).
_ON_A_WIDE_TERMINAL = """
import fcntl, pty, struct, subprocess, sys, termios
_, terminal = pty.openpty()
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("4H", 50, 30000, 0, 0))
sys.exit(subprocess.run(sys.argv[1:], stdin=terminal).returncode)
"""
# "  -l, --long=[one|two]   What it is. (default: one) [$VARIABLE]"
_OPTION = re.compile(
    r"^\s+(?:-\w, )?--[\w.-]+(?P<value>=(?:\[(?P<choices>[^\]]*)\]|\S*))?\s+(?P<text>.*)\[\$(?P<name>\w+)\]$"
)
_GROUP = re.compile(r"^\s*(?:\[(.*)\]|(?!-)(.*):)$")
_VARIABLE = re.compile(r"\[\$(\w+)\]")
_DEFAULT = re.compile(r"\(default: ?(.*)\)$")


Head: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        pattern=rf"^[^\x00-\x09\x0b-\x1f\x7f-\x9f]*{END}",
        max_length=4096,
        description="lines without control characters",
    ),
]


class SettingsFile(Table, frozen=True, kw_only=True):
    """``command``: the words before ``--help``. ``head``: what the file says first, for people; each line as it is."""

    command: list[Line] = []
    head: Head = ""


class ProgramSettings(Artifact, frozen=True, kw_only=True, tag="program-settings"):
    """Files of a program's settings. ``program``: the artifact of kind go-binary that is asked, without cgo.

    ``files``: the name of each file → what is asked. ``leave-out``: variables that are no setting. ``manuals``: the
    name of each manual page → what it tells.
    """

    program: Name
    files: dict[RelativePath, SettingsFile] = {}
    manuals: dict[PageName, ManualPage] = {}
    leave_out: list[Variable] = []

    def problems(self, key: str, manifest: Manifest) -> Iterator[str]:
        """A program that is none or not of the same source, files that clash."""
        yield from references.program_problems(f"{key}.program", self.program, manifest)
        program = manifest.artifact.get(self.program)
        if program is not None and not (isinstance(program, GoBinary) and not program.cgo):
            yield f"{key}.program: '{self.program}' is not made by Go alone, so it can't be made for this machine"
        elif program is not None and program.source != self.source:
            yield f"{key}.source: '{self.program}' is made of '{program.source}'"
        if not self.files and not self.manuals:
            yield f"{key}: makes nothing: neither files nor manuals"
        yield from place_problems((f'{key}.files."{name}"', name) for name in self.files)


class Settings(Spec, frozen=True, kw_only=True):
    """What decides how the files come out; ``program`` for whatever machine this is. ``title``, ``epoch``: of the
    release, where there are manual pages.
    """

    program: GoBuild
    files: dict[str, SettingsFile]
    leave_out: tuple[str, ...]
    manuals: dict[str, ManualPage] = {}
    title: str = ""
    epoch: int = 0


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One setting: the variable, what is said of it, and what the program takes where nothing is set."""

    group: str
    variable: str
    text: str
    default: str


class SettingsError(CrosscourseError):
    """A program that tells nothing of its settings."""


table: type[ProgramSettings] = ProgramSettings
stage = names.ONCE
reads_source = True
turn_of_source = True


def folder(name: str) -> str:
    """A folder of its own."""
    return name


def outputs(name: str, table: ProgramSettings) -> tuple[str, ...]:  # noqa: ARG001  # one signature for all kinds
    """The files."""
    return (*table.files, *table.manuals)


def members(name: str, table: ProgramSettings) -> Iterator[Member]:  # noqa: ARG001
    """The files."""
    yield from (Member(output=file, path=file) for file in (*table.files, *table.manuals))


def spec_of(manifest: Manifest, target: Target, lock: Lock, name: str, table: ProgramSettings) -> Settings:  # noqa: ARG001
    """What decides how it comes out, for any target."""
    program = manifest.artifact[table.program]
    assert isinstance(program, GoBinary)  # see problems
    made = go_binary.spec_of(manifest, target, lock, table.program, program)
    stand_ins = {asset: manifest.artifact[asset].stand_ins for asset in program.assets}
    return Settings(
        # Without what it embeds, where there is something in place of that: it is only asked for its help.
        program=msgspec.structs.replace(
            made,
            go_env={},
            assets=tuple(asset for asset in made.assets if not stand_ins.get(asset.rpartition(":")[2])),
            stand_ins={path: text for texts in stand_ins.values() for path, text in texts.items()},
        ),
        files=table.files,
        leave_out=tuple(table.leave_out),
        manuals=table.manuals,
        title=manifest.release.title if table.manuals else "",
        epoch=manifest.epoch if table.manuals else 0,
    )


def needs(spec: Settings) -> tuple[str, ...]:
    """The steps that come before."""
    return go_binary.needs(spec.program)


def build(spec: Settings, at: Places) -> None:
    """Compile the program for this machine, and ask it. Raises SettingsError, ModulesError, CommandError."""
    from crosscourse.run.environment import base_environment

    program = at.scratch / "program"
    go_binary.build_elsewhere(program, spec.program, at)

    def ask(words: Sequence[str]) -> str:
        asked: list[str | Path] = [program, *words, "--help"]
        return at.ask([sys.executable, "-I", "-c", _ON_A_WIDE_TERMINAL, *asked], env=base_environment())

    for name, page in spec.manuals.items():
        at.output(name).write_bytes(manual.page(name, page, ask, title=spec.title, epoch=spec.epoch))
    for name, file in spec.files.items():
        said = ask(file.command)
        found = parse(said)
        unread = set(_VARIABLE.findall(said)) - {setting.variable for setting in found}
        if unread or not found:
            raise SettingsError(
                name,
                f"`{' '.join(file.command)} --help` can't be read: {' '.join(sorted(unread)) or 'no variables'}",
                "Does the program use go-flags? See what is read in tasks/compile/settings.py.",
            )
        kept = [setting for setting in found if setting.variable not in spec.leave_out]
        at.output(name).write_text(render(file.head, kept), encoding="utf-8")


def parse(text: str) -> list[Setting]:
    """The settings that a help text tells of, each variable once, in its order. Lines are whole."""
    group = ""
    found: dict[str, Setting] = {}
    for line in text.splitlines():
        option = _OPTION.match(line)
        if heading := _GROUP.match(line):
            group = heading[1] or heading[2].strip()
        elif option:
            described = " ".join(option["text"].split())
            default = _DEFAULT.search(described)
            value = default[1] if default else "" if option["value"] else "true"
            choices = f" One of: {', '.join(option['choices'].split('|'))}." if option["choices"] else ""
            meaning = described[: default.start()].strip() if default else described
            found.setdefault(
                option["name"],
                Setting(group=group, variable=option["name"], text=_ended(meaning) + choices, default=value),
            )
    return list(found.values())


def _ended(text: str) -> str:
    return text if not text or text.endswith((".", "!", "?", ")")) else f"{text}."


def render(head: str, settings: list[Setting]) -> str:
    """A file for systemd's EnvironmentFile=, systemd.exec(5): ``head``, then each setting commented out.

    What stands behind the variable is the default; of those that are on or off, what turns it on. Groups but the first
    are sorted: a program may tell them in any order.
    """
    lines = head.rstrip("\n").splitlines() if head else []
    first = settings[0].group if settings else ""
    group = ""
    for setting in sorted(settings, key=lambda setting: (setting.group != first, setting.group)):
        if setting.group != group:
            group = setting.group
            lines += ["", f"### {group}"]
        lines += ["", *textwrap.wrap(setting.text, WIDTH, initial_indent="# ", subsequent_indent="# ")]
        lines.append(f"#{setting.variable}={setting.default}")
    return "\n".join(lines).lstrip("\n") + "\n"
