"""Values of servers in the texts of a manifest: ``{SERVER.VALUE}``."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, TypeVar

Given = TypeVar("Given")


def filled(given: Given, values: Mapping[str, str]) -> Given:
    """``given``, any structure of JSON, with the values in its texts. Other braces stay as they are."""
    found: Given = _filled(given, {f"{{{name}}}": value for name, value in values.items()})
    return found


def _filled(given: Any, values: Mapping[str, str]) -> Any:
    if isinstance(given, str):
        for mark, value in values.items():
            given = given.replace(mark, value)
        return given
    if isinstance(given, Mapping):
        return {name: _filled(inner, values) for name, inner in given.items()}
    return [_filled(inner, values) for inner in given] if isinstance(given, (list, tuple)) else given


def unknown(given: object, values: Mapping[str, str]) -> list[str]:
    """The values that texts of ``given`` name and that their servers do not have: ``SERVER.VALUE``."""
    servers = {name.partition(".")[0] for name in values}
    named = re.findall(r"\{(([a-z0-9-]+)\.[a-z-]+)\}", json.dumps(given))
    return [name for name, server in dict.fromkeys(named) if server in servers and name not in values]
