"""Go's build information, in both of its formats."""

from __future__ import annotations

import struct

import pytest

from crosscourse.binaries.gobuildinfo import MAGIC, GoBuildInfo, MalformedBuildInfoError, find_magic, parse_build_info
from tests.unit.helpers_elf import framed, go_block, go_text, uleb128

SETTINGS = {"-trimpath": "true", "CGO_ENABLED": "0", "GOARCH": "arm", "GOARM": "7", "GOOS": "linux"}
HEADER = (MAGIC + b"\0\2").ljust(32, b"\0")


def nowhere(_address: int, _size: int) -> bytes:
    raise AssertionError("the format since Go 1.18 has no pointers")


def test_inline_format() -> None:
    info = parse_build_info(go_block(SETTINGS) + b"more", nowhere)
    assert info == GoBuildInfo(
        version="go1.26.8",
        path="example.test/hi/cmd",
        module="example.test/hi",
        module_version="v1.2.3",
        settings=SETTINGS,
    )


def test_no_modules() -> None:
    assert parse_build_info(go_block(), nowhere) == GoBuildInfo(version="go1.26.8")


@pytest.mark.parametrize("size", [4, 8])
@pytest.mark.parametrize("order", ["<", ">"])
def test_pointer_format(size: int, order: str) -> None:
    word = order + ("2I" if size == 4 else "2Q")
    text = framed(go_text({}))
    memory = {0x100: struct.pack(word, 0x300, 8), 0x200: struct.pack(word, 0x400, len(text))}
    memory |= {0x300: b"go1.12.7and what follows", 0x400: text}
    header = MAGIC + bytes([size, order == ">"]) + struct.pack(word, 0x100, 0x200)
    info = parse_build_info(header.ljust(32, b"\0"), lambda address, count: memory[address][:count])
    assert (info.version, info.path, info.module, info.settings) == (
        "go1.12.7", "example.test/hi/cmd", "example.test/hi", {}
    )  # fmt: skip


def test_pointers_that_lead_nowhere() -> None:
    """As in old position-independent programs, whose pointers are filled in when they start."""
    info = parse_build_info((MAGIC + b"\4\0").ljust(32, b"\0"), lambda _address, _size: b"")
    assert info == GoBuildInfo(version="")


@pytest.mark.parametrize(
    ("written", "key", "value"),
    [
        ("-tags=a,b", "-tags", "a,b"),
        ("-ldflags=\"-s -w -X 'main.v=1'\"", "-ldflags", "-s -w -X 'main.v=1'"),
        (r'CGO_CFLAGS="-DA=\"b\" -I\tc"', "CGO_CFLAGS", '-DA="b" -I\tc'),
        ('"odd key"=x', "odd key", "x"),
        (r'"a=\"b"="c d"', 'a="b', "c d"),
        ("CC=`zig cc`", "CC", "zig cc"),
        ("-gcflags=", "-gcflags", ""),
    ],
)
def test_quoting(written: str, key: str, value: str) -> None:
    text = "path\tx\nbuild\t" + written + "\n"
    block = HEADER + uleb128(6) + b"go1.20" + uleb128(len(framed(text))) + framed(text)
    assert parse_build_info(block, nowhere).settings == {key: value}


def test_a_long_string() -> None:
    text = go_text({"-tags": "x" * 300})
    assert parse_build_info(go_block({"-tags": "x" * 300}), nowhere).settings["-tags"] == "x" * 300
    assert len(text) > 127, "the length must take two bytes of the varint"


def setting(text: str) -> bytes:
    modules = framed(f"build\t{text}\n")
    return HEADER + b"\1g" + uleb128(len(modules)) + modules


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (MAGIC, "header is cut off"),
        (b"x" * 40, "header is cut off"),
        (HEADER, "length is cut off"),
        (HEADER + b"\x80" * 11 + b"\1", "length is cut off"),
        (HEADER + b"\5go1", "5 bytes where 3 are left"),
        (HEADER + b"\0\0", "version is empty"),
        (go_block(SETTINGS)[:-1], "are left"),
        ((MAGIC + b"\7\0").ljust(32, b"\0"), "pointers of 7 bytes"),
        (setting("GOARM"), "without a value"),
        (setting('"GOARM"7'), "without a value"),
        (setting('a="b'), "does not end well"),
    ],
)
def test_damage(block: bytes, message: str) -> None:
    with pytest.raises(MalformedBuildInfoError, match=message):
        parse_build_info(block, nowhere)


@pytest.mark.parametrize(
    ("data", "where"),
    [
        (MAGIC, 0),
        (b"\0" * 32 + MAGIC, 32),
        (b"\0" * 3 + MAGIC + b"\0" * 15 + MAGIC, 32),
        (b"\0" * 3 + MAGIC, -1),
        (b"", -1),
    ],
)
def test_find_magic_only_where_it_is_aligned(data: bytes, where: int) -> None:
    assert find_magic(data) == where


@pytest.mark.parametrize(
    ("version", "release"),
    [("go1.26.8", (1, 26)), ("go1.9", (1, 9)), ("devel go1.27-abc123 date", (1, 27)), ("devel +abc", None), ("", None)],
)
def test_release(version: str, release: tuple[int, int] | None) -> None:
    assert GoBuildInfo(version=version).release == release
