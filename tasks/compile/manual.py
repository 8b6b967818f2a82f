"""Manual pages of what a program's ``--help`` tells, in the words of man(7): ``program-settings`` can make these too.

Read is what go-flags writes (https://pkg.go.dev/github.com/jessevdk/go-flags): usage, groups of options, commands.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, TypeAlias

import msgspec

from crosscourse.manifest.types import END, Line, Name, Table, Variable

_USAGE = "Usage:"
_COMMANDS = "Available commands"
_OWN = "command options"
_OF_ALL = ("Application Options", "Help Options")
_HEADING = re.compile(r"^\s*(?:\[(?P<command>.*)\]|(?!-)(?P<title>\S.*):)$")
_OPTION = re.compile(r"^\s+(?P<flags>(?:-\w)?(?:, )?(?:--[\w.-]+)?(?:=(?:\[[^\]]*\]|\S+)?)?)(?:\s+(?P<text>.*))?$")
_COMMAND = re.compile(r"^\s+(?P<name>[a-z][a-z0-9-]*)\s+(?P<text>.*)$")
_VARIABLE = re.compile(r"\s*\[\$(\w+)\]$")
# As small as it gets, which is what Debian wants of manual pages (policy, 12.1).
_LEVEL = 12

Prose: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        pattern=rf"^[^\x00-\x09\x0b-\x1f\x7f-\x9f]*{END}",
        max_length=8192,
        description="lines without control characters; an empty one ends a paragraph",
    ),
]
PageName: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        pattern=rf"^[a-z0-9][a-z0-9.+-]*\.[1-8]\.gz{END}",
        max_length=64,
        description="the name of a manual page with its section, packed: 'printer.1.gz'",
    ),
]


class ManualPage(Table, frozen=True, kw_only=True):
    """A manual page. ``summary``: what the program is, in a few words. ``description``: paragraphs.

    ``command``: the words before ``--help``. ``commands``: which of the commands that it has are told with their
    options in the same page; ``all-commands``: each. ``leave-out``: variables whose options are not told. ``see-also``:
    other pages, ``name(1)``.
    """

    summary: Line
    description: Prose = ""
    command: list[Line] = []
    commands: list[Name] = []
    all_commands: bool = False
    leave_out: list[Variable] = []
    see_also: list[Line] = []


@dataclass(kw_only=True)
class Help:
    """What a program says of itself. ``groups``: title → options, each with its text; ``commands``: name → text."""

    usage: list[str] = field(default_factory=list)
    about: list[str] = field(default_factory=list)
    groups: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    commands: dict[str, str] = field(default_factory=dict)


def parse(text: str) -> Help:
    """What a help text tells. Lines are whole."""
    found = Help()
    title = ""
    for line in text.splitlines():
        option, command = _OPTION.match(line), _COMMAND.match(line)
        if not line.strip():
            title = "" if title == _USAGE else title
        elif heading := _HEADING.match(line):
            title = _USAGE if line == _USAGE else str(heading["command"] or heading["title"]).strip()
        elif title == _USAGE:
            found.usage.append(line.strip())
        elif title.startswith(_COMMANDS) and command:
            found.commands[command["name"]] = command["text"].strip()
        elif title and option and option["flags"]:
            found.groups.setdefault(title, []).append((option["flags"], (option["text"] or "").strip()))
        else:
            found.about.append(line.strip())
    return found


def page(name: str, told: ManualPage, ask: Callable[[Sequence[str]], str], *, title: str, epoch: int) -> bytes:
    """A page, packed. ``name``: of its file. ``ask``: what the program says to words and ``--help``. ``title``: of the
    release; ``epoch``: its time.
    """
    from crosscourse.formats.gzip_worker import member

    return bytes(member(render(name, told, ask, title=title, epoch=epoch).encode(), _LEVEL))


def render(name: str, told: ManualPage, ask: Callable[[Sequence[str]], str], *, title: str, epoch: int) -> str:
    """The page's text."""
    called, section = name.removesuffix(".gz").rsplit(".", 1)
    top = parse(ask(told.command))
    date = time.strftime("%Y-%m-%d", time.gmtime(epoch))
    lines = [
        f'.TH "{_text(called.upper())}" {section} {date} "{_text(title)}"',
        # Options are long words: nothing is broken within one, and no line is stretched.
        ".ad l",
        ".nh",
        ".SH NAME",
        f"{_text(called)} \\- {_text(told.summary)}",
        ".SH SYNOPSIS",
        *_usage(top.usage),
        ".SH DESCRIPTION",
        *_paragraphs(told.description.split("\n\n") if told.description else [" ".join(top.about) or told.summary]),
    ]
    if top.commands:
        lines += [".SH COMMANDS", *_rows(top.commands.items())]
    if top.groups:
        lines += [".SH OPTIONS", *_groups(top.groups, told)]
    for command in top.commands if told.all_commands else told.commands:
        inner = parse(ask([*told.command, command]))
        lines += [f'.SH "{_text(command.upper())}"', *_paragraphs([top.commands.get(command, "")])]
        lines += [".PP", *_usage(inner.usage)]
        lines += _groups({key: rows for key, rows in inner.groups.items() if key not in top.groups}, told)
    if told.see_also:
        lines += [".SH SEE ALSO", _text(", ".join(told.see_also))]
    return "\n".join(lines) + "\n"


def _usage(lines: Iterable[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        if number:
            yield ".br"
        yield f"\\fB{_text(line)}\\fR"


def _paragraphs(texts: Iterable[str]) -> Iterator[str]:
    for number, text in enumerate(texts):
        if number:
            yield ".PP"
        yield from (_text(line.strip()) for line in text.strip().splitlines())


def _groups(groups: dict[str, list[tuple[str, str]]], told: ManualPage) -> Iterator[str]:
    """The groups' options: a command's own first, those of all commands last. A program may tell them in any order."""
    for title in sorted(groups, key=lambda each: (each in _OF_ALL, not each.endswith(_OWN), each)):
        rows = [row for row in groups[title] if not _is_left_out(row[1], told)]
        if rows:
            yield f'.SS "{_text(title)}"'
            yield from _rows(rows)


def _is_left_out(text: str, told: ManualPage) -> bool:
    variable = _VARIABLE.search(text)
    return variable is not None and variable[1] in told.leave_out


def _rows(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    for what, text in rows:
        variable = _VARIABLE.search(text)
        plain = text[: variable.start()] if variable else text
        yield ".TP"
        yield f"\\fB{_text(what)}\\fR" + ("\\fIVALUE\\fR" if what.endswith("=") else "")
        yield _text(plain) or "\\&"
        if variable:
            yield f".br\n(or \\fI{_text(variable[1])}\\fR in the environment)"


def _text(text: str) -> str:
    """Text as roff takes it: groff_man_style(7), "Portability"."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq").replace("'", "\\(aq")
    escaped = escaped.replace("|", "|\\:")  # a list of choices may be longer than a line
    return f"\\&{escaped}" if escaped.startswith(".") else escaped
