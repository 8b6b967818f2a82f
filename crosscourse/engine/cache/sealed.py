"""Files of JSON that are believed only whole: each begins with a digest of its content and of what it is about."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from crosscourse import files

# Of all that is sealed; what has another one is of no use.
_SCHEMA = 2
# Nothing that is sealed is so large (bytes).
_MOST = 64 << 20

T = TypeVar("T")


def write(name: str, value: Any) -> bytes:
    """The content of a file about ``name``."""
    content = msgspec.json.encode(value)
    return msgspec.json.encode((_seal(name, content), msgspec.Raw(content)))


def read(path: Path, name: str, type_: type[T]) -> T | None:
    """What was sealed under this name; None if there is nothing, or nothing of use: then it is removed."""
    try:
        seal, content = msgspec.json.decode(files.read_regular(path, most=_MOST), type=tuple[str, msgspec.Raw])
        if seal == _seal(name, bytes(content)):
            return msgspec.json.decode(content, type=type_)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError, msgspec.MsgspecError):
        pass
    discard(path)
    return None


def _seal(name: str, content: bytes) -> str:
    return hashlib.sha256(f"{_SCHEMA} {name}\n".encode() + content).hexdigest()


def discard(path: Path) -> None:
    """Remove a file if that is possible. A damaged one that stays is found to be damaged again."""
    with contextlib.suppress(OSError):
        files.remove(path)
