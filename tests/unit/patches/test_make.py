"""Checkouts made from a store: whole or as they were, and never over a person's edits."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from crosscourse import files
from crosscourse.errors import CrosscourseError
from crosscourse.git.checkout import (
    EditedCheckoutError,
    Mark,
    edits_in,
    mark_file,
    read_mark,
    readable_marks,
    write_mark,
)
from crosscourse.git.local import make_store
from crosscourse.patches.apply import PatchError
from crosscourse.patches.make import PatchedSource, make_checkout
from crosscourse.patches.states import APPLIED, FAILED
from tests.unit.places import make_places

PATCH = "diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1 +1 @@\n-one\n+two\n"


class Place:
    """A store of one commit, a patch, and the place of a checkout."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "sources" / "x"
        self.failure = folder / "failure.json"
        self.store = folder / "store"
        self.patches = folder / "vendor-patches"
        self.patches.mkdir()
        self.patch(PATCH)
        self.at = make_places(folder)
        (folder / "upstream").mkdir()
        for name, text in (("a", "one\n"), ("left-out", "")):
            (folder / "upstream" / name).write_text(text)
        make_store(folder / "upstream", self.store, self.at, name="x", url="upstream", date=1)

    def patch(self, text: str) -> None:
        (self.patches / "p.patch").write_text(text)

    def make(self, **changed: object) -> None:
        spec = PatchedSource(
            name="x",
            url="upstream",
            commit=None,
            omit=("left-out",),
            patches=("p.patch",),
            digests={"p.patch": files.digest(self.patches / "p.patch")},
            date=1,
            manifest="releases/r.toml",
        )
        make_checkout(
            msgspec.structs.replace(spec, **changed),
            self.folder,
            self.at,
            store=self.store,
            vendor_patches=self.patches,
            failure=self.failure,
        )


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_checkout(place: Place) -> None:
    place.make()
    assert sorted(path.name for path in place.folder.iterdir()) == [".git", "a"]
    assert (place.folder / "a").read_text() == "two\n"
    assert read_mark(place.folder).patches == {"p.patch": APPLIED}
    assert edits_in(place.folder) == []
    assert [path.name for path in place.folder.parent.iterdir()] == ["x"]


def test_made_anew_it_is_the_same(place: Place) -> None:
    place.make()
    first = read_mark(place.folder)
    place.make()
    assert read_mark(place.folder) == first
    place.make(date=2)
    assert read_mark(place.folder).commit != first.commit
    place.make(omit=())
    assert (place.folder / "left-out").is_file()


def test_a_patch_that_does_not_apply_leaves_the_checkout_and_is_noted(place: Place) -> None:
    place.make()
    place.patch(PATCH.replace("-one", "-uno"))
    with pytest.raises(PatchError):
        place.make()
    assert (place.folder / "a").read_text() == "two\n"
    assert [mark.patches for mark in readable_marks(place.failure)] == [{"p.patch": FAILED}]
    place.patch(PATCH)
    place.make()
    assert not place.failure.exists()


def test_edits_are_kept(place: Place) -> None:
    place.make()
    (place.folder / "a").write_text("mine\n")
    with pytest.raises(EditedCheckoutError):
        place.make(patches=())
    assert (place.folder / "a").read_text() == "mine\n"


def test_an_exported_patch_that_no_manifest_names_is_not_lost(place: Place) -> None:
    place.make()
    mark = read_mark(place.folder)
    write_mark(mark_file(place.folder), Mark(base=mark.base, commit=mark.commit, patches={}, exported=["p.patch"]))
    with pytest.raises(CrosscourseError, match=r'Add "p\.patch" to source\.x\.patches in releases/r\.toml'):
        place.make(patches=())
    place.make()
