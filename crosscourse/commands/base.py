"""What our commands for doit have in common."""

from __future__ import annotations

from typing import Any


def flag(name: str, meaning: str, *, short: str = "", long: str = "") -> dict[str, Any]:
    """An option that is given or not, as doit describes options. ``name``: of the parameter that tells."""
    return {
        "name": name,
        **({"short": short} if short else {}),
        "long": long or name,
        "type": bool,
        "default": False,
        "help": meaning,
    }
