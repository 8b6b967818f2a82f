"""``docs/matrix.toml``: what is to be shown to work, and what is not, with the reason.

A cell is a release, a target of it, a way of compiling C (``toolchain``), and a column: what is done to it. Columns
whose steps are each a cell of their own (``each``) have as many as the release has such steps: its runtimes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from pathlib import Path
from typing import Annotated

import msgspec

from crosscourse.errors import ManifestError
from crosscourse.manifest import problems
from crosscourse.manifest.reading import read_toml
from crosscourse.manifest.types import Line, Name, Table, Version

FILE = "docs/matrix.toml"
# What a release is called, as a file of ``releases``: it may have a version in it.
Release = Version


class Toolchain(Table, frozen=True, kw_only=True):
    """``[toolchain.NAME]``: a way of compiling C. ``variables``: of the command line."""

    variables: dict[Name, Line] = {}


class Column(Table, frozen=True, kw_only=True):
    """``[column.NAME]``: a stage. ``each``: each of its steps is a cell, by the last word of its name.

    ``pairs``: a cell need not be tried where any two of its release, target, toolchain and step are found together in
    others that went well, of releases that have this step ("all-pairs testing": Kuhn, Kacker, Lei, NIST SP 800-142,
    2010).
    """

    each: bool = False
    pairs: bool = False


class Empty(Table, frozen=True, kw_only=True):
    """``[[empty]]``: cells that are not tried, and ``why``. What a key does not say, it means any of.

    ``until_tried``: it says why they are not tried yet; ``doit matrix`` tries them all the same.
    """

    release: list[Release] = []
    target: list[Name] = []
    toolchain: list[Name] = []
    column: list[Name] = []
    each: list[Name] = []
    until_tried: bool = False
    why: Line


class Matrix(Table, frozen=True, kw_only=True):
    """The axes, in the order in which they are shown and tried."""

    release: Annotated[list[Release], msgspec.Meta(min_length=1)]
    toolchain: dict[Name, Toolchain]
    column: dict[Name, Column]
    empty: list[Empty] = []


class Cell(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One cell. ``each``: the last word of a step's name, in a column whose steps are cells; else empty."""

    release: str
    target: str
    toolchain: str
    column: str
    each: str = ""

    @property
    def name(self) -> str:
        """What it is called where results are kept."""
        return "/".join(filter(None, (self.release, self.target, self.toolchain, self.column, self.each)))

    @property
    def pairs(self) -> frozenset[tuple[str, ...]]:
        """Each two of what it is of, within its column."""
        of = [(axis, getattr(self, axis)) for axis in ("release", "target", "toolchain", "each")]
        return frozenset((self.column, *one, *other) for one, other in combinations(of, 2))

    @property
    def task(self) -> str:
        """The task that fills it."""
        return ":".join(filter(None, (self.column, self.target, self.each)))


def why_empty(matrix: Matrix, cell: Cell) -> str | None:
    """Why a cell is not to be tried; None if it is."""
    return _why(matrix, cell, until_tried=False)


def why_not_yet(matrix: Matrix, cell: Cell) -> str | None:
    """Why a cell that is to be tried was not yet; None if nobody says."""
    return _why(matrix, cell, until_tried=True)


def _why(matrix: Matrix, cell: Cell, *, until_tried: bool) -> str | None:
    for row in matrix.empty:
        if row.until_tried != until_tried:
            continue
        asked = ((row.release, cell.release), (row.target, cell.target), (row.toolchain, cell.toolchain))
        more = ((row.column, cell.column), (row.each, cell.each))
        if all(not names or name in names for names, name in (*asked, *more)):
            return row.why
    return None


def read(root: Path) -> Matrix:
    """The project's matrix. Raises ManifestError."""
    data = read_toml(root / FILE)
    found = problems.type_problems(data, Matrix) or list(_unknown(data))
    if found:
        raise ManifestError(FILE, found)
    return msgspec.convert(data, Matrix)


def _unknown(data: Mapping[str, object]) -> Iterator[str]:
    """Cells that can't be, of releases, toolchains and columns that are none. (Targets are the releases' to say.)"""
    matrix = msgspec.convert(data, Matrix)
    for index, row in enumerate(matrix.empty):
        for field, names, known in (
            ("release", row.release, list(matrix.release)),
            ("toolchain", row.toolchain, list(matrix.toolchain)),
            ("column", row.column, list(matrix.column)),
        ):
            yield from (f"empty[{index}].{field}: there is no '{name}'" for name in names if name not in known)
