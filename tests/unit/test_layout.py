"""Where everything lies."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from crosscourse.layout import Layout, PathError, check_path

ROOT = Path("/p")
LAYOUT = Layout(root=ROOT, release="r", cache=Path("/c"), override={"mine": Path("/elsewhere/mine")})


def test_what_is_derived_lies_below_the_build_folder() -> None:
    assert LAYOUT.build == ROOT / "build" / "r"
    derived = [
        LAYOUT.home,
        LAYOUT.failed_patches("s"),
        LAYOUT.artifact("t", "a"),
        LAYOUT.library("t", "a"),
        LAYOUT.rootfs("t", "a"),
        LAYOUT.report("t", "a"),
    ]
    assert all(LAYOUT.build in path.parents for path in derived)
    assert len(set(derived)) == len(derived)
    of_another_target = [LAYOUT.artifact("u", "a"), LAYOUT.library("u", "a"), LAYOUT.rootfs("u", "a")]
    assert not set(of_another_target) & set(derived)


def test_what_a_user_takes_away_lies_beside_it() -> None:
    assert LAYOUT.dist == ROOT / "dist"


def test_what_checkouts_share_lies_in_the_cache() -> None:
    assert (LAYOUT.results, LAYOUT.tools) == (Path("/c/results"), Path("/c/tools"))


def test_what_is_read() -> None:
    assert LAYOUT.manifest == ROOT / "releases" / "r.toml"
    assert LAYOUT.vendor_patches == ROOT / "vendor-patches"


def test_a_folder_of_ones_own_is_used_in_place() -> None:
    assert LAYOUT.checkout("mine") == Path("/elsewhere/mine")
    assert LAYOUT.checkout("other") == ROOT / "sources" / "r" / "other"


UNUSABLE = [
    ("a:b", ":"),
    ("it's", "'"),
    ('a"b', '"'),
    ("a\\b", "\\"),
    ("$HOME", "$"),
    ("%s", "%"),
    ("a(b", "("),
    ("a)b", ")"),
    ("a;b", ";"),
    ("a=b", "="),
    ("a\nb", r"the control character '\n'"),
    ("a\tb", r"the control character '\t'"),
    (os.fsdecode(b"a\xff"), "the byte 0xff, which is not UTF-8"),
]


@pytest.mark.parametrize(("name", "told"), UNUSABLE)
def test_a_path_that_compilers_can_t_work_in_is_refused(name: str, told: str) -> None:
    with pytest.raises(PathError) as caught:
        check_path(Path("/home") / name / "project", "project folder", "Move it.")
    assert f"can't work in a path with {told}\n  > Move it." in str(caught.value)
    str(caught.value).encode()  # can be printed


def test_two_characters_are_both_told() -> None:
    with pytest.raises(PathError, match=r"with % and :"):
        check_path(Path("/a:b/%s"), "cache folder", "")


def test_other_paths_are_not() -> None:
    check_path(Path("/-x #1 *?[x] ,&|<>{}!~^@+`x` é"), "project folder", "")
