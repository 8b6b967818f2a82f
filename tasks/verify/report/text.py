"""What a verification found, for people: a table or plain text."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from tasks.verify.engine import VerifyReport, Violation

COLUMNS = ("file", "rule", "found", "expected", "why")
MOST = 20
"""So many violations of a rule are shown to people: a tree that lacks one library breaks a rule a thousand times."""
# Below this a table of five columns would be columns of single words.
NARROWEST_TABLE = 100


def summary(report: VerifyReport) -> str:
    """One line: how many files, rules and violations there are, and files by machine."""
    machines = ", ".join(f"{machine.removeprefix('EM_')} {count}" for machine, count in report.machines.items())
    parts = [
        _count(len(report.files), "ELF file") + " checked" + (f" ({machines})" if machines else ""),
        _count(len(report.rules), "rule"),
        _count(len(report.violations), "violation"),
    ]
    return f"{report.archive} for {report.target}: " + ", ".join(parts)


def render(report: VerifyReport) -> str:
    """The whole report as the content of a file, whatever the terminal: sizes, violations, summary."""
    return "\n".join([*_sizes(report), to_text(report)]) + "\n"


def _sizes(report: VerifyReport) -> Iterator[str]:
    """Each root filesystem with its size, and what makes it large."""
    for root in report.roots:
        sizes = root.sizes
        what = ", ".join([_count(len(root.tree.members), "member"), _count(len(root.tree.elf), "ELF file")])
        yield f"{root.path}: {_megabytes(sizes.packed)} packed, {_megabytes(sizes.unpacked)} unpacked, {what}"
        if sizes.largest:
            yield f"  the largest of {_count(sizes.groups, sizes.by)}:"
        rows = [*sizes.largest, *([(f"(in no {sizes.by})", sizes.other)] if sizes.other else [])]
        yield from (f"  {_megabytes(size):>10}  {_printable(name)}" for name, size in rows)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def to_text(report: VerifyReport, *, width: int | None = None) -> str:
    """The violations, of each rule ``MOST``, and then the summary, without a newline at the end.

    ``width``: of the terminal, in characters; a table is drawn to fit it. Without it, or where it is narrow,
    plain lines that say the same. No line is ever cut off; whatever is too long for its column is wrapped.
    """
    shown, more = _shown(report.violations)
    body = _table(shown, width) if width is not None and width >= NARROWEST_TABLE else "\n".join(_plain(shown))
    return "\n".join(part for part in (body if shown else "", *_more(more), summary(report)) if part)


def is_cut(report: VerifyReport) -> bool:
    """Whether people are not shown all violations."""
    return bool(_shown(report.violations)[1])


def _shown(violations: Sequence[Violation]) -> tuple[list[Violation], Counter[str]]:
    """The first violations of each rule, and how many more there are of which rule."""
    seen: Counter[str] = Counter()
    shown = []
    for violation in violations:
        seen[violation.rule] += 1
        if seen[violation.rule] <= MOST:
            shown.append(violation)
    return shown, Counter({rule: count - MOST for rule, count in seen.items() if count > MOST})


def _more(counts: Counter[str]) -> Iterator[str]:
    yield from (f"{rule}: and {count} more" for rule, count in counts.items())


def _printable(text: str) -> str:
    return text if text.isprintable() else ascii(text)[1:-1]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _plain(violations: Sequence[Violation]) -> Iterator[str]:
    """Each file once, below it what each rule found. A why that violations share is said once, at the end."""
    file = ""
    for violation in violations:
        if violation.file != file:
            file = violation.file
            yield file
        yield f"  {violation.rule}: found {violation.found}; expected {violation.expected}"
    whys = {violation.rule: violation.why for violation in violations}
    if whys:
        yield "Why:"
        yield from (f"  {rule}: {why}" for rule, why in whys.items())


def _table(violations: Sequence[Violation], width: int) -> str:
    from rich.console import Console
    from rich.table import Table

    table = Table(show_lines=True)
    for column in COLUMNS:
        # "fold" wraps what has no space to break at; rich's default would end it by an ellipsis.
        table.add_column(column, overflow="fold")
    for violation in violations:
        table.add_row(*_cells(violation))
    output = io.StringIO()
    Console(file=output, width=width, color_system=None, legacy_windows=False).print(table)
    return "\n".join(line.rstrip() for line in output.getvalue().splitlines())


def _cells(violation: Violation) -> Iterator[Any]:
    from rich.text import Text

    # As Text, so that brackets in a path are not taken for markup.
    return (Text(getattr(violation, column)) for column in COLUMNS)
