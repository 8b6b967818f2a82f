"""About the distribution as a whole: that there is something to check, and that it can be read."""

from __future__ import annotations

from collections.abc import Iterator

from tasks.verify.engine import Contents, Finding, Rule
from toolchains.targets import Expected


def _not_empty(contents: Contents, _target: Expected) -> Iterator[tuple[str, Finding]]:
    if not contents.files and not contents.problems:
        yield "(the whole distribution)", Finding("no ELF file", "at least one")


NOT_EMPTY = Rule(
    id="not-empty",
    title="there is something to check",
    why="A check of nothing proves nothing: an empty distribution must not pass for a good one.",
    check=_not_empty,
)


def _readable(contents: Contents, _target: Expected) -> Iterator[tuple[str, Finding]]:
    for path, problem in contents.problems:
        yield path, Finding(problem, "a sound ELF file or archive")


READABLE = Rule(
    id="readable",
    title="every ELF file and archive is whole, and was looked into",
    why="A file that is cut off or damaged does not start, and of what was not read nothing can be said.",
    check=_readable,
)


def _embedded(contents: Contents, _target: Expected) -> Iterator[tuple[str, Finding]]:
    for path, file in contents.absent:
        yield path, Finding(f"nothing of {file}", "its content, as it was made")


EMBEDDED = Rule(
    id="embedded",
    title="programs have in them the files that they embed",
    why="A page without one of its scripts is served as if all were well, and does nothing in a browser.",
    check=_embedded,
)
