"""Every error that a person can meet: what it concerns, what was found, and what to do.

All share one base, so that one place decides how they are shown: message and remedy,
never a traceback (unless asked for). The base is one of doit's own user errors,
so that plain ``doit`` shows them the same way when they arise while tasks are loaded.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from doit.exceptions import InvalidDodoFile

MAX_LISTED = 16


class CrosscourseError(InvalidDodoFile):  # type: ignore[misc]  # doit has no type hints
    """Base of all user errors.

    ``subject``: the file, component or URL concerned. ``found``: what is wrong, in words.
    ``remedy``: what the person can do; may have several lines.
    """

    def __init__(self, subject: str, found: str, remedy: str = "") -> None:
        self.subject = subject
        self.found = found
        self.remedy = remedy
        super().__init__(str(self))

    def __str__(self) -> str:
        text = f"{self.subject}: {self.found}"
        if self.remedy:
            text += "\n" + "\n".join(f"  > {line}" for line in self.remedy.splitlines())
        return text


def nearest(name: str, known: Iterable[str]) -> str:
    """A sentence that names the nearest known name, or all of them: the remedy for an unknown name."""
    names = sorted(known)
    close = get_close_matches(name, names, n=1, cutoff=0.5)
    listed = f"Known: {', '.join(names)}." if len(names) <= MAX_LISTED else ""
    if close:
        return f"Did you mean '{close[0]}'? {listed}".strip()
    return listed or f"{len(names)} are known; `./doit list --all` names the tasks."


class UnknownNameError(CrosscourseError):
    """A release, target, component, task or variable that does not exist."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        super().__init__(f"{kind} '{name}'", "there is none of that name", nearest(name, known))


class ManifestError(CrosscourseError):
    """A manifest that can't be read: every problem of the file at once."""

    def __init__(self, path: str, problems: list[str], remedy: str = "") -> None:
        self.problems = problems
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        found = f"{count}\n" + "\n".join(f"  - {problem}" for problem in problems)
        super().__init__(
            path,
            found,
            remedy or "docs/manifest.md explains every key; releases/schema.json lets an editor check them.",
        )


class CodeError(CrosscourseError):
    """A module whose code can't be told: it is not there, or not to be understood."""

    def __init__(self, module: str, found: str, remedy: str = "Correct it, or restore it: `git status` says.") -> None:
        super().__init__(f"module {module}", found, remedy)
