"""What became of each patch of a source, as far as a checkout or a failed try knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from crosscourse.git.checkout import Mark

APPLIED = "applied"
UPSTREAM = "already upstream"
FAILED = "does not apply"
UNTRIED = "not tried yet"


def states(patches: Sequence[str], digests: Mapping[str, str], base: str | None, marks: Sequence[Mark]) -> list[str]:
    """What became of each patch, as far as one of ``marks`` knows.

    A mark knows of a patch if it was tried on the same commit (``base``; None: of a local source, any), as the same
    content, after the same patches in the same order. (One without digests is of an earlier version: names must do.)
    """
    found = []
    for count, patch in enumerate(patches, 1):
        before = [(name, digests[name]) for name in patches[:count]]
        knowing = [
            mark
            for mark in marks
            if base in (None, mark.base)
            and [(name, mark.digests.get(name, digests.get(name))) for name in list(mark.patches)[:count]] == before
        ]
        found.append(knowing[0].patches[patch] if knowing else UNTRIED)
    return found
