"""What the work of a step is given, for tests of what it calls."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from crosscourse.engine.places import Places


def make_places(folder: Path, **more: Any) -> Places:
    """A log, an empty scratch folder and caches in ``folder``, which is made; ``more``: any field of ``Places``."""
    scratch = folder / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    given: dict[str, Any] = {
        "task": "stage:name",
        "log": folder / "log",
        "scratch": scratch,
        "caches": folder / "caches",
        "needed": {},
        "labels": (),
        "show": lambda _text: None,
    }
    return Places(**(given | more))
