"""What ``doit matrix`` found, kept in the project, and the page that is made of it.

Each result is kept with the lineage (``engine.lineage``) of what it is of: where that is another one today, the cell is
stale.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from crosscourse import files
from crosscourse.commands.matrix_state import Result, Standing
from crosscourse.errors import CrosscourseError
from crosscourse.manifest.matrix import Cell

FILE = "docs/matrix.json"
PAGE = "docs/matrix.md"
_HEAD = """# The matrix

Which release was built for which target by which C compiler, checked, started and booted, and what came of it. Made by
`./doit matrix`, which tries what is not known yet and writes this page; `./doit matrix --show` only says how it stands.
What is tried, and what is not, stands in [matrix.toml](matrix.toml), what was found in [matrix.json](matrix.json).

**yes**: it went well. **no**: it did not. *Stale*: what it is made from (sources, patches, flags, tools, packages,
the code that does the work) is not what it was then. ·: not tried yet. A number: what went wrong, or why it is not
tried, as said below. In a column with `pairs`, a cell need not be tried where each two of its release, target, C
compiler and scenario went well together in some other cell; `./doit matrix --paired` tries these, too.
Days, times and machines stand in matrix.json, a line for each cell: those of another checkout may be copied here, and
count where what they were made from is the same.
"""


def read(root: Path) -> dict[str, Result]:
    """All results, by the names of their cells; none if there is no file. Raises CrosscourseError."""
    path = root / FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Result])
    except FileNotFoundError:
        return {}
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        remedy = "Remove it; ./doit matrix finds all of it again."
        raise CrosscourseError(FILE, f"can't be read: {error}", remedy) from None


def write(root: Path, results: Mapping[str, Result]) -> None:
    """Keep them: a line for each."""
    lines = (f"{json.dumps(name)}: {json.dumps(msgspec.to_builtins(results[name]))}" for name in sorted(results))
    files.write_text(root / FILE, "{\n" + ",\n".join(lines) + "\n}\n")


def page(standing: Standing) -> str:
    """The page: a table for each release, a row for each target and compiler, and reasons below."""
    reasons: list[str] = []
    lines = [_HEAD.rstrip("\n")]
    rows: dict[tuple[str, str, str], dict[str, list[Cell]]] = {}
    for cell in standing.cells:
        row = rows.setdefault((cell.release, cell.target, cell.toolchain), {})
        row.setdefault(cell.column, []).append(cell)
    shown = ""
    for (release, target, toolchain), columns in rows.items():
        if release != shown:
            head = ["target", "C compiler", *standing.matrix.column]
            lines += ["", f"## {release}", "", _row(head), _row(["---"] * len(head))]
            shown = release
        told = [
            "<br>".join(_words(standing, cell, reasons) for cell in columns.get(column, ())) or "–"
            for column in standing.matrix.column
        ]
        lines.append(_row([target, toolchain, *told]))
    lines += ["", "## Reasons", "", *(f"{number}. {_plain(reason)}" for number, reason in enumerate(reasons, 1))]
    return "\n".join(lines) + "\n"


def _row(words: Iterable[str]) -> str:
    return f"| {' | '.join(words)} |"


def _words(standing: Standing, cell: Cell, reasons: list[str]) -> str:
    """A cell in words. ``reasons``: grows by what is said of it below."""
    now = standing.state(cell)
    before = f"{cell.each} " if cell.each else ""
    if now in ("empty", "paired", "unknown"):
        reason = standing.why(cell)
        return f"{before}{_numbered(reason, reasons) if reason else '·'}"
    result = standing.results[cell.name]
    word = f"**no** {_numbered(result.found, reasons)}" if result.found else "yes"
    if now == "stale":
        return f"{before}{word}, *stale*" if result.found else f"{before}*{word}, stale*"
    return before + word


def _plain(text: str) -> str:
    """What a program printed, as a page may have it in a line."""
    return " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;")


def _numbered(reason: str, reasons: list[str]) -> str:
    """The number of a reason, which is added if it is a new one."""
    if reason not in reasons:
        reasons.append(reason)
    return f"[{reasons.index(reason) + 1}](#reasons)"
