"""Why something is to be done, in words: the difference between the inputs of last time and those of now.

Inputs are labelled: ``{"source runc": {"commit": ..., "main.go": ...}, "tool zig": "0.16.0"}``. A value is a text or
a mapping of texts, so that a reason can name the file, flag or version that changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TypeAlias

Value: TypeAlias = "str | Mapping[str, str]"
Inputs: TypeAlias = Mapping[str, Value]

MAX_LISTED = 5
NEVER = "never done, or failed the last time"
_DIGEST_LENGTHS = (40, 64)
_MODE = re.compile(r"\d{6} ")


def explain(before: Inputs | None, now: Inputs) -> list[str]:
    """One sentence a difference; empty if there is none. ``before`` is None if it was never done."""
    if before is None:
        return [NEVER]
    return [
        sentence
        for label in sorted({*before, *now})
        for sentence in _explain_one(label, before.get(label), now.get(label))
    ]


def _explain_one(label: str, old: Value | None, new: Value | None) -> Iterator[str]:
    if old == new:
        return
    if old is None:
        yield f"{label} is new"
    elif new is None:
        yield f"{label} is gone"
    elif isinstance(old, str) or isinstance(new, str):
        yield f"{label} changed{_from_to(old, new)}"
    else:
        yield from _explain_mapping(label, old, new)


def _explain_mapping(label: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    parts = []
    for key in sorted({*old, *new}):
        if old.get(key) == new.get(key):
            continue
        if key not in old:
            parts.append(f"{key} is new")
        elif key not in new:
            parts.append(f"{key} is as it was" if key.endswith(EDITED) else f"{key} is gone")
        else:
            parts.append(f"{key} changed{_from_to(old[key], new[key])}")
    shown = parts[:MAX_LISTED]
    if len(parts) > MAX_LISTED:
        shown.append(f"and {len(parts) - MAX_LISTED} more")
    yield f"{label}: {', '.join(shown)}"


# Appended to the path of a file that differs from its commit, where inputs list such files.
EDITED = " (edited)"


def _from_to(old: Value, new: Value) -> str:
    """`` from A to B`` where both are short and mean something to a person; digests are only shortened."""
    if not isinstance(old, str) or not isinstance(new, str):
        return ""
    if _MODE.match(old) and _MODE.match(new) and old[:7] == new[:7]:
        old, new = old[7:], new[7:]  # of files whose modes are the same, their contents
    if len(old) in _DIGEST_LENGTHS and len(new) in _DIGEST_LENGTHS and " " not in old + new:
        return f" ({old[:8]} → {new[:8]})"
    if len(old) + len(new) > 160:
        return ""
    return f" from {old or 'nothing'} to {new or 'nothing'}"
