"""What each type of a manifest takes and refuses, as a value and as a key of a table, here and in schema.json."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from crosscourse.manifest import types

ROOT = Path(__file__).resolve().parents[3]

GOOD = {
    "Name": ["a", "gdn-init", "c++", "x.1", "a" * 64],
    "Version": ["1", "1.26.6", "3.0.7.post0", "2.0-rc1", "1.0+b~c"],
    "Tag": ["v1.2.3", "releases/v1", "pkg@1.0", "go1.22"],
    "Url": ["https://x/y", "ssh://git@h/x", "file:///x", "git://h/x", "examples/printer", "a.b/c"],
    "Line": ["", "ü x", "'\"\\"],
    "RelativePath": ["a", "a/b", "...", "a b/c", "{generated}/x.h", "a/.b", "a/..b", "a/-b", "a" * 200],
    "FolderPath": [".", "a/b"],
    "RootPath": ["/var", "etc/x", "/a/b c"],
    "LinkTarget": ["bash", "../x", "/usr/bin"],
    "DataPath": ["certifi:certifi/cacert.pem"],
    "FolderMode": ["1777", "755", "0700"],
    "GoPackage": [".", "./cmd/x", "./a-b/c.d", "example.com/a-b/cmd/x"],
    "GoPackages": [".", "./...", "./a/..."],
    "GoTag": ["netgo", "static_build", "go1.22"],
    "GoFlag": ["-trimpath", "-buildvcs=false", "-ginkgo.focus=A b|C", "-mod=vendor", "-run", "TestSpec", "-count=1"],
    "Suite": ["bookworm", "bookworm-backports"],
    "DebianPackage": ["g++", "libc6", "python3-minimal"],
    "KernelModule": ["xt_LOG", "virtio_blk"],
    "Word": ["containerd", "overlay"],
    "Variable": ["CONCOURSE_X", "_a1"],
    "PkgconfigField": ["Requires", "Libs.private"],
    "Argument": ["", "a\nb\n", "-x"],
}  # fmt: skip
_OUT = ["", "/a", "..", "../a", "a/..", "a/../b", "a//b", "a/", "a/.", "a\n", "\n", "a\0", "a\n/b", "é", "x" * 201]
BAD = {
    "Name": ["", "A", "-x", ".x", "a/b", "a\n", "a:b", "a" * 65, "é"],
    "Version": ["", "x/../../../V", "../x", "1..2", "1\n", "-1", "1 2", "1/2"],
    "Tag": ["", "v1..2", "a//b", "a/", ".a", "-x", "a b", "v1\n", "v1 -X a"],
    "Url": ["git@host:x", "git@host:x/y", "ext::sh -c x", "ext::https://x", "-x", "/a", "../x", "https://-o", "x\n"],
    "Line": ["a\n", "\n", "a\rb", "\x1b[2J", "\u202e", "\x85", "\u2028", "\0"],
    "RelativePath": [*_OUT, ".", "./a", "-x", "@x"],
    "FolderPath": [*_OUT, "./a"],
    "RootPath": [*_OUT[2:], "", "//a", "/", "/../a", "/a/../b", "/a\n"],
    "LinkTarget": ["", "a\0", "a\n", "é"],
    "DataPath": ["certifi:../x", "certifi:/x", "certifi:", "x", "certifi:a/../../b", "../x:y"],
    "FolderMode": ["77777777777", "", "8", "4755", "0o755", "1777\n", "-755", "75"],
    "GoPackage": ["..", "./..", "./../x", "-toolexec=x", "./...", "/x", "x", "./a//b", "./a\n", ".\n", "./a b",
        "a/b", "x.org", "x.org/", "x.org/../y", "x.org/...", "x.org/y@v1", "-x.org/y", "x.org/y\n"],
    "GoPackages": ["./.../x", "..", "-exec=x", "..."],
    "GoTag": ["", "a,b", "-x", "a b", "a\n"],
    "GoFlag": [
        *("-o", "--o", "-o=x", "-toolexec=x", "--toolexec=x", "-exec=x", "-C", "-coverprofile=x", "-test.cpuprofile=x"),
        *("", "-", "--", "-trimpath\n", "-overlay=/x", "-modfile=/x", "-pkgdir", "-outputdir=/x", "-c", "-n"),
    ],
    "Suite": ["", "bookworm\ndeb x", "bookworm\n", "-x", "a b", "a/b"],
    "DebianPackage": ["-x", "x-", "a", "a b", "a=1", "a/b", "a\n", "-o=x"],
    "KernelModule": ["", "../x", "a/b", "-x", "a b"],
    "Word": ["", "-x", "A", "a b", "a;b"],
    "Variable": ["", "1", "a=b", "a b", "A\n", "a;b"],
    "PkgconfigField": ["", "a:b", "a b", "a\nb"],
    "Argument": ["\0", "a\0b"],
}  # fmt: skip


def takes(kind: str, text: str) -> tuple[bool, bool]:
    """Whether a type takes a text, as a value and as a key."""
    found = []
    made: Any = getattr(types, kind)
    for data, expected in ((text, made), ({text: 1}, dict[made, int])):
        try:
            msgspec.convert(data, expected)
        except msgspec.ValidationError:
            found.append(False)
        else:
            found.append(True)
    return found[0], found[1]


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in GOOD.items() for text in texts])
def test_taken(kind: str, text: str) -> None:
    assert takes(kind, text) == (True, True)


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in BAD.items() for text in texts])
def test_refused(kind: str, text: str) -> None:
    assert takes(kind, text) == (False, False)


def test_every_pattern_says_what_it_means_and_ends_where_the_text_ends() -> None:
    for kind in GOOD:
        (meta,) = getattr(types, kind).__metadata__
        assert meta.description, kind
        assert meta.pattern.startswith("^"), kind
        assert meta.pattern.endswith(types.END), kind


def test_no_text_of_a_manifest_is_without_a_type() -> None:
    """In the schema: what has no pattern is prose or content, which nobody takes for a path, a word or a name."""
    schema = json.loads((ROOT / "releases" / "schema.json").read_text())
    free = set()
    for table, told in schema["$defs"].items():
        for key, inner in told["properties"].items():
            for part in re.findall(r'\{[^{}]*"type": "string"[^{}]*\}', json.dumps(inner)):
                if not {"pattern", "enum", "const", "format"} & set(json.loads(part)):
                    free.add(f"{table}.{key}")
    assert free == {
        *("Source.why", "Generate.replace", "Generate.content", "ResourceType.files", "ResourceType.metadata"),
        *("DebianResourceType.files", "DebianResourceType.metadata", "NodeAssets.stand-in", "GeneratedSource.files"),
        *("DebianResourceType.files-of", "Server.files", "Scenario.files", "Try.got", "Together.setup"),
    }
