"""Checkouts made from a store: whole or as they were, and never over a person's edits."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from crosscourse import files
from crosscourse.errors import CrosscourseError
from crosscourse.git.checkout import Mark, mark_file, read_mark, readable_marks, write_mark
from crosscourse.git.edits import EditedCheckoutError, edits_in
from crosscourse.git.local import make_store
from crosscourse.patches.apply import PatchError
from crosscourse.patches.export import export
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

    def commit(self, *words: str) -> str:
        git = ["git", "-C", str(self.folder), "-c", "user.name=t", "-c", "user.email=t@t"]
        subprocess.run([*git, "add", "--all"], check=True)
        subprocess.run([*git, "commit", "-q", *words], check=True)
        return subprocess.check_output([*git, "rev-parse", "HEAD"], text=True).strip()

    def export(self) -> None:
        with files.scratch_folder(self.at.scratch / "export") as scratch:
            export(
                self.folder,
                source="x",
                patches=["p.patch"],
                vendor_patches=self.patches,
                log=self.at.log,
                scratch=scratch,
            )


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_checkout(place: Place) -> None:
    place.make()
    assert sorted(path.name for path in place.folder.iterdir()) == [".git", "a"]
    assert (place.folder / "a").read_text() == "two\n"
    assert read_mark(place.folder).patches == {"p.patch": APPLIED}
    edits = edits_in(place.folder)
    assert (edits.named, edits.nameless) == ([], [])
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


def test_what_is_done_to_a_checkout_does_not_reach_the_store(place: Place) -> None:
    def store() -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in place.store.rglob("*") if path.is_file()}

    before = store()
    place.make()
    assert any((place.folder / ".git" / "objects" / "pack").iterdir())
    for path in (place.folder / ".git").rglob("*"):
        if path.is_file():
            assert path.stat().st_nlink == 1
            path.chmod(0o644)
            path.write_bytes(b"damaged")
    assert store() == before


def test_edits_are_taken_as_they_are_where_the_same_would_be_made(place: Place) -> None:
    place.make()
    mark = read_mark(place.folder)
    (place.folder / "a").write_text("mine\n")
    place.make()
    place.make(manifest="releases/other.toml")
    assert (place.folder / "a").read_text() == "mine\n"
    assert read_mark(place.folder) == mark
    assert place.at.reported[-1].endswith("has edits of yours, and is taken as it is")
    for changed in ({"patches": ()}, {"date": 2}, {"omit": ()}, {"url": "elsewhere"}, {"digests": {"p.patch": "0"}}):
        with pytest.raises(EditedCheckoutError):
            place.make(**changed)
    (place.folder / "a").write_text("two\n")
    (place.folder / ".git" / "config").write_text("")  # without edits it is made anew
    place.make()
    assert "[core]" in (place.folder / ".git" / "config").read_text()


@pytest.mark.parametrize("path", ["a", "new"])
def test_what_is_saved_while_it_is_made_anew_is_kept(place: Place, path: str) -> None:
    place.make()

    def save(_: str) -> None:
        (place.folder / path).write_text("mine\n")

    place.at = replace(place.at, show=save)
    with pytest.raises(EditedCheckoutError, match=f"kept: {path}"):
        place.make(date=2)
    assert (place.folder / path).read_text() == "mine\n"


def test_commits_that_nothing_names_outlive_a_new_pin(place: Place) -> None:
    place.make()
    git = ["git", "-C", str(place.folder), "-c", "user.name=t", "-c", "user.email=t@t"]
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "mine"], check=True)
    subprocess.run([*git, "reset", "-q", "--hard", "HEAD~1"], check=True)
    nameless = edits_in(place.folder).nameless
    assert len(nameless) == 1
    place.make(date=2)
    place.make(date=3)
    edits = edits_in(place.folder)
    assert (edits.named, edits.nameless) == ([], nameless)
    assert subprocess.check_output([*git, "log", "-1", "--format=%s", nameless[0].split()[1]], text=True) == "mine\n"


def test_a_checkout_of_a_run_that_was_killed_is_put_back(place: Place) -> None:
    place.make()
    (place.folder / "a").write_text("mine\n")
    place.folder.rename(place.folder.with_name(".x.old"))
    place.make()
    assert (place.folder / "a").read_text() == "mine\n"


def test_an_export_that_another_overtook_is_a_persons(place: Place) -> None:
    place.make()
    made = read_mark(place.folder).commit
    commits = []
    for text in ("three\n", "four\n"):
        (place.folder / "a").write_text(text)
        commits.append(place.commit("--amend", "--no-edit"))
        place.export()
    assert read_mark(place.folder).former == [made]
    edits = edits_in(place.folder)
    assert (edits.named, edits.nameless) == ([], [f"commit {commits[0][:12]}"])


@pytest.mark.parametrize("new", [True, False], ids=["a new patch", "another state of one"])
def test_what_was_exported_and_taken_back_is_a_persons_edit(place: Place, new: bool) -> None:
    place.make()
    before = read_mark(place.folder)
    (place.folder / ("b" if new else "a")).write_text("mine\n")
    first = place.commit("-m", "mine") if new else place.commit("--amend", "--no-edit")
    place.export()
    if new:
        with pytest.raises(CrosscourseError, match="the manifest does not name it"):
            place.make()
        (place.patches / "x" / "mine.patch").unlink()
    else:
        place.patch(PATCH)
    last = place.commit("--allow-empty", "-m", "more")
    for _ in range(2):  # as it is, however often
        place.make()
        assert place.at.reported[-1].endswith("has edits of yours, and is taken as it is")
        assert read_mark(place.folder) == before
    edits = edits_in(place.folder)
    assert f"commit {last[:12]}" in edits.named
    assert first not in edits.ours
    with pytest.raises(EditedCheckoutError):
        place.make(date=2)


def test_an_export_that_the_manifest_does_not_name_is_told_before_edits_are_taken(place: Place) -> None:
    place.make()
    (place.folder / "b").write_text("mine\n")
    place.commit("-m", "mine")
    place.export()
    (place.folder / "a").write_text("edited\n")
    with pytest.raises(CrosscourseError, match=r"mine\.patch.*\n?.*the manifest does not name it"):
        place.make()
    assert (place.folder / "a").read_text() == "edited\n"
