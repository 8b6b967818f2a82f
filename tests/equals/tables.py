"""Each key of a release's manifest and of a target's table, changed one at a time: found by a walk of their types."""

from __future__ import annotations

import copy
import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec.toml
from msgspec import inspect

from crosscourse.manifest.model import Artifact, Boot, Manifest
from tasks.kinds import TABLES
from tests.equals import toml
from tests.equals.state import MANIFEST, TARGETS
from toolchains.targets import Target

Key = tuple["str | int", ...]
# A value in place of one that there is, or of nothing.
GONE = object()

# What to put into lists and tables of texts, and where a key is left out: pattern of the key → values. The first
# pattern that matches counts. Where nothing fits, a text gets a letter more.
VALUES: Sequence[tuple[str, Sequence[Any]]] = (
    (r"release\.name", ["press"]),
    (r"release\.root", ["press", "printer/deep"]),
    (r"release\.targets\.\+", ["armv9"]),
    (r"toolchain\.\+", [("tzdata2", "1")]),
    (r"go\.flags\.\+", ["-gcflags=-l", "-mod=mod", "-pgo=off"]),
    (r"(go|artifact\..*)\.tags\.\+", ["more"]),
    (r"go\.ldflags\.\+", ["-X=main.version=9", "-w"]),
    (r"artifact\.(go)?printer\.ldflags\.\+", ["-X main.version={release}-{epoch}", "-X main.other={commit}"]),
    (r".*\.ldflags\.0", ["-X main.version={version}.{release}"]),
    (r".*\.external-ldflags\.\+", ["-Wl,--gc-sections"]),
    (r"artifact\.cprinter\.ldflags\.\+", ["-Wl,--gc-sections"]),
    (r".*\.cflags\.\+", ["-DPRINT_MORE", "-O1"]),
    (r"source\.printer\.url", ["examples/printers", "examples"]),
    (r"source\.printer\.commit", ["0123456789" * 4]),
    (r"source\.printer\.tag", ["v2.0"]),
    (r"source\.printer\.omit", [["/README.md"], ["/program"]]),
    (r"source\.printer\.patches\.\+", ["printer/none.patch", "printer/say-patched.patch"]),
    (r"source\.printer\.test\.\+", ["./cmd/printer"]),
    (r".*\.package", ["./cmd/goprinter", "./cmd/printer", "./cmd"]),
    (r".*\.directory", ["cmd"]),
    (r"artifact\..*\.libraries\.\+", ["libprinter"]),
    (r"artifact\.(libprinter|cprinter)\.files\.\+", ["library/print.c", "program/main.c"]),
    (r"artifact\.[^.]*\.headers\.\+", [("printer/words.txt", "library/words.txt"), ("w.h", "{generated}/words.h")]),
    (r"artifact\.[^.]*\.headers\..*", ["{generated}/words.h", "library/print.h.in"]),
    (
        r".*\.generate\.\+",
        [
            {"output": "unused.h", "content": "/* nothing */"},
            {"output": "string.h", "content": '#include_next <string.h>\n#define printf(...) puts("-")\n'},
            {"output": "late.h", "command": ["python", "-c", "open('late.h', 'w').write('//')"]},
        ],
    ),
    (r".*\.replace\.\+", [("Prints", "Writes"), ("@VERSION@.", "-")]),
    (r".*\.generate\.\d+\.template", ["README.md"]),
    (r".*\.generate\.\d+\.content", ['#define PRINT_VERSION "3"\n']),
    (r".*\.pkgconfig\.\+", [("Description", "prints"), ("Libs", "-L${libdir} -lprinter -lm"), ("URL", "none")]),
    (r".*\.pkgconfig", [{"Version": "7"}, {"Cflags": "-I${includedir} -DPRINT_MORE"}]),
    (r".*\.programs\.\+", [("/opt/resource/more", "cprinter"), ("/bin/sh", "nothing")]),
    (r".*\.programs\..*", ["printer", "goprinter", "cprinter"]),
    (r"artifact\.printer-resource\.files\.\+", [("/etc/hostname", "printer\n")]),
    (r".*\.folders\.\+", [("/var/cache", "1777"), ("/root", "700")]),
    (r".*\.folders\..*", ["1770", "999"]),
    (r".*\.links", [{"/etc/mtab": "/proc/mounts"}]),
    (r".*\.data\.\+", [("/etc/ssl/cert.pem", "certifi:certifi/cacert.pem"), ("/x", "certifi:none")]),
    (r".*\.data\..*", ["tzdata:tzdata/zoneinfo/UTC", "certifi:certifi/cacert.pem"]),
    (r".*\.metadata\.\+", [("more", True)]),
    (r".*\.path", ["bin/moved"]),
    (r"boot\.packages\.\+", ["file"]),
    (r"boot\.modules\.\+", ["loop"]),
    (r"boot\.program\.[^.]*\.command\.\+", ["hello"]),
    (r".*why", ["because"]),
    (r"[^.]*\.goarch", ["arm64"]),
    (r"[^.]*\.goarm", [6]),
    (r"[^.]*\.goamd64", ["v2"]),
    (r"[^.]*\.zig\.target", ["aarch64-linux-musl"]),
    (r"[^.]*\.zig\.cpu", ["generic+v7a+vfp3d16-neon", "no-such-cpu"]),
)
# Without these flags a program says where it was made (-trimpath), of which commit and whether that was edited
# (-buildvcs), and the flags of its C code, paths among them (-buildid): another checkout gives another one.
SAYS_WHERE = re.compile(r"printer: go( |\.flags |\.flags\.[01] |\.ldflags |\.ldflags\.2 )left out")
# A tool of another version is another download, and the C library once more: only refused ones are tried.
ADDED_TABLES = re.compile(r"source|artifact|boot\.program")


@dataclass(frozen=True, kw_only=True)
class TableChange:
    """One key of a TOML file set, or taken away. ``file``: relative to the project."""

    file: str
    key: Key
    value: Any

    @property
    def name(self) -> str:
        """The key, and what becomes of it."""
        said = "left out" if self.value is GONE else repr(self.value)
        return f"{Path(self.file).stem}: {'.'.join(map(str, self.key))} {said[:80]}"

    def __call__(self, root: Path) -> None:
        """Do it in a copy of the project."""
        path = root / self.file
        data = msgspec.toml.decode(path.read_bytes())
        path.write_text(toml.dump(changed(data, self.key, self.value)), encoding="utf-8")


def changed(data: Any, key: Key, value: Any) -> Any:
    """A copy of ``data`` with one value set, or removed. Does nothing where a table on the way is gone."""
    data = copy.deepcopy(data)
    inner: Any = data
    last: Any = key[-1]
    try:
        part: Any
        for part in key[:-1]:
            inner = inner[part] if isinstance(inner, list) else inner.setdefault(part, {})
        if value is not GONE:
            if isinstance(inner, list) and last == len(inner):
                inner.append(value)
            else:
                inner[last] = value
        elif isinstance(inner, list) or last in inner:
            del inner[last]
    except (IndexError, KeyError, TypeError, AttributeError):
        return data
    return data


def manifest_changes(root: Path) -> list[TableChange]:
    """A change or more of each key of the example's manifest."""
    data = msgspec.toml.decode((root / MANIFEST).read_bytes())
    found = [TableChange(file=MANIFEST, key=key, value=value) for key, value in _struct(Manifest, data, ())]
    return [change for change in found if not SAYS_WHERE.fullmatch(change.name)]


def target_changes(root: Path, target: str = "armv7") -> list[TableChange]:
    """A change or more of each key of a target's table."""
    data = msgspec.toml.decode((root / TARGETS).read_bytes())[target]
    return [
        TableChange(file=TARGETS, key=(target, *key[1:]), value=value)
        for key, value in _struct(Target, data, (target,))
    ]


def _struct(table: type, data: Mapping[str, Any], key: Key) -> Iterator[tuple[Key, Any]]:
    found = inspect.type_info(table)
    assert isinstance(found, inspect.StructType)
    if found.tag_field and found.tag is not None:
        yield (*key, found.tag_field), f"{data.get(found.tag_field)}x"
    for field in found.fields:
        inner = (*key, field.encode_name)
        if field.encode_name not in data:
            yield from ((inner, value) for value in _absent(field.type, inner))
            continue
        yield from _any(field.type, data[field.encode_name], inner)
        yield inner, GONE
    yield (*key, "unknown-key"), 1


def _any(kind: inspect.Type, value: Any, key: Key) -> Iterator[tuple[Key, Any]]:
    if isinstance(kind, inspect.Metadata):
        kind = kind.type
    if isinstance(kind, inspect.UnionType):
        kind = next(one for one in kind.types if not isinstance(one, inspect.NoneType) and _fits(one, value))
    if isinstance(kind, inspect.StructType):
        yield from _struct(_table(kind, value), value, key)
    elif isinstance(kind, inspect.DictType):
        yield from _dict(kind, value, key)
    elif isinstance(kind, (inspect.ListType, inspect.VarTupleType)):
        yield from _list(kind, value, key)
    else:
        yield from ((key, one) for one in _others(kind, value, key) if one != value)


def _table(kind: inspect.StructType, value: Mapping[str, Any]) -> type:
    """The table of the kind that the value says it is of."""
    if issubclass(kind.cls, (Artifact, Boot)):
        for table in (*TABLES.artifacts, *TABLES.boots):
            if table.__struct_config__.tag == value.get("kind") and issubclass(table, kind.cls):
                return table
    return kind.cls


def _dict(kind: inspect.DictType, value: Mapping[str, Any], key: Key) -> Iterator[tuple[Key, Any]]:
    for name, inner in value.items():
        yield from _any(kind.value_type, inner, (*key, name))
        yield (*key, name), GONE
    for name, inner in _hints((*key, "+")) or ([("more", "more")] if _is_text(kind.value_type) else []):
        yield (*key, name), inner
    if len(value) > 1:
        yield key, dict(reversed(list(value.items())))
    if value and ADDED_TABLES.fullmatch(".".join(map(str, key))):
        name, inner = next(iter(value.items()))
        yield (*key, f"{name}2"), {**inner, **({"path": "bin/second"} if "path" in inner else {})}


def _list(kind: inspect.ListType | inspect.VarTupleType, value: Sequence[Any], key: Key) -> Iterator[tuple[Key, Any]]:
    for index, inner in enumerate(value):
        yield from _any(kind.item_type, inner, (*key, index))
        yield (*key, index), GONE
    for one in _hints((*key, "+")) or (["more"] if _is_text(kind.item_type) else []):
        yield (*key, len(value)), one
    if len(value) > 1:
        yield key, list(reversed(value))


def _others(kind: inspect.Type, value: Any, key: Key) -> list[Any]:
    hints = _hints(key)
    if hints:
        return hints
    if isinstance(kind, inspect.LiteralType):
        return list(kind.values)
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1]
    if isinstance(value, dt.datetime):
        return [value + dt.timedelta(days=1, seconds=1)]
    return [f"{value}x"]


def _absent(kind: inspect.Type, key: Key) -> list[Any]:
    """Values for a key that is left out."""
    if hints := _hints(key):
        return hints
    made: Mapping[type, Callable[[Any], list[Any]]] = {
        inspect.Metadata: lambda kind: _absent(kind.type, key),
        inspect.UnionType: lambda kind: [one for inner in kind.types for one in _absent(inner, key)],
        inspect.LiteralType: lambda kind: list(kind.values),
        inspect.ListType: lambda _: [[one] for one in _hints((*key, "+"))] or [["-v"]],
        inspect.DictType: lambda _: [dict([one]) for one in _hints((*key, "+"))],
        inspect.BoolType: lambda _: [True],
        inspect.IntType: lambda _: [5],
        inspect.StrType: lambda _: ["more"],
    }
    return made[type(kind)](kind) if type(kind) in made else []


def _hints(key: Key) -> list[Any]:
    dotted = ".".join(map(str, key))
    return next((list(values) for pattern, values in VALUES if re.fullmatch(pattern, dotted)), [])


def _is_text(kind: inspect.Type) -> bool:
    return isinstance(kind.type if isinstance(kind, inspect.Metadata) else kind, inspect.StrType)


def _fits(kind: inspect.Type, value: Any) -> bool:
    tests: Mapping[type, Callable[[Any], bool]] = {
        inspect.StructType: lambda value: isinstance(value, Mapping),
        inspect.DictType: lambda value: isinstance(value, Mapping),
        inspect.ListType: lambda value: isinstance(value, list),
    }
    return tests.get(type(kind), lambda value: not isinstance(value, (Mapping, list)))(value)
