"""Nothing of a manifest leads out of its place, two things are never at one, and what is wrong is said in words."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from crosscourse.errors import ManifestError
from crosscourse.manifest.load import load_manifest
from crosscourse.manifest.places import place_problems
from crosscourse.manifest.reading import MAX_SIZE
from tasks.kinds import TABLES
from tests.attack import manifests
from tests.unit.manifest.test_model import GOOD, problems
from tests.unit.tasks.compile.test_kinds import TEXT

RESOURCE = """
[artifact.r]
kind = "resource-type"
source = "a"
path = "types/r"
programs = { "/opt/check" = "b" }
metadata = {}
"""


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('version = "1"', 'version = "x/../../../V"', "release.version: expected a version"),
        ('name = "x"', 'name = "../x"', "release.name: expected a name"),
        ('"./b"', '"-toolexec=touch /x"', "artifact.b.package: expected a Go package"),
        ('"https://example.org/a"', '"git@host:x"', "source.a.url: expected a URL"),
        ('go = "1"', 'go = "../1"', "toolchain.go: expected a version"),
        ('path = "bin/b"', 'path = "../b"', "artifact.b.path: expected a path inside its folder"),
        ('path = "bin/b"', 'path = "bin/b"\nmemory = -1', "artifact.b.memory: expected `int` >= 1"),
        ("2026-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "release.date: expected a time from 1970 to 2200"),
        ("2026-01-01T00:00:00Z", "2201-01-01T00:00:00Z", "release.date: expected a time from 1970 to 2200"),
        ("2026-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "release.date: expected a time from 1970 to 2200"),
        ('["armv7"]', '["armv7", "arm64", "armv7"]', "release.targets: 'armv7' is named 2 times"),
        ('title = "X"', 'title = "\\u001b[2J"', r"release.title: expected text of one line without control characters, "
         r"got '\x1b[2J'"),
    ],
)  # fmt: skip
def test_one_problem(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert old in GOOD
    (problem,) = problems(tmp_path, GOOD.replace(old, new))
    assert expected in problem


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ('"/../../../check" = "b"', 'programs./../../../check (its name): expected a path in a root filesystem'),
        ('"opt/check" = "b"', "artifact.r.programs.\"opt/check\": 'opt/check' is taken by artifact.r.programs"),
        ('"/opt/check/x" = "b"', "'opt/check/x' is below 'opt/check', which artifact.r.programs"),
    ],
)  # fmt: skip
def test_programs_of_a_root_filesystem(tmp_path: Path, more: str, expected: str) -> None:
    text = GOOD + RESOURCE.replace('= "b" }', f'= "b", {more} }}')
    assert expected in "\n".join(problems(tmp_path, text))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('folders = { "/tmp" = "77777777777" }', "artifact.r.folders./tmp: expected an octal mode"),
        ('folders = { "/opt/check" = "0755" }', "'opt/check' is taken by artifact.r.programs"),
        ('files = { "/opt/check" = "" }', "'opt/check' is taken by artifact.r.programs"),
        ('files = { "/opt" = "" }', "artifact.r.programs.\"/opt/check\": 'opt/check' is below 'opt'"),
        ('links = { "/opt" = "/usr" }', "artifact.r.programs.\"/opt/check\": 'opt/check' is below 'opt'"),
        ('links = { "/a/b" = "../../x" }', "artifact.r.links.\"/a/b\": '../../x' leads out of the root filesystem"),
        ('links = { "/a" = "/../x" }', "leads out of the root filesystem"),
        ('data = { "/x" = "go:../../etc/passwd" }', "artifact.r.data./x: expected tool:path"),
        ('data = { "/x" = "go:a" }\nfiles = { "/x/y" = "" }', "'x/y' is below 'x'"),
    ],
)
def test_a_root_filesystem(tmp_path: Path, line: str, expected: str) -> None:
    assert expected in "\n".join(problems(tmp_path, f"{GOOD}{RESOURCE}{line}\n"))


def test_a_root_filesystem_with_all_there_is(tmp_path: Path) -> None:
    more = 'folders = { "/opt" = "0755" }\nlinks = { "/a/b/c" = "../../opt", "/l" = "/opt" }\nfiles = { "/a/x" = "" }\n'
    (tmp_path / "x.toml").write_text(GOOD + RESOURCE + more)
    load_manifest(tmp_path / "x.toml", patches=tmp_path, tables=TABLES)


@pytest.mark.parametrize("path", ["types/r", "types/r/rootfs.tgz", "types", "types/r/x/y"])
def test_artifacts_do_not_share_a_place(tmp_path: Path, path: str) -> None:
    (problem,) = problems(tmp_path, GOOD.replace('path = "bin/b"', f'path = "{path}"') + RESOURCE)
    assert "is below" in problem or "is taken by" in problem


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ('{ "../../x.h" = "z.h" }', "headers.../../x.h (its name): expected a path inside its folder"),
        ('{ "/x.h" = "z.h" }', "headers./x.h (its name): expected a path inside its folder"),
        ('{ "x" = "z.h", "x/y.h" = "z.h" }', "'x/y.h' is below 'x'"),
    ],
)
def test_headers(tmp_path: Path, headers: str, expected: str) -> None:
    assert expected in "\n".join(problems(tmp_path, TEXT.replace('{ "z.h" = "z.h" }', headers)))


@pytest.mark.parametrize("flag", ["-X '{version}", "{version!x}", "{version:>99}", "{version.__class__}", "{"])
def test_flags_of_the_linker(tmp_path: Path, flag: str) -> None:
    (problem,) = problems(tmp_path, GOOD + f'ldflags = ["{flag}"]\n')
    assert problem.startswith("artifact.b.ldflags: ")


def test_places_in_any_order() -> None:
    for places in (("a/b/c", "a"), ("a", "a/b/c")):
        assert len(list(place_problems((place, place) for place in places))) == 1
    assert not list(place_problems((place, place) for place in ("a/", "a/b", "a-b", "ab", "a.b/c")))
    assert len(list(place_problems([("one", "a/"), ("two", "a")]))) == 1


@pytest.mark.parametrize(
    ("name", "version", "clash"),
    [("x", "1", True), ("x-1", "2", False), ("x", "2", False), ("y", "1", False), ("a-b", "1", False)],
)
def test_two_releases_do_not_make_one_file(tmp_path: Path, name: str, version: str, clash: bool) -> None:
    other = GOOD.replace('name = "x"', f'name = "{name}"').replace('version = "1"', f"version = '{version}'")
    (tmp_path / "other.toml").write_text(other)
    (tmp_path / "broken.toml").write_text("[release]\nversion = '1'\n[")
    if clash:
        assert "release.version: other.toml makes packages of the same name, x-1" in problems(tmp_path, GOOD)[0]
    else:
        (tmp_path / "x.toml").write_text(GOOD)
        load_manifest(tmp_path / "x.toml", patches=tmp_path, tables=TABLES)


def test_where_name_and_version_meet_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text(GOOD.replace('name = "x"', 'name = "x-1"').replace('"1"', '"2"', 1))
    assert "other.toml" in problems(tmp_path, GOOD.replace('version = "1"', 'version = "1-2"'))[0]


def test_version_in_escapes(tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text(GOOD.replace('version = "1"', r'version = "\u0031"'))
    assert "other.toml" in problems(tmp_path, GOOD.replace("commit = \"0123456789012345678901234567890123456789\"",
                                                           f'commit = "{"0" * 40}"'))[0]  # fmt: skip


@pytest.mark.parametrize(
    "content",
    [
        "x = " + "[" * 100_000,
        "x = " + "[" * 5000 + "]" * 5000,
        "x = " + "{a = " * 3000 + "1" + "}" * 3000,
        "x" + ".x" * 50_000 + " = 1",  # took minutes
        "[x" + " . 'x'" * 50_000 + "]",
        "a" * 900_000,
        "x = " + '"a' * 400_000,
        GOOD + "\ntags = " + "[" * 300 + "]" * 300,
        "x = " + "9" * 100_000,
        "#" * (MAX_SIZE + 1),
        "x = \0",
        "\r",
    ],
    ids=range(12),
)
def test_whatever_a_file_says_is_refused_in_words(tmp_path: Path, content: str) -> None:
    found = problems(tmp_path, content)
    assert all(len(problem) < 400 for problem in found)


def test_what_is_no_file_of_text(tmp_path: Path) -> None:
    for content in (None, b"\xff\xfe", b"x = '\xff'"):
        path = tmp_path / f"{content!r}.toml"
        path.mkdir() if content is None else path.write_bytes(content)
        with pytest.raises(ManifestError, match=r"can't be read|not valid TOML"):
            load_manifest(path, patches=tmp_path, tables=TABLES)


def test_thousands_of_problems_are_cut_short(tmp_path: Path) -> None:
    assert len(problems(tmp_path, "\n".join(f"key{number} = 1" for number in range(20_000)))) == 100


SEED = int(os.environ.get("SEED") or 9)
# Of what becomes of one. Few are built: which number is the first depends on every key that there is.
WORDS = {"refused", "taken", "taken and built"}
FEW, MANY = 150, 1000


def test_made_up_manifests(tmp_path: Path) -> None:
    """A few of those that ``python -m tests.attack manifests`` tries; another seed is in the variable SEED."""
    words: set[str] = set()
    for number in range(MANY):
        if number >= FEW and words == WORDS:
            break
        chance = random.Random(f"{SEED} {number}")  # noqa: S311  # to be repeated
        word, found = manifests.judge(tmp_path / "place", manifests.made_up(chance), chance)
        assert not found, f"seed {SEED}, number {number}: {found}"
        words.add(word)
    assert words == WORDS
