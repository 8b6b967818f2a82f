"""Trees written into a folder: all of it, with its modes, and nothing outside, whatever the tree or the folder has."""

from __future__ import annotations

import contextlib
import io
import os
import random
import stat
import tarfile
from pathlib import Path

import pytest

from crosscourse import files
from crosscourse.archive import write_tgz
from crosscourse.formats.entries import Entry, PlaceError, with_parents
from crosscourse.formats.folder import Tree, unpack, write_folder

HOSTILE = ["../x", "/x", "a/../../x", "..", ".", "", "a//b", "a/", "./a", "a/./b", "a\nb", "a\0b", "x" * 5000, "/"]


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """A folder beside something precious."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "precious").write_text("precious")
    (tmp_path / "top").mkdir()
    return tmp_path / "top"


def around(top: Path) -> dict[str, list[int]]:
    paths = [path for path in top.parent.rglob("*") if not path.is_relative_to(top)]
    return {str(path): files.signature(path, link=True) for path in paths}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_names_that_are_no_path_inside(top: Path, name: str, kind: str) -> None:
    before = around(top)
    with pytest.raises(PlaceError), Tree(top) as tree:
        if kind == "file":
            with tree.file(name, 0o644):
                pass
        elif kind == "folder":
            tree.folder(name, 0o755)
        else:
            tree.link(name, "x")
    entry = {"file": Entry(name=name, source=b""), "folder": Entry(name=name), "link": Entry(name=name, link="x")}[kind]
    with pytest.raises(PlaceError):
        write_folder(top, [entry])
    assert (around(top), list(top.iterdir())) == (before, [])


@pytest.mark.parametrize("to", ["outside", "../outside", "/nowhere"])
def test_what_is_below_a_link_is_refused(top: Path, to: str) -> None:
    target = str(top.parent / "outside") if to == "outside" else to
    before = around(top)
    with Tree(top) as tree:
        tree.link("var/run", target)
        with pytest.raises(PlaceError, match="no folder"):
            tree.folder("var/run/x", 0o777)
        with pytest.raises(PlaceError, match="no folder"):
            tree.link("var/run/x", "y")
        with pytest.raises(PlaceError, match="no folder"), tree.file("var/run/precious", 0o777):
            pass
    assert around(top) == before


def test_a_link_that_was_there_before_is_not_followed(top: Path) -> None:
    (top / "a").symlink_to(top.parent / "outside")
    (top / "precious").symlink_to(top.parent / "outside" / "precious")
    before = around(top)
    for name in ("a/x", "precious", "a"):
        with pytest.raises(PlaceError):
            write_folder(top, [Entry(name=name, source=b"overwritten", mode=0o777)])
    assert around(top) == before


def test_a_folder_that_becomes_a_link_meanwhile_is_not_followed(top: Path) -> None:
    before = around(top)
    with pytest.raises(PlaceError), Tree(top) as tree:
        tree.folder("a", 0o777)
        (top / "a").rmdir()
        (top / "a").symlink_to(top.parent / "outside")
        with tree.file("a/precious", 0o777):
            pass
    assert around(top) == before


@pytest.mark.parametrize("mode", [-1, 0o10000, 0o77777777777])
def test_modes_that_are_none(top: Path, mode: int) -> None:
    with pytest.raises(PlaceError, match="mode"):
        write_folder(top, [Entry(name="x", source=b"", mode=mode)])


@pytest.mark.parametrize(
    "entries",
    [
        [Entry(name="a", source=b""), Entry(name="a/b", source=b"")],
        [Entry(name="a/b/c", source=b""), Entry(name="a", link="x")],
        [Entry(name="a", source=b"1"), Entry(name="a", source=b"2")],
        [Entry(name="a"), Entry(name="a", link="x")],
        [Entry(name="a", link="")],
        [Entry(name="a", link="x\0")],
    ],
    ids=range(6),
)
def test_what_cannot_be_in_one_tree(top: Path, entries: list[Entry]) -> None:
    for order in (entries, entries[::-1]):
        with pytest.raises(PlaceError):
            with_parents(order)
        with pytest.raises(PlaceError):
            write_tgz(top.parent / "x.tgz", order, epoch=0)


def test_the_same_twice_is_there_once() -> None:
    twice = [
        Entry(name="a", mode=0o700),
        Entry(name="a", mode=0o1777),
        Entry(name="l", link="x"),
        Entry(name="l", link="x"),
    ]
    assert [(entry.name, entry.mode) for entry in with_parents(twice)] == [("a", 0o1777), ("l", 0o644)]


def test_an_archive_is_unpacked_without_rights_for_others(top: Path) -> None:
    entries = [
        Entry(name="a/b", source=b"b", mode=0o4777),
        Entry(name="l", link="../outside"),
        Entry(name="t", mode=0o1777),
    ]
    write_tgz(top.parent / "x.tgz", entries, epoch=0)
    unpack(top.parent / "x.tgz", top)
    assert {str(path.relative_to(top)): oct(stat.S_IMODE(path.lstat().st_mode)) for path in top.rglob("*")} == {
        **{"a": "0o755", "a/b": "0o755", "l": "0o777", "t": "0o755"}
    }
    assert (top / "l").readlink() == Path("../outside")


def tar(path: Path, *members: tuple[str, bytes, str]) -> None:
    with tarfile.open(path, "w") as archive:
        for name, kind, link in members:
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.size = kind, link, 1 if kind == tarfile.REGTYPE else 0
            archive.addfile(info, io.BytesIO(b"!"))


@pytest.mark.parametrize(
    "member", [("x", tarfile.LNKTYPE, "/etc/hostname"), ("x", tarfile.FIFOTYPE, ""), ("x", tarfile.CHRTYPE, "")]
)
def test_members_that_are_no_files(top: Path, member: tuple[str, bytes, str]) -> None:
    tar(top.parent / "x.tar", member)
    with pytest.raises(PlaceError, match="neither file nor folder"):
        unpack(top.parent / "x.tar", top)


SEED = int(os.environ.get("SEED") or 9)


def test_no_archive_leaves_the_folder(top: Path) -> None:
    """Members at random, of names that links of the same archive lead away from; another seed is in SEED."""
    chance = random.Random(SEED)  # noqa: S311  # to be repeated
    parts = ("a", "b", "..", ".", "", "precious", "outside", str(top.parent / "outside"))
    kinds = (tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE)
    before = around(top)
    written = 0
    for number in range(150):
        members = []
        for _ in range(6):
            name, link = ("/".join(chance.choices(parts, k=chance.choice((1, 2, 3)))) for _ in range(2))
            members.append((name, chance.choice(kinds), link))
        tar(top / "x.tar", *members)
        with contextlib.suppress(PlaceError):
            unpack(top / "x.tar", top / str(number))
        written += len(list((top / str(number)).rglob("*")))
        (top / "x.tar").unlink()
        assert around(top) == before, f"seed {SEED}, number {number}: {members}"
    assert written > 50
