"""The patches of a release as a table: of which source, in which state, and what each is for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from crosscourse import files
from crosscourse.git.checkout import Mark
from crosscourse.patches.states import states

OVERRIDDEN = "not applied (override)"
_HEAD = ("source", "patch", "state", "subject")


@dataclass(frozen=True, kw_only=True)
class Row:
    """A patch: its source, its file below ``vendor-patches/``, what became of it, and its subject."""

    source: str
    file: str
    state: str
    subject: str


def rows(
    source: str, patches: Mapping[str, Path], *, commit: str | None, marks: Sequence[Mark] | None
) -> Iterator[Row]:
    """The patches of one source, files by name, in order. OSError if a patch file can't be read.

    ``commit``: the pinned one; None: of a local source, any. ``marks``: what is known of the patches; None: the source
    is a folder of the user's own.
    """
    if marks is None:
        found = [OVERRIDDEN] * len(patches)
    else:
        digests = {patch: files.digest(path) for patch, path in patches.items()}
        found = states(list(patches), digests, commit, marks)
    for (patch, path), state in zip(patches.items(), found, strict=True):
        yield Row(source=source, file=patch, state=state, subject=subject(path))


def subject(path: Path) -> str:
    """The ``Subject:`` of a patch file, on one line; empty if it has none."""
    found: list[str] = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("diff --git ") or (found and not line.startswith(" ")):
            break
        if found or line.startswith("Subject:"):
            found.append(line.removeprefix("Subject:").strip())
    return " ".join(found)


def describe(table: list[Row]) -> list[str]:
    """The table in lines of text, its columns aligned; none if there are no patches."""
    if not table:
        return []
    cells = [_HEAD, *((row.source, row.file, row.state, row.subject) for row in table)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_HEAD))]
    return ["  ".join(f"{text:<{width}}" for text, width in zip(line, widths, strict=True)).rstrip() for line in cells]
