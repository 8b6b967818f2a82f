"""Patch files as text: taken apart, made stable, put together."""

from __future__ import annotations

from pathlib import Path

import pytest

from crosscourse.patches import text as patch_text
from crosscourse.patches.table import Row, describe, subject

ROOT = Path(__file__).resolve().parents[3]
PATCHES = sorted((ROOT / "vendor-patches").rglob("*.patch"))

TEXT = b"""diff --git a/x.go b/x.go
index 0123456..789abcd 100644
--- a/x.go
+++ b/x.go
@@ -1,3 +1,3 @@ func index () {
 same\r line
-index old
+index new
 @@ -1 +1 @@ said
"""
BINARY = b"""diff --git a/x.png b/x.png
index 0123456789..abcdef 100644
GIT binary patch
literal 4
LcmZQzWMT#Y01f~L

"""


@pytest.mark.parametrize("path", PATCHES, ids=lambda path: path.name)
def test_taken_apart_and_put_together(path: Path) -> None:
    header, sections = patch_text.split(path.read_bytes())
    assert header + b"".join(sections) == path.read_bytes()
    assert header.startswith(b"Subject: ")
    assert sections
    assert patch_text.plain(path.read_bytes())
    assert patch_text.keep_sections(sections, sections) == sections


def test_no_index_and_no_function() -> None:
    (made,) = patch_text.plain(TEXT)
    assert made == TEXT.replace(b"index 0123456..789abcd 100644\n", b"").replace(b"@@ func index () {", b"@@")


def test_index_where_it_is_needed() -> None:
    text, binary = patch_text.plain(TEXT + BINARY)
    assert b"index 0123456" not in text
    assert binary == BINARY
    assert b"index 0123456" in patch_text.plain(TEXT, index=True)[0]


def test_sections_with_the_same_changes_stay() -> None:
    def section(name: str, context: str, line: str) -> bytes:
        return f"diff --git a/{name} b/{name}\n--- a/{name}\n+++ b/{name}\n@@ -1 +1 @@\n {context}\n+{line}\n".encode()

    old = [section("b", "much", "x"), section("a", "much", "x"), section("gone", "", "x")]
    new = [section("a", "little", "x"), section("b", "little", "changed"), section("c", "little", "x")]
    assert patch_text.keep_sections(old, new) == [new[1], old[1], new[2]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("worker: map ids that fit", "worker-map-ids-that-fit"),
        ("  Ünusual/../path!  ", "nusual-path"),
        ("…", "patch"),
        ("a" * 100, "a" * 60),
        ("words " * 20, "-".join(["words"] * 10)),
    ],
)
def test_slug(text: str, expected: str) -> None:
    assert patch_text.slug(text) == expected


def test_header() -> None:
    assert patch_text.header("a: b", "") == b"Subject: a: b\n\nUpstream: not submitted.\n\n"
    assert patch_text.header("a: b", "x\ny") == b"Subject: a: b\n\nWhy: x\ny\nUpstream: not submitted.\n\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Subject: one\n\nWhy: x\n", "one"),
        ("From: me\nSubject: one\n two\n\nSubject: three", "one two"),
        ("diff --git a/x b/x\nSubject: no\n", ""),
        ("", ""),
    ],
)
def test_subject(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "x.patch").write_text(text)
    assert subject(tmp_path / "x.patch") == expected


def test_table_is_aligned_and_has_no_trailing_spaces() -> None:
    lines = describe(
        [
            Row(source="a", file="a/x.patch", state="applied", subject="one"),
            Row(source="longer", file="longer/y.patch", state="not tried yet", subject=""),
        ]
    )
    assert lines == [
        "source  patch           state          subject",
        "a       a/x.patch       applied        one",
        "longer  longer/y.patch  not tried yet",
    ]
    assert describe([]) == []
