"""Every problem of a document's types at once: key, what was found, what was expected.

msgspec stops at the first problem of a document; here each table is converted by itself, key by key.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import UnionType
from typing import Any, Union, get_args, get_origin

import msgspec

from crosscourse.errors import nearest


def type_problems(data: object, expected: Any, key: str = "") -> list[str]:
    """What keeps ``data`` from being converted to ``expected`` (a Struct, dict or plain type), each with its key."""
    expected = _choose(data, expected)
    if isinstance(expected, str):
        return [f"{key}: {expected}"]
    if isinstance(expected, type) and issubclass(expected, msgspec.Struct):
        return _struct_problems(data, expected, key)
    if get_origin(expected) is dict and isinstance(data, Mapping):
        value_type = get_args(expected)[1]
        found: list[str] = []
        for name, value in data.items():
            found += _convert_problem(name, get_args(expected)[0], f"{key}.{name} (its name)")
            found += type_problems(value, value_type, f"{key}.{name}" if key else str(name))
        return found
    if get_origin(expected) is list and isinstance(data, list):
        return [
            problem
            for index, value in enumerate(data)
            for problem in type_problems(value, get_args(expected)[0], f"{key}[{index}]")
        ] or _convert_problem(data, expected, key)
    return _convert_problem(data, expected, key)


def _convert_problem(data: object, expected: Any, key: str) -> list[str]:
    try:
        msgspec.convert(data, expected)
    except msgspec.ValidationError as error:
        if isinstance(data, str) and (meant := _described(expected)):
            return [f"{key}: expected {meant}, got '{data}'"]
        return [f"{key}: {_plain(str(error))}"]
    return []


def _described(expected: Any) -> str | None:
    """What a type with a pattern means, in words; None for one that says nothing."""
    for choice in (expected, *get_args(expected)):
        for meta in getattr(choice, "__metadata__", ()):
            if isinstance(meta, msgspec.Meta) and meta.description:
                return meta.description
    return None


def _plain(message: str) -> str:
    message = message.split(" - at `", maxsplit=1)[0]
    return message[:1].lower() + message[1:]


def _choose(data: object, expected: Any) -> Any:
    """Of a tagged union the member that the data names, or a sentence saying that there is none."""
    if get_origin(expected) not in (Union, UnionType):
        return expected
    members = [m for m in get_args(expected) if isinstance(m, type) and issubclass(m, msgspec.Struct)]
    if not members:
        return expected
    if not isinstance(data, Mapping):
        return f"expected a table, got {type(data).__name__}"
    by_tag = {str(m.__struct_config__.tag): m for m in members}
    field = str(members[0].__struct_config__.tag_field)
    if field not in data:
        return f"the key '{field}' is missing. {nearest('', by_tag)}"
    tag = data[field]
    return by_tag.get(str(tag), f"{field} = '{tag}' is not known. {nearest(str(tag), by_tag)}")


def _struct_problems(data: object, struct: type[msgspec.Struct], key: str) -> list[str]:
    if not isinstance(data, Mapping):
        return [f"{key}: expected a table, got {type(data).__name__}"]
    prefix = f"{key}." if key else ""
    fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
    tag_field = struct.__struct_config__.tag_field
    found: list[str] = []
    for name, value in data.items():
        if name == tag_field:
            continue
        if name not in fields:
            found.append(f"{prefix}{name}: unknown key. {nearest(name, fields)}")
        else:
            found += type_problems(value, fields[name].type, f"{prefix}{name}")
    found += [
        f"{prefix}{name}: this key is missing" for name, field in fields.items() if field.required and name not in data
    ]
    return found
