"""About what a program needs beside itself."""

from __future__ import annotations

from collections.abc import Iterator

from tasks.verify.engine import Finding, Rule, Subject, each_file
from toolchains.targets import Expected


def _static(subject: Subject, _target: Expected) -> Iterator[Finding]:
    facts = subject.facts
    if not facts.static:
        loader = [f"loader {facts.interpreter}"] if facts.interpreter else []
        yield Finding(", ".join([*loader, *(f"needs {library}" for library in facts.needed)]), "static")


STATIC = Rule(
    id="static",
    title="statically linked",
    why="A distribution brings no libraries: what needs a loader or a library fails on a host that has another libc.",
    check=each_file(_static),
    scope="own",
)
