"""What a rule about ELF files is, and the register of all rules. The rules themselves are in ``tasks.checks``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from crosscourse.binaries.elf import ElfFacts
from toolchains.targets import Target


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


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule. ``check`` gives the path and the finding of each violation; ``why``: why the rule exists."""

    id: str
    title: str
    why: str
    check: Callable[[Contents, Target], Iterator[tuple[str, Finding]]]


@dataclass(frozen=True, kw_only=True)
class VerifyReport:
    """The outcome: what was read, which rules were applied, and what they found, by file and then by rule."""

    archive: str
    target: str
    files: tuple[Subject, ...]
    rules: tuple[str, ...]
    violations: tuple[Violation, ...]

    @property
    def machines(self) -> dict[str, int]:
        """How many files there are for each machine, by its name."""
        return dict(sorted(Counter(file.facts.machine for file in self.files).items()))


RULES: dict[str, Rule] = {}
"""All rules by their id, in the order in which they are reported."""

FileCheck = Callable[[Subject, Target], Iterator[Finding]]
ContentsCheck = Callable[[Contents, Target], Iterator[tuple[str, Finding]]]


def rule(id: str, title: str, why: str) -> Callable[[ContentsCheck], ContentsCheck]:
    """Registers a function as a rule about the distribution as a whole."""

    def register(check: ContentsCheck) -> ContentsCheck:
        RULES[id] = Rule(id=id, title=title, why=why, check=check)
        return check

    return register


def file_rule(id: str, title: str, why: str) -> Callable[[FileCheck], FileCheck]:
    """Registers a function as the rule that is applied to each file."""

    def register(check: FileCheck) -> FileCheck:
        def check_all(contents: Contents, target: Target) -> Iterator[tuple[str, Finding]]:
            for subject in contents.files:
                for finding in check(subject, target):
                    yield subject.path, finding

        rule(id, title, why)(check_all)
        return check

    return register
