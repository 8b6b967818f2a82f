"""The forms that a report comes in. A new one is a function in a module of its own, and a line here."""

from __future__ import annotations

from collections.abc import Callable

from tasks.verify.engine import VerifyReport
from tasks.verify.report import json, text

FORMATS: dict[str, Callable[[VerifyReport], str]] = {
    "text": text.render,
    "json": json.render,
}
"""By name: what gives the content of a file."""
