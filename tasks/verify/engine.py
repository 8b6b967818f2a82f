"""What a rule is, and the application of rules to a distribution: its ELF files, and its root filesystems.

The rules are in ``tasks.verify.rules``. All violations of all files are collected before anything is reported.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from crosscourse.binaries.elf import ElfFacts
from crosscourse.binaries.loading import Lacking
from crosscourse.binaries.trees import Tree
from tasks.verify.ours import Ours
from tasks.verify.sizes import Sizes
from toolchains.targets import Expected

Scope = Literal["all", "own"]


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One ELF file under check. ``mode``: its permission bits.

    ``own``: made by us, not by Debian. ``elsewhere``: for other machines than the target, so that no rule is for it.
    """

    path: str
    mode: int
    facts: ElfFacts
    own: bool = True
    elsewhere: bool = False


@dataclass(frozen=True, kw_only=True)
class Root:
    """A root filesystem of a distribution. ``path``: of its archive. ``lacking``: what its ELF files need in vain."""

    path: str
    tree: Tree
    lacking: tuple[Lacking, ...] = ()
    sizes: Sizes


@dataclass(frozen=True, kw_only=True)
class Contents:
    """The ELF files of a distribution, and its root filesystems.

    ``problems``: path and error of what can't be read, or is not there. ``absent``: path of a program, and of a file
    that it is said to embed and does not. ``host``: folders of this machine that nothing may be named after.
    """

    files: tuple[Subject, ...] = ()
    problems: tuple[tuple[str, str], ...] = ()
    absent: tuple[tuple[str, str], ...] = ()
    roots: tuple[Root, ...] = ()
    host: tuple[str, ...] = ()

    def within(self, scope: Scope) -> Contents:
        """The same with the files that rules of a scope are for."""
        files = (file for file in self.files if not file.elsewhere and (scope == "all" or file.own))
        return dataclasses.replace(self, files=tuple(files))


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


Packaged = Mapping[str, Ours]
"""Root filesystems of Debian packages, by their path in the distribution, and what in each is ours nevertheless."""
ContentsCheck = Callable[[Contents, Expected], Iterator[tuple[str, Finding]]]
FileCheck = Callable[[Subject, Expected], Iterator[Finding]]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule. ``check`` gives the path and the finding of each violation; ``why``: why the rule exists.

    ``scope``: whether it holds for all files that are for the target, or for our own programs only and not for Debian's
    in a root filesystem.
    """

    id: str
    title: str
    why: str
    check: ContentsCheck
    scope: Scope = "all"


@dataclass(frozen=True, kw_only=True)
class VerifyReport:
    """The outcome: what was read, which rules were applied, and what they found, by file and then by rule."""

    archive: str
    target: str
    files: tuple[Subject, ...]
    rules: tuple[Rule, ...]
    violations: tuple[Violation, ...]
    roots: tuple[Root, ...] = ()

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
        Violation(
            file=path,
            rule=each.id,
            found=_printable(finding.found),
            expected=_printable(finding.expected),
            why=each.why,
        )
        for each in rules
        for path, finding in each.check(contents.within(each.scope), target)
    ]
    # The sort is stable: within a file the rules keep their order.
    return tuple(sorted(violations, key=lambda violation: violation.file))


def _printable(text: str) -> str:
    """What a file says of itself, as a terminal and a report may have it."""
    return text if text.isprintable() else ascii(text)[1:-1]
