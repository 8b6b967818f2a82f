"""Where paths lead in the root filesystems of archives."""

from __future__ import annotations

import io

import pytest

from crosscourse.binaries.elf import read_elf
from crosscourse.binaries.trees import Member, inner_name, looks_like_root, make_tree
from tests.unit.helpers_elf import build_elf

FACTS = read_elf(io.BytesIO(build_elf()), "x")
TREE = make_tree(
    [
        (Member("usr/lib/x/libx.so.1", "file", size=7), FACTS),
        (Member("usr/lib/x/libx.so", "link", to="libx.so.1"), None),
        (Member("lib", "link", to="usr/lib"), None),
        (Member("etc/x", "link", to="/lib/x/libx.so"), None),
        (Member("etc/up", "link", to="../../../../usr/lib"), None),
        (Member("etc/gone", "link", to="nowhere"), None),
        (Member("etc/into", "link", to="/etc/x/below"), None),
        (Member("etc/round", "link", to="about"), None),
        (Member("etc/about", "link", to="round"), None),
        (Member("etc/itself", "link", to="/"), None),
        (Member("usr/bin/hard", "hard link", to="usr/lib/x/libx.so.1"), None),
        (Member("srv", "folder"), None),
    ]
)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/usr/lib/x/libx.so.1", "usr/lib/x/libx.so.1"),
        ("/usr/lib/x/libx.so", "usr/lib/x/libx.so.1"),
        ("/lib/x/libx.so", "usr/lib/x/libx.so.1"),
        ("//lib/./x/../x//libx.so", "usr/lib/x/libx.so.1"),
        ("/etc/x", "usr/lib/x/libx.so.1"),
        ("/etc/up/x/libx.so", "usr/lib/x/libx.so.1"),
        ("/../../srv", "srv"),
        ("/lib", "usr/lib"),
        ("/usr", "usr"),
        ("/", ""),
        ("/etc/itself/etc/itself/srv", "srv"),
        ("/etc/gone", None),
        ("/etc/into", None),
        ("/etc/round", None),
        ("/srv/x", None),
        ("/usr/lib/x/libx.so.1/..", None),
        ("/usr/li", None),
    ],
)
def test_find(path: str, found: str | None) -> None:
    assert TREE.find(path) == found


def test_find_beside() -> None:
    assert TREE.find("x/libx.so", beside="usr/lib") == "usr/lib/x/libx.so.1"
    assert TREE.find("../srv", beside="etc") == "srv"
    assert TREE.find("/srv", beside="etc") == "srv"
    assert TREE.find("srv", beside="etc") is None


def test_as_many_links_as_the_kernel_follows() -> None:
    links = [(Member(f"l/{number}", "link", to=str(number + 1)), None) for number in range(1, 42)]
    tree = make_tree([*links, (Member("l/42", "file"), None)])
    assert tree.find("/l/2") == "l/42"
    assert tree.find("/l/1") is None


def test_file_is_no_folder() -> None:
    assert TREE.file("/lib/x/libx.so") == TREE.members["usr/lib/x/libx.so.1"]
    assert TREE.file("/lib") is TREE.file("/srv") is TREE.file("/gone") is None


def test_hard_links_are_what_they_lead_to_and_count_once() -> None:
    assert TREE.members["usr/bin/hard"].kind == "file"
    assert TREE.elf["usr/bin/hard"] is FACTS
    assert TREE.size == 7


def test_of_a_name_that_comes_twice_the_last_counts() -> None:
    first, second = Member("bin/x", "file", size=3), Member("bin/x", "file", size=4)
    assert make_tree([(first, FACTS), (second, None)]).elf == {}
    assert make_tree([(first, None), (second, FACTS)]).elf == {"bin/x": FACTS}
    assert make_tree([(first, None), (second, None)]).size == 4


@pytest.mark.parametrize(
    ("name", "inner"),
    [("./a/b", "a/b"), ("/a", "a"), ("a/", "a"), ("a//b", "a/b"), ("a/./b", "a/b"), ("a/../b", "a/../b"),
     (".", ""), (".hidden", ".hidden"), ("../a", "../a"), ("a/.", "a")],
)  # fmt: skip
def test_inner_name(name: str, inner: str) -> None:
    assert inner_name(name) == inner


def test_looks_like_root() -> None:
    assert looks_like_root(["usr/bin/x", "etc"])
    assert not looks_like_root(["usr/bin/x", "usr/lib/y"])
    assert not looks_like_root(["concourse/bin/x", "fly"])
