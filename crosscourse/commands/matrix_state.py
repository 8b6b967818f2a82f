"""How the cells of ``doit matrix`` stand, by what was found and what they would be made from today."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import msgspec

from crosscourse.manifest.matrix import Cell, Matrix, why_empty, why_not_yet

# Of a cell: as it was found, found of something else than there is today, not tried, shown by others, not to be tried.
State = Literal["green", "red", "stale", "unknown", "paired", "empty"]
_WORDS: dict[State, str] = {
    "green": "green",
    "red": "red",
    "stale": "stale",
    "unknown": "not tried",
    "paired": "shown in pairs",
    "empty": "empty with a reason",
}
_PAIRED = (
    "any two of its release, target, C compiler and scenario went well together, in other cells of this column, of "
    "releases that have this scenario"
)


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a cell. ``lineage``: of what was tried. ``found``: what went wrong; empty if nothing did.

    ``day``: when, ``seconds``: how long it took (little where nothing had to be done), ``machine``: on what.
    """

    lineage: str
    found: str
    day: str
    seconds: float
    machine: str


@dataclass(frozen=True, kw_only=True)
class Standing:
    """All cells, and what is known of them at one moment.

    ``results``, ``lineages`` (today's; empty where there is no such step): by the names of cells.
    """

    matrix: Matrix
    cells: Sequence[Cell]
    results: Mapping[str, Result]
    lineages: Mapping[str, str]

    @cached_property
    def _seen(self) -> dict[tuple[str, str], frozenset[tuple[str, ...]]]:
        """By column and scenario: the pairs of all green cells, of releases that have this scenario.

        What a release of other scenarios is made of says nothing of these.
        """
        releases: dict[tuple[str, str], set[str]] = {}
        for cell in self.cells:
            releases.setdefault((cell.column, cell.each), set()).add(cell.release)
        green = [cell for cell in self.cells if self._tried(cell) == "green"]
        return {
            scenario: frozenset().union(*(cell.pairs for cell in green if cell.release in found))
            for scenario, found in releases.items()
        }

    def empty(self, cell: Cell) -> str | None:
        """Why a cell is empty; None if it is not."""
        said = why_empty(self.matrix, cell)
        if said is None and self.lineages.get(cell.name) == "":
            return f"its manifest has nothing for `{cell.column}`"
        return said

    def _tried(self, cell: Cell) -> State:
        if self.empty(cell) is not None:
            return "empty"
        result = self.results.get(cell.name)
        if result is None:
            return "unknown"
        if result.lineage != self.lineages.get(cell.name):
            return "stale"
        return "red" if result.found else "green"

    def state(self, cell: Cell) -> State:
        """How a cell stands."""
        found = self._tried(cell)
        if found != "unknown" or not self.matrix.column[cell.column].pairs:
            return found
        return "paired" if cell.pairs <= self._seen[cell.column, cell.each] else found

    def why(self, cell: Cell) -> str | None:
        """Why nothing was found of a cell; None where something was, or nobody says why not."""
        match self.state(cell):
            case "empty":
                return self.empty(cell)
            case "paired":
                return _PAIRED
            case "unknown":
                return why_not_yet(self.matrix, cell)
        return None


def summary(states: Iterable[State]) -> Iterator[str]:
    """How many cells stand how."""
    counted = list(states)
    yield f"{len(counted)} cells: " + ", ".join(
        f"{counted.count(name)} {word}" for name, word in _WORDS.items() if name in counted
    )
