"""What a manifest's file says, as TOML, of whatever types."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from crosscourse.errors import ManifestError

MAX_SIZE = 1 << 20
TOO_DEEP = "tables or arrays are nested too deep"
PART = r"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')"""
"""One part of a dotted key (https://toml.io/en/v1.0.0#keys)."""
# Keys of so many parts are refused unread: Python's reader of TOML takes minutes for one of some ten thousand.
_MANY = 50
_LONG_KEY = re.compile(rf"(?<![A-Za-z0-9_-]){PART}(?:[ \t]*\.[ \t]*{PART}){{{_MANY}}}".encode())


def read_toml(path: Path) -> dict[str, Any]:
    """What a manifest's file says, of whatever types. Raises ManifestError."""
    import msgspec.toml

    try:
        content = path.read_bytes()
    except OSError as error:
        raise ManifestError(str(path), [f"can't be read: {error.strerror}"]) from None
    if len(content) > MAX_SIZE:
        raise ManifestError(str(path), [f"{len(content)} bytes: a manifest has at most {MAX_SIZE}"])
    # A line without so many dots has no such key: told fast, as this is read at each start.
    if any(line.count(b".") >= _MANY and _LONG_KEY.search(line) for line in content.split(b"\n")):
        raise ManifestError(str(path), [TOO_DEEP])
    try:
        data = msgspec.toml.decode(content)
    except (msgspec.DecodeError, ValueError) as error:
        raise ManifestError(str(path), [f"not valid TOML: {error}"]) from None
    except RecursionError:
        raise ManifestError(str(path), [TOO_DEEP]) from None
    assert isinstance(data, dict)
    return data
