"""``doit matrix``: releases × targets × C compilers × stages tried, each by a run of its own, and a page of it."""

from __future__ import annotations

import datetime as dt
import os
import platform
import re
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any

import msgspec
from doit import doit_cmd
from doit.cmd_base import DoitCmdBase

from crosscourse import files
from crosscourse.commands import matrix_kept
from crosscourse.commands.base import flag
from crosscourse.commands.matrix_state import Result, Standing, State, summary
from crosscourse.commands.run import ending_children
from crosscourse.engine import graph, lineage
from crosscourse.engine.lock import exclusive
from crosscourse.errors import CrosscourseError, UnknownNameError
from crosscourse.manifest import matrix as described
from crosscourse.manifest.matrix import Cell, Matrix
from crosscourse.project import of_loader
from crosscourse.run import process
from crosscourse.view.text import write_line

AXES = ("release", "target", "toolchain", "column", "each")
MAIN = "crosscourse/start/main.py"
# What is said of a failure fits into a table's footnote.
_MOST = 300
# Of a plain run: the line of a step that failed, and what is said of it below, indented.
_FAILED = re.compile(r"^\[[ \d/]+\] (\S+) .*FAILED$")
_INDENTED = re.compile(r" {8}")


def _axis(name: str) -> dict[str, Any]:
    what = "scenario, of the columns that have a cell for each" if name == "each" else name
    return {"name": name, "long": name, "type": list, "default": [], "help": f"only this {what}; can be said again"}


Lineages = dict[str, str | dict[str, str]]


@dataclass(kw_only=True)
class _Known:
    """What is known as the command goes on. ``lineages``: today's, by the names of cells."""

    results: dict[str, Result]
    lineages: dict[str, str] = field(default_factory=dict)
    cells: list[Cell] = field(default_factory=list)

    def standing(self, matrix: Matrix) -> Standing:
        """How all stands at this moment."""
        return Standing(matrix=matrix, cells=self.cells, results=self.results, lineages=self.lineages)


class MatrixCommand(DoitCmdBase):  # type: ignore[misc]  # doit has no type hints
    """Tries every release for every target by every C compiler, as far as it is not known yet, and writes a page."""

    name = "matrix"
    doc_purpose = "build, check and boot every release for every target by every C compiler, and write docs/matrix.md"
    doc_usage = ""
    doc_description = (
        "What is tried says docs/matrix.toml; what was found is kept in docs/matrix.json after each cell, with what it "
        "was made from, and not tried again while that is the same. It may be interrupted at any moment: the same "
        "command goes on.\n"
        "Each cell is a run of its own, whose output is in build/matrix/. For example: "
        "./doit matrix --release printer --column build --column verify"
    )
    cmd_options = (
        *map(_axis, AXES),
        flag("show", "try nothing: print how all cells stand, and write the page"),
        flag("again", "try those again that went wrong"),
        flag("paired", "try those, too, of which each pair is shown by others"),
        flag("lineages", "print what the cells of this release are made from, as JSON (what this command asks itself)"),
    )

    def _execute(
        self,
        release: list[str],
        target: list[str],
        toolchain: list[str],
        column: list[str],
        each: list[str],
        show: bool,
        again: bool,
        paired: bool,
        lineages: bool,
        pos_args: list[str] | None = None,  # doit passes options by name
    ) -> int:
        self.dep_manager.close()
        options = {"release": release, "target": target, "toolchain": toolchain, "column": column, "each": each}
        if pos_args:
            raise CrosscourseError(" ".join(pos_args), "this command takes no names", "Narrow it: --release NAME.")
        project = of_loader(self.loader)
        root = project.layout.root
        matrix = described.read(root)
        if lineages:
            found = lineages_of(matrix, self.task_list, project.manifest.release.targets)
            write_line(self.outstream, msgspec.json.encode(found).decode())
            return 0
        variables = _passed(dict(doit_cmd._CMDLINE_VARS or {}))
        _check(matrix, options)
        known = _Known(results=matrix_kept.read(root))
        log = root / "build" / "matrix"
        log.mkdir(parents=True, exist_ok=True)
        with exclusive(log), ending_children(project.shared):
            for line in _ask(matrix, root, variables, known, log):
                write_line(self.outstream, line)
            chosen = [cell for cell in known.cells if _is_chosen(cell, options)]
            if not chosen:
                raise CrosscourseError("matrix", "no cell is of all that was said", "./doit matrix --show lists all.")
            try:
                if not show:
                    _try_all(matrix, chosen, root, variables, known, log, again=again, paired=paired, say=self._say)
            finally:  # a person may have interrupted it
                standing = known.standing(matrix)
                files.write_text(root / matrix_kept.PAGE, matrix_kept.page(standing))
        states = {cell: standing.state(cell) for cell in chosen}
        if show:
            for line in _listed(states, standing):
                write_line(self.outstream, line)
        for line in summary(states.values()):
            write_line(self.outstream, f"{line}; see {matrix_kept.PAGE}")
        return 1 if "red" in states.values() and not show else 0

    def _say(self, line: str) -> None:
        write_line(self.outstream, line)


def lineages_of(matrix: Matrix, tasks: Any, targets: Iterable[str]) -> dict[str, Lineages]:
    """By target: the lineage of what each column stands for, or of each of its steps by the last word of its name.

    Empty where there are no such steps.
    """
    by_name = {task.name: task for task in tasks}
    jobs = graph.jobs_of(graph.selected(tasks, by_name))
    graph.prefetch(jobs)
    known = lineage.lineages(jobs)
    found: dict[str, Lineages] = {}
    for target in targets:
        found[target] = {}
        for column, table in matrix.column.items():
            group = by_name.get(f"{column}:{target}")
            members = [job.step.name for job in graph.jobs_of(_inner(by_name, group))] if group else []
            if not members:
                found[target][column] = ""
            elif table.each:
                found[target][column] = {name.rpartition(":")[2]: known[name] for name in members}
            else:
                found[target][column] = lineage.joined(known[name] for name in members)
    return found


def _inner(by_name: Mapping[str, Any], group: Any) -> list[Any]:
    """The tasks that a group stands for, through other groups."""
    found = []
    for name in group.task_dep:
        inner = by_name[name]
        found += [inner] if graph.job_of(inner) else _inner(by_name, inner)
    return found


def _passed(variables: dict[str, str]) -> list[str]:
    """The words that every run is given. Raises CrosscourseError for what the matrix says itself."""
    for name in ("release", "target", "toolchain", "linking"):
        if name in variables:
            option = name if name in AXES else "toolchain"
            raise CrosscourseError(f"{name}={variables[name]}", "the matrix goes through all", f"Say: --{option} NAME")
    return [f"{name}={value}" for name, value in variables.items()]


def _check(matrix: Matrix, options: Mapping[str, Any]) -> None:
    """Names that are none. Raises UnknownNameError."""
    for axis, names in (("release", matrix.release), ("toolchain", [*matrix.toolchain]), ("column", [*matrix.column])):
        for name in options[axis]:
            if name not in names:
                raise UnknownNameError(axis, name, names)


def _is_chosen(cell: Cell, options: Mapping[str, Any]) -> bool:
    return all(not options[axis] or getattr(cell, axis) in options[axis] for axis in AXES)


def _words(matrix: Matrix, release: str, toolchain: str, variables: list[str]) -> list[str]:
    own = matrix.toolchain[toolchain].variables
    return [*variables, f"release={release}", *(f"{name}={value}" for name, value in own.items())]


def _run(root: Path, words: list[str], log: Path) -> str:
    """This project's doit with these words; what it printed. Raises CommandError."""
    env = {**os.environ, "CROSSCOURSE_PROGRESS": "plain", "NO_COLOR": "1", "COLUMNS": "200"}
    log.unlink(missing_ok=True)
    return process.run([sys.executable, root / MAIN, *words], log=log, env=env, cwd=root)


def _ask(matrix: Matrix, root: Path, variables: list[str], known: _Known, logs: Path) -> Iterator[str]:
    """Ask each release what its cells are made from today, by each compiler. Yields what can't be asked."""
    for release in matrix.release:
        by_target: dict[str, list[Cell]] = {}
        for toolchain in matrix.toolchain:
            log = logs / f"{release}-{toolchain}-lineages.log"
            try:
                said = _run(root, [*_words(matrix, release, toolchain, variables), "matrix", "--lineages"], log)
                targets = msgspec.json.decode(said.strip().splitlines()[-1], type=dict[str, Lineages])
            except (process.CommandError, msgspec.MsgspecError, IndexError):
                yield f"{release} by {toolchain} can't be asked: see {files.relative(log)}"
                continue
            for target, columns in targets.items():
                for column, found in columns.items():
                    each = found if isinstance(found, dict) else {"": found}
                    for last, one in each.items():
                        cell = Cell(release=release, target=target, toolchain=toolchain, column=column, each=last)
                        known.lineages[cell.name] = one
                        by_target.setdefault(target, []).append(cell)
        for cells in by_target.values():
            known.cells += cells


def _try_all(
    matrix: Matrix,
    chosen: list[Cell],
    root: Path,
    variables: list[str],
    known: _Known,
    logs: Path,
    *,
    again: bool,
    paired: bool,
    say: Any,
) -> None:
    """Fill the cells that are not known, each kept as soon as it is; what needs another one comes after it."""
    asked = ("unknown", "stale", *(["red"] if again else []), *(["paired"] if paired else []))
    before = known.standing(matrix)
    wanted = [cell for cell in chosen if before.state(cell) in asked]
    width = max((len(cell.name) for cell in wanted), default=0)
    for number, cell in enumerate(wanted, 1):
        if known.standing(matrix).state(cell) not in asked:  # what was tried meanwhile stands for it
            continue
        words = [*_words(matrix, cell.release, cell.toolchain, variables), f"target={cell.target}", cell.task]
        log = logs / f"{cell.name.replace('/', '-')}.log"
        started = time.monotonic()
        try:
            _run(root, words, log)
            found = ""
        except process.StoppedError:
            # Python loses what a signal's handler raises just when it forks: this is what is left of Ctrl-C.
            raise KeyboardInterrupt from None
        except process.CommandError as error:
            found = why(log, error)
        took = time.monotonic() - started
        known.results[cell.name] = Result(
            lineage=known.lineages[cell.name],
            found=found,
            day=dt.datetime.now(tz=dt.timezone.utc).date().isoformat(),
            seconds=round(took, 1),
            machine=f"{platform.machine()}, {os.cpu_count()} processors",
        )
        matrix_kept.write(root, known.results)
        say(f"[{number}/{len(wanted)}] {cell.name:<{width}} {took:7.1f} s  {f'NO: {found}' if found else 'yes'}")


def why(log: Path, error: process.CommandError) -> str:
    """Why a run failed, in one line: what is said of the step that did, else the last that was printed."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    for index, line in enumerate(lines):
        if failed := _FAILED.match(line):
            below = [each.strip() for each in takewhile(_INDENTED.match, lines[index + 1 :])]
            said = list(takewhile(lambda each: not each.startswith((">", "Its log:")), below))
            of_log = [each.removeprefix("| ") for each in below if each.startswith("| ") and "$ " not in each]
            # Of a program that ended so only its last line says why.
            said += of_log[-1:] if len(said) == 1 else []
            return f"{failed[1]}: {'; '.join(said).replace(':;', ':')}"[:_MOST]
    return (next((line.strip() for line in reversed(lines) if line.strip()), "") or error.found)[:_MOST]


def _listed(states: Mapping[Cell, State], standing: Standing) -> Iterator[str]:
    """A line for each cell."""
    width = max(len(cell.name) for cell in states)
    for cell, state in states.items():
        result = standing.results.get(cell.name)
        said = standing.why(cell) or (result.found if result else "")
        when = f"{result.day} " if result and state != "empty" else ""
        yield f"{cell.name:<{width}}  {state:<7}  {when}{said or ''}".rstrip()
