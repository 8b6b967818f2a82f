"""What the kinds of compiled artifacts make of a manifest: specs, with all that decides the bytes, and no more."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from crosscourse.engine.spec import Spec, encode, labels
from crosscourse.manifest.load import load_manifest
from crosscourse.manifest.locks import Lock
from crosscourse.manifest.model import Manifest
from tasks.compile import go_binary
from tasks.compile.static_library import pkgconfig
from tasks.kinds import KINDS, TABLES, kind_of
from toolchains.targets import get_target

TEXT = """
[release]
name = "x"
version = "7"
title = "X"
date = 2026-01-01T00:00:00Z
root = "x"
targets = ["armv7"]
[toolchain]
go = "1"
zig = "1"
gperf = "1"
pkgconf = "1"
[go]
flags = ["-trimpath"]
ldflags = ["-s"]
tags = ["all"]
[source.a]
url = "https://example.org/a"
commit = "0123456789012345678901234567890123456789"
tag = "v2.5"
[artifact.plain]
kind = "go-binary"
source = "a"
package = "./plain"
ldflags = ["-X a.v={version} -X a.t={tag}", "-X a.c={commit} -X a.r={release} -X a.e={epoch}"]
path = "bin/plain"
[artifact.mixed]
kind = "go-binary"
source = "a"
package = "./mixed"
cgo = true
tags = ["own"]
libraries = ["libz"]
external_ldflags = ["-lm"]
path = "bin/mixed"
[artifact.libz]
kind = "static-library"
source = "a"
library = "z"
files = ["z.c"]
headers = { "z.h" = "z.h" }
generate = [
    { output = "a", command = ["python", "-c", ""] },
    { output = "b", command = ["gperf"] },
    { output = "c", command = ["gperf"] },
]
pkgconfig = { Requires = "y", Description = "the letter", Conflicts = "w" }
[artifact.c]
kind = "c-program"
source = "a"
files = ["c.c"]
libraries = ["libz"]
path = "bin/c"
""".replace("external_ldflags", "external-ldflags")


def manifest(tmp_path: Path, *changes: tuple[str, str]) -> Manifest:
    text = TEXT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "x.toml").write_text(text)
    return load_manifest(tmp_path / "x.toml", patches=tmp_path, tables=TABLES)


def spec_of(found: Manifest, name: str, target: str = "armv7") -> Any:
    table = found.artifact[name]
    return kind_of(table).spec_of(found, get_target(target), Lock(), name, table)


def test_each_kind_is_registered_under_its_own_name() -> None:
    assert {str(kind.table.__struct_config__.tag): kind for kind in KINDS.values()} == KINDS


def test_flags_of_the_linker_are_filled_in(tmp_path: Path) -> None:
    ldflags = spec_of(manifest(tmp_path), "plain").ldflags
    commit = "0123456789012345678901234567890123456789"
    assert ldflags[0] == "-s"
    assert ldflags[1::2] == ("-X",) * 5
    assert ldflags[2::2] == ("a.v=2.5", "a.t=v2.5", f"a.c={commit}", "a.r=7", "a.e=1767225600")


@pytest.mark.parametrize(
    ("source", "expected"),
    [('version = "3"\ntag = "v2.5"', "a.v=3"), ('tag = "v2.5"', "a.v=2.5"), ("", "a.v=7")],
    ids=["its own", "of its tag", "of the release"],
)
def test_version_of_a_source(tmp_path: Path, source: str, expected: str) -> None:
    assert spec_of(manifest(tmp_path, ('tag = "v2.5"', source)), "plain").ldflags[2] == expected


def test_go_alone_knows_no_c_compiler(tmp_path: Path) -> None:
    spec = spec_of(manifest(tmp_path), "plain")
    assert go_binary.needs(spec) == ("toolchain:go",)
    command = go_binary.command(spec, Path("out"))
    assert command[:5] == ["go", "build", "-trimpath", "-tags", "all"]
    assert command[-3:] == ["-o", Path("out"), "./plain"]
    assert not any("extldflags" in str(word) for word in command)


def test_go_with_c_is_linked_statically_with_its_libraries(tmp_path: Path) -> None:
    spec = spec_of(manifest(tmp_path), "mixed")
    assert go_binary.needs(spec) == ("toolchain:go", "toolchain:zig", "toolchain:pkgconf", "compile:armv7:libz")
    command = go_binary.command(spec, Path("out"))
    assert command[4] == "all,own"
    assert command[6] == "-s -linkmode=external '-extldflags=-static -lm'"


def test_needs_of_c(tmp_path: Path) -> None:
    found = manifest(tmp_path)
    kinds = {name: kind_of(table) for name, table in found.artifact.items()}
    assert kinds["libz"].needs(spec_of(found, "libz")) == ("toolchain:zig", "toolchain:gperf")
    assert kinds["c"].needs(spec_of(found, "c")) == ("toolchain:zig", "compile:armv7:libz")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('path = "bin/c"', 'path = "sbin/c"\nmemory = 999', set()),
        ('ldflags = ["-s"]', 'ldflags = ["-w"]', {"plain", "mixed"}),
        ('tag = "v2.5"', 'tag = "v2.6"', {"plain", "libz"}),
        ("2026-01-01", "2026-01-02", {"plain", "libz", "c"}),
        ('files = ["z.c"]', 'files = ["y.c"]', {"libz"}),
        ('library = "z"', 'library = "zz"', {"mixed", "libz", "c"}),
        ('go = "1"', 'go = "2"', set()),  # the result of the tool's step says so
    ],
)
def test_what_a_change_of_the_manifest_decides(tmp_path: Path, old: str, new: str, expected: set[str]) -> None:
    before, after = manifest(tmp_path), manifest(tmp_path, (old, new))
    assert {n for n in before.artifact if encode(spec_of(before, n)) != encode(spec_of(after, n))} == expected


def test_targets_differ_in_what_compilers_see(tmp_path: Path) -> None:
    found = manifest(tmp_path)
    for name in found.artifact:
        assert encode(spec_of(found, name)) != encode(spec_of(found, name, "arm64"))
    go_alone: Spec = spec_of(found, "plain")
    assert labels(go_alone)["go env"] == {"GOOS": "linux", "GOARCH": "arm", "GOARM": "7"}
    assert "compiler" in labels(spec_of(found, "mixed"))


def test_pkgconfig_file_is_in_one_order(tmp_path: Path) -> None:
    fields = spec_of(manifest(tmp_path), "libz").pkgconfig
    text = pkgconfig(fields)
    assert text == pkgconfig(dict(reversed(fields.items())))
    assert text.splitlines() == [
        "prefix=${pcfiledir}/../..",
        "libdir=${prefix}/lib",
        "includedir=${prefix}/include",
        "",
        "Name: libz",
        "Description: the letter",
        "Version: 2.5",
        "Cflags: -I${includedir}",
        "Libs: -L${libdir} -lz",
        "Conflicts: w",
        "Requires: y",
    ]


def test_outputs_and_members_agree(tmp_path: Path) -> None:
    for name, table in manifest(tmp_path).artifact.items():
        kind = kind_of(table)
        members = list(kind.members(name, table))
        assert {member.output for member in members} == set(kind.outputs(name, table))
        assert all(member.mode == (0o755 if table.is_program else 0o644) for member in members)


def test_specs_can_be_read_back(tmp_path: Path) -> None:
    found = manifest(tmp_path)
    for name in found.artifact:
        spec = spec_of(found, name)
        assert msgspec.json.decode(encode(spec), type=type(spec)) == spec
