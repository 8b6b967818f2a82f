"""What a Go program says of how it was built, read from its bytes without Go.

Go's linker leaves a block in each program: a header that starts with ``MAGIC``, then
(since Go 1.18) two strings, the Go version and the module information; before that the
header holds pointers to the two strings. The settings (GOARCH, GOARM, …) are part of the module
information since Go 1.18, with or without -trimpath.
Source of both formats: https://go.dev/src/debug/buildinfo/buildinfo.go, and for the text
https://go.dev/src/runtime/debug/mod.go (ParseBuildInfo).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

MAGIC = b"\xff Go buildinf:"
ALIGNMENT = 16
HEADER_SIZE = 32
# The longest a 64-bit varint can be, as in Go's binary.MaxVarintLen64.
MAX_VARINT = 10
# cmd/go frames the module information by 16 bytes on either side, so that it can be found in a plain dump.
FRAME = 16

_FLAG_BIG_ENDIAN = 0x1
_FLAG_INLINE = 0x2
_RELEASE = re.compile(r"\bgo(\d+)\.(\d+)")

ReadAddress = Callable[[int, int], bytes]
"""``read(address, size)``: the bytes that the program has at a virtual address; fewer where it has fewer."""


class MalformedBuildInfoError(ValueError):
    """The block is there and damaged. The text says how; the caller knows the file's name."""


@dataclass(frozen=True, kw_only=True)
class GoBuildInfo:
    """``version``: as in "go1.26.8"; empty where an old position-independent program hides it.

    ``path``: of the main package; ``module`` and ``module_version``: of the main module; empty if not recorded.
    ``settings``: by name, as ``go version -m`` shows them: GOARCH, GOARM, CGO_ENABLED, -trimpath, …
    """

    version: str
    path: str = ""
    module: str = ""
    module_version: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def release(self) -> tuple[int, int] | None:
        """Major and minor number of the Go version; None for one that has none (a development version)."""
        match = _RELEASE.search(self.version)
        return (int(match[1]), int(match[2])) if match else None


def find_magic(data: bytes) -> int:
    """Where in the data the block starts, or -1. The data must start at a multiple of 16 in memory: the block does."""
    at = data.find(MAGIC)
    while at >= 0 and at % ALIGNMENT:
        at = data.find(MAGIC, at + 1)
    return at


def parse_build_info(block: bytes, read_address: ReadAddress) -> GoBuildInfo:
    """The build information in a block that starts with the magic.

    ``read_address`` is called for the format before Go 1.18 only. Raises MalformedBuildInfoError.
    """
    if not block.startswith(MAGIC) or len(block) < HEADER_SIZE:
        raise MalformedBuildInfoError("the header is cut off")
    pointer_size, flags = block[14], block[15]
    if flags & _FLAG_INLINE:
        version, rest = _take_string(block, HEADER_SIZE)
        modules, _ = _take_string(block, rest)
        if not version:
            raise MalformedBuildInfoError("the Go version is empty")
    else:
        if pointer_size not in (4, 8):
            raise MalformedBuildInfoError(f"pointers of {pointer_size} bytes")
        big = bool(flags & _FLAG_BIG_ENDIAN)
        numbers = [_number(block[at : at + pointer_size], big) for at in (16, 16 + pointer_size)]
        version, modules = (_string_at(address, pointer_size, big, read_address) for address in numbers)
    return _with_modules(version.decode(errors="replace"), _unframe(modules).decode(errors="replace"))


def _take_string(block: bytes, at: int) -> tuple[bytes, int]:
    """A string with its length as a varint before it, and where the next begins."""
    length = shift = 0
    for used, byte in enumerate(block[at : at + MAX_VARINT], start=1):
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            start, end = at + used, at + used + length
            if end > len(block):
                raise MalformedBuildInfoError(f"a string of {length} bytes where {len(block) - start} are left")
            return block[start:end], end
    raise MalformedBuildInfoError("a string's length is cut off")


def _number(raw: bytes, big: bool) -> int:
    return int.from_bytes(raw, "big" if big else "little")


def _string_at(address: int, pointer_size: int, big: bool, read_address: ReadAddress) -> bytes:
    """A Go string (pointer, length) at an address; empty where it leads nowhere, as Go's own reader has it.

    The pointers of a position-independent program are zero in the file: they are filled in at its start.
    """
    header = read_address(address, 2 * pointer_size)
    if len(header) < 2 * pointer_size:
        return b""
    length = _number(header[pointer_size:], big)
    data = read_address(_number(header[:pointer_size], big), length)
    return data if len(data) == length else b""


def _unframe(modules: bytes) -> bytes:
    # The same test as Go's: the text between the frames ends with a newline.
    if len(modules) >= 2 * FRAME + 1 and modules[-FRAME - 1 : -FRAME] == b"\n":
        return modules[FRAME:-FRAME]
    return b""


def _with_modules(version: str, text: str) -> GoBuildInfo:
    path = module = module_version = ""
    settings: dict[str, str] = {}
    # Not splitlines(): it also splits at characters which a quoted or module string may contain.
    for line in text.split("\n"):
        kind, _, rest = line.partition("\t")
        if kind == "path":
            path = rest
        elif kind == "mod":
            module, module_version = [*rest.split("\t"), ""][:2]
        elif kind == "build":
            key, value = _setting(rest)
            settings[key] = value
    return GoBuildInfo(version=version, path=path, module=module, module_version=module_version, settings=settings)


def _setting(text: str) -> tuple[str, str]:
    """``key=value``, each of which Go quotes where it has spaces, quotes or (the key) an equals sign."""
    quoted = re.match(r'"(?:[^"\\]|\\.)*"|`[^`]*`', text)
    end = quoted.end() if quoted else text.find("=")
    raw_key, equals, raw_value = text[:end], text[end : end + 1], text[end + 1 :]
    if end < 0 or equals != "=":
        raise MalformedBuildInfoError(f"a setting without a value: {text!r}")
    return _unquote(raw_key), _unquote(raw_value)


def _unquote(text: str) -> str:
    if text[:1] == "`":
        return text[1:-1]
    if text[:1] != '"':
        return text
    try:
        # Go's escapes in a double-quoted string are a part of Python's.
        return str(ast.literal_eval(text))
    except (ValueError, SyntaxError) as exc:
        raise MalformedBuildInfoError(f"a quotation that does not end well: {text!r}") from exc
