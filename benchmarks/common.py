"""What all benchmarks share: the command line, the clock, and the table that is printed.

A benchmark measures something of ours and its baseline in turn (A B A B ...), so that a change in the machine's speed
touches both. Wall time is by a monotonic clock; CPU time is user and system time, as the kernel accounts it to a
process and to those of its children that were waited for (wait4(2), getrusage(2)). All in seconds.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, NoReturn

from crosscourse.errors import CrosscourseError
from crosscourse.project import Project, open_project
from tasks.kinds import TABLES

ROOT = Path(__file__).resolve().parent.parent
# Of the output of a command that failed.
SHOWN_LINES = 40


class MeasuringError(CrosscourseError):
    """A measured command that failed, or a result that is not what the benchmark promises to measure."""


@dataclass(frozen=True, kw_only=True)
class Took:
    """What something took, in seconds. ``output``: what it printed."""

    wall: float
    cpu: float
    output: str = field(default="", repr=False)

    def __add__(self, other: Took) -> Took:
        return Took(wall=self.wall + other.wall, cpu=self.cpu + other.cpu)


NOTHING = Took(wall=0, cpu=0)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a benchmark was asked for. ``variables``: of the command line, without the target."""

    options: argparse.Namespace
    variables: tuple[str, ...]
    project: Project
    target: str

    @property
    def words(self) -> tuple[str, ...]:
        """The variables for doit."""
        return (*self.variables, f"target={self.target}")

    @property
    def cache(self) -> Path:
        """The user's cache folder."""
        return self.project.layout.cache

    @property
    def repeat(self) -> int:
        """How often to measure."""
        repeat: int = self.options.repeat
        return repeat


def open_copy(folder: Path, variables: Sequence[str], **more: str) -> Project:
    """The project in a folder, as variables of the command line (``name=value``) and ``more`` choose it."""
    return open_project(folder, {**dict(variable.split("=", 1) for variable in variables), **more}, TABLES)


def arguments(doc: str | None, *, repeat: int = 3) -> argparse.ArgumentParser:
    """The options that all benchmarks have. ``doc``: of the module; ``repeat``: the default."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("variables", nargs="*", help="such as release=printer")
    parser.add_argument("--target", help="the release's first one, unless told")
    parser.add_argument("--repeat", type=_positive, default=repeat, help=f"how often to measure (default {repeat})")
    return parser


def run(parser: argparse.ArgumentParser, measure: Callable[[Asked], None]) -> NoReturn:
    """Measure, and exit: with status 1 and in words if something failed. SIGTERM and SIGHUP undo what is to be undone.

    Sources of the user's own (``override``) are refused: a benchmark edits sources, and compares what is pinned.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    options = parser.parse_args()
    try:
        for variable in options.variables:
            if "=" not in variable:
                raise MeasuringError(variable, "is no variable", "Name one, such as: release=printer")
        project = open_copy(ROOT, options.variables)
        if project.layout.override:
            raise MeasuringError(
                "override", "benchmarks leave folders of your own alone", "Remove it from crosscourse.toml."
            )
        target = options.target or project.targets[0]
        if target not in project.targets:
            raise MeasuringError(f"target '{target}'", f"the release has: {', '.join(project.targets)}")
        variables = tuple(variable for variable in options.variables if not variable.startswith("target="))
        measure(Asked(options=options, variables=variables, project=project, target=target))
    except CrosscourseError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    sys.exit(0)


def timed(
    command: Sequence[str | Path],
    *,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    to: IO[bytes] | None = None,
) -> Took:
    """Run a command to its end. ``to``: where its output goes, in place of into the result.

    Raises MeasuringError with the end of its output if it fails. Should this program be stopped, it is too.
    """
    import tempfile

    with tempfile.TemporaryFile() as printed:
        started = time.perf_counter()
        process = subprocess.Popen(
            list(map(str, command)), cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=to or printed, stderr=printed
        )
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.terminate()
            process.wait()
            raise
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        printed.seek(0)
        output = printed.read().decode(errors="replace")
    if process.returncode != 0:
        shown = "\n".join(output.splitlines()[-SHOWN_LINES:])
        raise MeasuringError(" ".join(map(str, command)), f"failed with status {process.returncode}\n{shown}")
    return Took(wall=wall, cpu=usage.ru_utime + usage.ru_stime, output=output)


def timed_call(call: Callable[[], None]) -> Took:
    """Time a call in this process; what children of it took counts when they have ended."""
    before, started = _used(), time.perf_counter()
    call()
    wall = time.perf_counter() - started
    return Took(wall=wall, cpu=_used() - before)


def show(name: str, ours: Sequence[Took], base_name: str = "", base: Sequence[Took] = ()) -> None:
    """Print a table of all repetitions and the medians: ours, the baseline if there is one, the ratio of wall times."""
    print(f"\n{'':10}{name:>24}" + (f"{base_name:>32}" if base else ""))
    print(f"{'':10}{'wall s':>12}{'CPU s':>12}" + (f"{'wall s':>20}{'CPU s':>12}{'ratio':>8}" if base else ""))
    for number, took in enumerate(ours):
        _row(str(number + 1), took, base[number] if base else None, took.wall / base[number].wall if base else 0)
    ratios = [a.wall / b.wall for a, b in zip(ours, base, strict=True)] if base else [0.0]
    _row("median", median(ours), median(base) if base else None, statistics.median(ratios))
    sys.stdout.flush()


def median(all_took: Sequence[Took]) -> Took:
    """The medians of wall and of CPU time, each for itself."""
    return Took(
        wall=statistics.median(took.wall for took in all_took), cpu=statistics.median(took.cpu for took in all_took)
    )


def progress(text: str) -> None:
    """Say what is being done: a long benchmark is not silent."""
    print(f"  {text}", flush=True)


def _row(title: str, took: Took, base: Took | None, ratio: float) -> None:
    print(
        f"{title:10}{took.wall:12.3f}{took.cpu:12.3f}"
        + (f"{base.wall:20.3f}{base.cpu:12.3f}{ratio:8.2f}" if base else "")
    )


def _used() -> float:
    usages = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number, 1 or more, not {text!r}")
    return int(text)


def _stop(number: int, _frame: object) -> NoReturn:
    raise SystemExit(128 + number)
