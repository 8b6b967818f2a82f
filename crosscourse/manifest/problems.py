"""Every problem of a document's types at once: key, what was found, what was expected.

msgspec stops at the first problem of a document; here each table is converted by itself, key by key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from types import UnionType
from typing import Any, Union, get_args, get_origin

import msgspec

from crosscourse.errors import nearest

MOST = 100
"""Problems that are told of one document: nobody reads more, and to find them all could take hours."""
_MAX_SHOWN = 160


def type_problems(data: object, expected: Any) -> list[str]:
    """What keeps ``data`` from being converted to ``expected`` (a Struct, dict or plain type), each with its key."""
    return list(islice(_problems(data, expected, ""), MOST))


def _problems(data: object, expected: Any, key: str) -> Iterator[str]:
    expected = _choose(data, expected)
    if isinstance(expected, str):
        yield f"{key}: {expected}"
    elif isinstance(expected, type) and issubclass(expected, msgspec.Struct):
        yield from _struct_problems(data, expected, key)
    elif get_origin(expected) is dict and isinstance(data, Mapping):
        name_type, value_type = get_args(expected)
        for name, value in data.items():
            inner = f"{key}.{shown(name)}" if key else shown(name)
            yield from _convert_problem(name, name_type, f"{inner} (its name)")
            yield from _problems(value, value_type, inner)
    elif get_origin(expected) is list and isinstance(data, list):
        found = False
        for index, value in enumerate(data):
            for problem in _problems(value, get_args(expected)[0], f"{key}[{index}]"):
                found = True
                yield problem
        if not found:
            yield from _convert_problem(data, expected, key)
    else:
        yield from _convert_problem(data, expected, key)


def shown(text: str) -> str:
    """A text of a document as a message may have it: of one line, not too long, nothing that a terminal obeys."""
    plain = text if text.isprintable() else ascii(text)[1:-1]
    return plain if len(plain) <= _MAX_SHOWN else f"{plain[:_MAX_SHOWN]}…"


def _convert_problem(data: object, expected: Any, key: str) -> Iterator[str]:
    try:
        msgspec.convert(data, expected)
    except msgspec.ValidationError as error:
        if isinstance(data, str) and (meant := _described(expected)):
            yield f"{key}: expected {meant}, got '{shown(data)}'"
        else:
            yield f"{key}: {_plain(str(error))}"


def _described(expected: Any) -> str | None:
    """What a type with a pattern means, in words; None for one that says nothing."""
    choices = get_args(expected) if get_origin(expected) in (Union, UnionType) else ()
    for choice in (expected, *choices):
        for meta in getattr(choice, "__metadata__", ()):
            if isinstance(meta, msgspec.Meta) and meta.description:
                return meta.description
    return None


def _plain(message: str) -> str:
    message = shown(message.split(" - at `", maxsplit=1)[0])  # it may quote what it refuses
    return message[:1].lower() + message[1:]


def _choose(data: object, expected: Any) -> Any:
    """Of a tagged union the member that the data names, or a sentence saying that there is none."""
    if get_origin(expected) not in (Union, UnionType):
        return expected
    members = [m for m in get_args(expected) if isinstance(m, type) and issubclass(m, msgspec.Struct)]
    if not members or members[0].__struct_config__.tag_field is None:
        return members[0] if members else expected  # without a tag there is one: a table that need not be there
    if not isinstance(data, Mapping):
        return f"expected a table, got {type(data).__name__}"
    by_tag = {str(m.__struct_config__.tag): m for m in members}
    field = str(members[0].__struct_config__.tag_field)
    if field not in data:
        return f"the key '{field}' is missing. {nearest('', by_tag)}"
    tag = data[field]
    if not isinstance(tag, str):
        return f"{field}: expected `str`, got {type(tag).__name__}"
    return by_tag.get(tag, f"{field} = '{shown(tag)}' is not known. {nearest(shown(tag), by_tag)}")


def _struct_problems(data: object, struct: type[msgspec.Struct], key: str) -> Iterator[str]:
    if not isinstance(data, Mapping):
        yield f"{key}: expected a table, got {type(data).__name__}"
        return
    prefix = f"{key}." if key else ""
    fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
    tag_field = struct.__struct_config__.tag_field
    for name, value in data.items():
        if name == tag_field:
            continue
        if name not in fields:
            yield f"{prefix}{shown(name)}: unknown key. {nearest(shown(name), fields)}"
        else:
            yield from _problems(value, fields[name].type, f"{prefix}{name}")
    for name, field in fields.items():
        if field.required and name not in data:
            yield f"{prefix}{name}: this key is missing"
