"""Patch files as text: a header for people, then what git reads, in a form that does not depend on who wrote it."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence

_SECTION = b"diff --git "
_HUNK = re.compile(rb"^(@@ -\d+(?:,\d+)? \+\d+(?:,\d+)? @@).*$")
_BINARY = b"GIT binary patch"
_LONGEST_SLUG = 60


def split(data: bytes) -> tuple[bytes, list[bytes]]:
    """A patch file's header (all before the first ``diff --git``), and a section for each file that it changes."""
    header: list[bytes] = []
    sections: list[list[bytes]] = []
    for line in io.BytesIO(data):  # by line feeds alone: a carriage return is content
        if line.startswith(_SECTION):
            sections.append([])
        (sections[-1] if sections else header).append(line)
    return b"".join(header), [b"".join(lines) for lines in sections]


def plain(diff: bytes, *, index: bool = False) -> list[bytes]:
    """The sections of git's own diff, without what depends on git's version and settings or says nothing to git:
    ``index`` lines (kept with ``index``, and where a binary patch needs them), and what follows a hunk's ``@@``.
    """
    return [_plain_section(section, index=index) for section in split(diff)[1]]


def _plain_section(section: bytes, *, index: bool) -> bytes:
    lines = _lines(section)
    keep = index or any(line.startswith(_BINARY) for line in lines)
    # What a file's lines hold is behind ' ', '+', '-' or '\', so these beginnings are git's own.
    return b"".join(_HUNK.sub(rb"\1", line) for line in lines if keep or not line.startswith(b"index "))


def _lines(section: bytes) -> list[bytes]:
    # Not splitlines: a carriage return within a file's line is content.
    return [line + b"\n" for line in section.removesuffix(b"\n").split(b"\n")]


def keep_sections(old: Sequence[bytes], new: Sequence[bytes]) -> list[bytes]:
    """``new`` in the order of ``old``; where a section adds and removes the same lines as before, the old one.

    So the author's choice of context and order stays, and a change of one file is a change of one section.
    """
    by_file = {_file(section): section for section in new}
    kept = []
    for section in old:
        made = by_file.pop(_file(section), None)
        if made is not None:
            kept.append(section if _changes(section) == _changes(made) else made)
    return kept + list(by_file.values())


def _file(section: bytes) -> bytes:
    return section.split(b"\n", 1)[0]


def _changes(section: bytes) -> list[bytes]:
    return [line for line in _lines(section) if not line.startswith((b" ", b"@@", b"index "))]


def header(subject: str, body: str) -> bytes:
    """The header of a new patch file, from a commit's message."""
    why = f"Why: {body}\n" if body else ""
    return f"Subject: {subject}\n\n{why}Upstream: not submitted.\n\n".encode()


def slug(subject: str) -> str:
    """A file name, without its suffix, made from a commit's subject."""
    words = re.sub(r"[^a-z0-9]+", "-", subject.lower()).strip("-")
    if len(words) > _LONGEST_SLUG:
        words = words[: _LONGEST_SLUG + 1].rpartition("-")[0] or words[:_LONGEST_SLUG]
    return words or "patch"
