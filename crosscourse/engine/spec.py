"""What decides the bytes of a step's outputs, as data: what is not in a spec can't matter, as the work can't see it."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from crosscourse.engine.reasons import Value


class Spec(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all specs. ``plan`` speaks of a spec by the names of its fields, underscores read as spaces."""


class Nothing(Spec, frozen=True, kw_only=True):
    """The spec of a step that nothing decides but its source and what it needs."""


def labels(spec: Spec) -> dict[str, Value]:
    """The fields of a spec by name: each a text, or a mapping of texts where it is a table."""
    fields: dict[str, Any] = msgspec.to_builtins(spec, order="deterministic")
    return {name.replace("_", " "): _value(value) for name, value in fields.items()}


def _value(value: Any) -> Value:
    if isinstance(value, dict):
        return {str(key): _text(inner) for key, inner in value.items()}
    return _text(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def encode(spec: Spec) -> bytes:
    """A spec as bytes, the same for equal specs everywhere: what is hashed into a step's key."""
    return msgspec.json.encode(spec, order="deterministic")
