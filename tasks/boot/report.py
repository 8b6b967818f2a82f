"""The rows of a boot's report: each is one thing that was tried, with its result and its time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from crosscourse.errors import CrosscourseError
from crosscourse.run.process import StoppedError
from crosscourse.view import progress

Result = Literal["passed", "failed", "not run"]


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a check found: a ``remark`` for the report, and how long it took, where that is not how long it was waited
    for: seconds.
    """

    remark: str = ""
    seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing to try. ``act`` says what it found, and raises CrosscourseError if that is not as it must be.

    ``needs``: names of checks without which this one makes no sense.
    """

    name: str
    title: str
    act: Callable[[], Seen]
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Row:
    """What came out. ``remark``: what was seen, or why it failed or was not run."""

    name: str
    title: str
    result: Result
    seconds: float
    remark: str = ""


class RowError(CrosscourseError):
    """Something in the guest is not as it must be."""


def expect(condition: bool, subject: str, found: str) -> None:
    """Raise RowError unless ``condition`` holds."""
    if not condition:
        raise RowError(subject, found)


def try_all(checks: Sequence[Check], note: Callable[[str], None], *, until: float) -> list[Row]:
    """Try each check whose needs have passed, in order. ``until``: when the time for all is over (time.monotonic)."""
    rows: list[Row] = []
    passed: set[str] = set()
    for number, check in enumerate(checks, 1):
        lacking = [name for name in check.needs if name not in passed]
        if lacking:
            rows.append(_row(check, "not run", 0, f"needs {', '.join(lacking)}"))
        elif time.monotonic() > until:
            rows.append(_row(check, "not run", 0, "the time was over"))
        else:
            note(f"{number} of {len(checks)}: {check.title}")
            rows.append(_try(check))
        if rows[-1].result == "passed":
            passed.add(check.name)
    return rows


def _row(check: Check, result: Result, seconds: float, remark: str) -> Row:
    return Row(name=check.name, title=check.title, result=result, seconds=round(seconds, 2), remark=remark)


def _try(check: Check) -> Row:
    started = time.monotonic()
    try:
        seen = check.act()
    except StoppedError:
        raise
    except CrosscourseError as error:
        return _row(check, "failed", time.monotonic() - started, str(error))
    took = time.monotonic() - started if seen.seconds is None else seen.seconds
    return _row(check, "passed", took, seen.remark)


def succeeded(rows: Sequence[Row]) -> bool:
    """Whether every row passed."""
    return all(row.result == "passed" for row in rows)


def to_text(title: str, rows: Sequence[Row], seconds: float) -> str:
    """The report for people: a line for each row, remarks of failed ones below it in full."""
    wide = max((len(row.name) for row in rows), default=0)
    lines = [title]
    for row in rows:
        remark = row.remark.strip()
        short = remark if row.result != "failed" and "\n" not in remark else ""
        tail = f" ({short})" if short else ""
        lines.append(f"  {row.result:<7} {row.seconds:>6.1f} s  {row.name:<{wide}}  {row.title}{tail}")
        if remark and not short:
            lines += [f"                     | {line}" for line in remark.splitlines()]
    counts = [(result, sum(row.result == result for row in rows)) for result in ("passed", "failed", "not run")]
    counted = ", ".join(f"{count} {result}" for result, count in counts if count)
    lines.append(f"{progress.plural(len(rows), 'row', 'rows')}: {counted}, {progress.duration(seconds)}")
    return "\n".join(lines)


def to_json(title: str, rows: Sequence[Row], seconds: float) -> dict[str, Any]:
    """The report for programs."""
    return {
        "title": title,
        "passed": succeeded(rows),
        "seconds": round(seconds, 1),
        "rows": [asdict(row) for row in rows],
    }
