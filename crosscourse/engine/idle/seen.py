"""What a run looks at, beside the project's own files: told when it is looked at, or there is no note of the run."""

from __future__ import annotations

import os
from collections.abc import Iterable

from crosscourse.engine.idle.rows import FILE, LINK, TREE, Thing


class Seen:
    """What a run looks at. ``idle``: the steps of which it found that nothing is to be done."""

    def __init__(self) -> None:
        self.things: dict[Thing, None] = {}
        self.untold: list[str] = []
        self.idle: set[str] = set()

    def file(self, path: str | os.PathLike[str]) -> None:
        """A file, or whatever is at a path: its row, as far as links lead. Of a folder, only that it is there."""
        self.things[FILE, os.fspath(path)] = None

    def files(self, paths: Iterable[str | os.PathLike[str]]) -> None:
        """Several of these."""
        for path in paths:
            self.file(path)

    def tree(self, path: str | os.PathLike[str]) -> None:
        """A folder of sources: everything below it, what git keeps there included."""
        self.things[TREE, os.fspath(path)] = None

    def links(self, paths: Iterable[str]) -> None:
        """Paths that were resolved: where each leads."""
        for path in paths:
            self.things[LINK, path] = None

    def program(self, name: str) -> None:
        """A program, as PATH leads to it; those of its name behind it too, as the first may be a script that asks them.

        Of a PATH with no name at a place, that is the folder we are in.
        """
        self.files(os.path.join(folder, name) for folder in os.get_exec_path())  # noqa: PTH118  # a text is wanted

    def more(self, what: str) -> None:
        """Something was looked at that can't be told: no note is made."""
        self.untold.append(what)

    def add(self, other: Seen) -> None:
        """What was told to another one."""
        self.things.update(other.things)
        self.untold += other.untold


DECLARED = Seen()
"""What was looked at to declare the steps of this process, before there is a run that it could be told to."""
