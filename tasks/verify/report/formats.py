"""The forms that the report is written in. A new one is a function in a module of its own, and a line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tasks.verify.engine import VerifyReport

# What writes a report is loaded when there is one: every run of doit reads this.


def _text(report: VerifyReport) -> str:
    from tasks.verify.report import text

    return text.render(report)


def _json(report: VerifyReport) -> str:
    from tasks.verify.report import json

    return json.render(report)


# By the end of the file's name.
FORMATS: Mapping[str, Callable[[VerifyReport], str]] = {"json": _json, "txt": _text}
