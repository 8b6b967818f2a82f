"""The patches of a release as a table: of which source, in which state, and what each is for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from crosscourse import files
from crosscourse.git import checkout
from crosscourse.git.checkout import Mark
from crosscourse.project import Project

OVERRIDDEN = "not applied (override)"
_HEAD = ("source", "patch", "state", "subject")


@dataclass(frozen=True, kw_only=True)
class Row:
    """A patch: its source, its file below ``vendor-patches/``, what became of it, and its subject."""

    source: str
    file: str
    state: str
    subject: str


def rows(project: Project) -> Iterator[Row]:
    """Every patch of a release, in the manifest's order."""
    for source in project.manifest.source:
        yield from rows_of(project, source)


def rows_of(project: Project, source: str) -> Iterator[Row]:
    """The patches of one source. OSError if a patch file can't be read."""
    table = project.source(source)
    if source in project.settings.override:
        found = [OVERRIDDEN] * len(table.patches)
    else:
        digests = {patch: files.digest(project.vendor_patches / patch) for patch in table.patches}
        found = checkout.states(table.patches, digests, table.commit, list(_marks(project, source)))
    for patch, state in zip(table.patches, found, strict=True):
        yield Row(source=source, file=patch, state=state, subject=subject(project.vendor_patches / patch))


def _marks(project: Project, source: str) -> Iterator[Mark]:
    """What is known of a source's patches: from a try that failed, and from the checkout."""
    for path in (project.tried(source), project.checkout(source) / ".git" / checkout.MARK):
        try:
            yield checkout.decode(path)
        except (OSError, msgspec.DecodeError, msgspec.ValidationError):
            continue  # none, or not ours: then nothing is known from there


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
