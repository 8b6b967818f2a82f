"""What a rule about ELF files is, and the application of rules to a distribution.

The rules are in ``tasks.verify.rules``. All violations of all files are collected before anything is reported.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from crosscourse.binaries.elf import ElfError, ElfFacts, read_elf
from toolchains.targets import Expected


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One ELF file under check. ``mode``: its permission bits."""

    path: str
    mode: int
    facts: ElfFacts


@dataclass(frozen=True, kw_only=True)
class Contents:
    """The ELF files of a distribution; ``problems``: path and error of those that can't be read."""

    files: tuple[Subject, ...] = ()
    problems: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Finding:
    """What a rule found, and what it expected instead."""

    found: str
    expected: str


@dataclass(frozen=True, kw_only=True)
class Violation:
    """One broken rule. ``file``: as in the archive, ``rootfs.tgz!/opt/…`` inside of nested ones."""

    file: str
    rule: str
    found: str
    expected: str
    why: str


ContentsCheck = Callable[[Contents, Expected], Iterator[tuple[str, Finding]]]
FileCheck = Callable[[Subject, Expected], Iterator[Finding]]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule. ``check`` gives the path and the finding of each violation; ``why``: why the rule exists."""

    id: str
    title: str
    why: str
    check: ContentsCheck


@dataclass(frozen=True, kw_only=True)
class VerifyReport:
    """The outcome: what was read, which rules were applied, and what they found, by file and then by rule."""

    archive: str
    target: str
    files: tuple[Subject, ...]
    rules: tuple[Rule, ...]
    violations: tuple[Violation, ...]

    @property
    def machines(self) -> dict[str, int]:
        """How many files there are for each machine, by its name."""
        return dict(sorted(Counter(file.facts.machine for file in self.files).items()))


def each_file(check: FileCheck) -> ContentsCheck:
    """The check of a distribution that applies ``check`` to each of its files."""

    def check_all(contents: Contents, target: Expected) -> Iterator[tuple[str, Finding]]:
        for subject in contents.files:
            for finding in check(subject, target):
                yield subject.path, finding

    return check_all


def check_contents(contents: Contents, target: Expected, rules: tuple[Rule, ...]) -> tuple[Violation, ...]:
    """Every violation of every rule, sorted by file and then in the order of the rules."""
    violations = [
        Violation(file=path, rule=each.id, found=_printable(finding.found), expected=finding.expected, why=each.why)
        for each in rules
        for path, finding in each.check(contents, target)
    ]
    # The sort is stable: within a file the rules keep their order.
    return tuple(sorted(violations, key=lambda violation: violation.file))


def _printable(text: str) -> str:
    """What a file says of itself, as a terminal and a report may have it."""
    return text if text.isprintable() else ascii(text)[1:-1]


def verify_archive(archive: Path, target: Expected, rules: tuple[Rule, ...]) -> VerifyReport:
    """Checks every ELF file of a distribution (a tar archive) and of the archives in it against a target, by the rules.

    Raises ArchiveError if the archive can't be read to its end; everything else is a violation, and so is what in it
    can't be read or is beyond the bounds of what is looked into.
    """
    from crosscourse.binaries.archives import elf_files

    files: list[Subject] = []
    problems: list[tuple[str, str]] = []
    for found in elf_files(archive):
        if found.problem:
            problems.append((found.path, found.problem))
            continue
        try:
            facts = read_elf(found.stream, found.path)
        except ElfError as exc:
            problems.append((found.path, exc.found))
        else:
            files.append(Subject(path=found.path, mode=found.mode, facts=facts))
    contents = Contents(files=tuple(files), problems=tuple(problems))
    return VerifyReport(
        archive=archive.name,
        target=target.name,
        files=contents.files,
        rules=rules,
        violations=check_contents(contents, target, rules),
    )
