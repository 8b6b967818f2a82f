"""What ``doit matrix`` found, kept in the project, and the page that is made of it.

Each result is kept with the lineage (``engine.lineage``) of what it is of: where that is another one today, the cell is
stale.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from crosscourse import files
from crosscourse.errors import CrosscourseError
from crosscourse.manifest.matrix import Cell, Matrix, why_empty, why_not_yet

FILE = "docs/matrix.json"
PAGE = "docs/matrix.md"
# Of a cell: as it was found, found of something else than there is today, not tried, not to be tried.
State = Literal["green", "red", "stale", "unknown", "empty"]
_HEAD = """# The matrix

Which release was built for which target by which C compiler, checked, started and booted, and what came of it. Made by
`./doit matrix`, which tries what is not known yet and writes this page; `./doit matrix --show` only says how it stands.
What is tried, and what is not, stands in [matrix.toml](matrix.toml), what was found in [matrix.json](matrix.json).

**yes**: it went well. **no**: it did not. *Stale*: what it is made from (sources, patches, flags, tools, packages,
the code that does the work) is not what it was then. ·: not tried yet. A number: not tried, or why not, as said below.
Days, times and machines stand in matrix.json, a line for each cell: those of another checkout may be copied here, and
count where what they were made from is the same.
"""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a cell. ``lineage``: of what was tried. ``found``: what went wrong; empty if nothing did.

    ``day``: when, ``seconds``: how long it took (little where nothing had to be done), ``machine``: on what.
    """

    lineage: str
    found: str
    day: str
    seconds: float
    machine: str


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


def why(matrix: Matrix, cell: Cell, lineages: Mapping[str, str]) -> str | None:
    """Why a cell is empty; None if it is not."""
    said = why_empty(matrix, cell)
    if said is None and lineages.get(cell.name) == "":
        return f"its manifest has nothing for `{cell.column}`"
    return said


def state(matrix: Matrix, cell: Cell, results: Mapping[str, Result], lineages: Mapping[str, str]) -> State:
    """How a cell stands. ``lineages``: today's, by the names of cells; empty where there is no such step."""
    if why(matrix, cell, lineages) is not None:
        return "empty"
    result = results.get(cell.name)
    if result is None:
        return "unknown"
    if result.lineage != lineages.get(cell.name):
        return "stale"
    return "red" if result.found else "green"


def page(matrix: Matrix, cells: Iterable[Cell], results: Mapping[str, Result], lineages: Mapping[str, str]) -> str:
    """The page: a table for each release, a row for each target and compiler, and reasons below."""
    reasons: list[str] = []
    lines = [_HEAD.rstrip("\n")]
    rows: dict[tuple[str, str, str], dict[str, list[Cell]]] = {}
    for cell in cells:
        row = rows.setdefault((cell.release, cell.target, cell.toolchain), {})
        row.setdefault(cell.column, []).append(cell)
    shown = ""
    for (release, target, toolchain), columns in rows.items():
        if release != shown:
            head = ["target", "C compiler", *matrix.column]
            lines += ["", f"## {release}", "", _row(head), _row(["---"] * len(head))]
            shown = release
        told = [
            "<br>".join(_words(matrix, cell, results, lineages, reasons) for cell in columns.get(column, ())) or "–"
            for column in matrix.column
        ]
        lines.append(_row([target, toolchain, *told]))
    lines += ["", "## Reasons", "", *(f"{number}. {_plain(reason)}" for number, reason in enumerate(reasons, 1))]
    return "\n".join(lines) + "\n"


def _row(words: Iterable[str]) -> str:
    return f"| {' | '.join(words)} |"


def _words(
    matrix: Matrix,
    cell: Cell,
    results: Mapping[str, Result],
    lineages: Mapping[str, str],
    reasons: list[str],
) -> str:
    """A cell in words. ``reasons``: grows by what is said of it below."""
    now = state(matrix, cell, results, lineages)
    before = f"{cell.each} " if cell.each else ""
    if now == "empty":
        return f"{before}{_numbered(str(why(matrix, cell, lineages)), reasons)}"
    if now == "unknown":
        reason = why_not_yet(matrix, cell)
        return f"{before}{_numbered(reason, reasons) if reason else '·'}"
    result = results[cell.name]
    word = f"**no** {_numbered(result.found, reasons)}" if result.found else "yes"
    return f"{before}*{word}, stale*" if now == "stale" and not result.found else before + word + _stale(now)


def _plain(text: str) -> str:
    """What a program printed, as a page may have it in a line."""
    return " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;")


def _stale(now: State) -> str:
    return ", *stale*" if now == "stale" else ""


def _numbered(reason: str, reasons: list[str]) -> str:
    """The number of a reason, which is added if it is a new one."""
    if reason not in reasons:
        reasons.append(reason)
    return f"[{reasons.index(reason) + 1}](#reasons)"


def summary(states: Iterable[State]) -> Iterator[str]:
    """How many cells stand how."""
    counted = list(states)
    words = {"green": "green", "red": "red", "stale": "stale", "unknown": "not tried", "empty": "empty with a reason"}
    yield f"{len(counted)} cells: " + ", ".join(
        f"{counted.count(name)} {word}" for name, word in words.items() if name in counted
    )
