"""About permission bits."""

from __future__ import annotations

from collections.abc import Iterator

from tasks.verify.engine import Finding, Rule, Subject, each_file
from toolchains.targets import Expected


def _executable(subject: Subject, _target: Expected) -> Iterator[Finding]:
    if subject.facts.program and subject.mode & 0o111 != 0o111:
        yield Finding(f"mode {subject.mode:04o}", "x for owner, group and others")


EXECUTABLE = Rule(
    id="executable",
    title="programs may be executed by everyone",
    why="Without the permission bits a program ends with 'permission denied', for users of a container too.",
    check=each_file(_executable),
    scope="own",
)
