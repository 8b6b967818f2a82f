"""TOML written from data: one line a value, the tables as dotted keys (https://toml.io/en/v1.0.0#keys)."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from typing import Any


def dump(data: Mapping[str, Any]) -> str:
    """The text of a document."""
    return "".join(f"{line}\n" for line in _lines(data, ""))


def _lines(table: Mapping[str, Any], prefix: str) -> Iterator[str]:
    for key, value in table.items():
        name = f"{prefix}{_text(key)}"
        if isinstance(value, Mapping) and value:
            yield from _lines(value, f"{name}.")
        else:
            yield f"{name} = {_value(value)}"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, dt.datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_text(key)} = {_value(inner)}" for key, inner in value.items()) + " }"
    return "[" + ", ".join(_value(inner) for inner in value) + "]"


def _text(text: str) -> str:
    """A basic string has JSON's escapes, and U+007F must be escaped too."""
    return json.dumps(text, ensure_ascii=True).replace("\x7f", "\\u007f")
