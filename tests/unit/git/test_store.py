"""Stores: fetched from a repository on this disk, whole or not at all; tags and their pins."""

from __future__ import annotations

import subprocess
from pathlib import Path

import msgspec
import pytest

from crosscourse.engine.places import Places
from crosscourse.errors import CrosscourseError
from crosscourse.git.store import Pin, TagMovedError, check_tag, fetch, is_whole, store_commit, store_folder
from tests.unit.places import make_places

A, B = "a" * 40, "b" * 40
PIN = Pin(name="x", url="https://example.org/x", commit=A, tag="v1", omit=("docs",))


@pytest.fixture
def at(tmp_path: Path) -> Places:
    return make_places(tmp_path)


@pytest.fixture
def upstream(tmp_path: Path) -> Pin:
    """A repository of two commits, pinned at the first, which has a tag."""
    folder = tmp_path / "upstream"
    folder.mkdir()

    def git(*words: str) -> str:
        command = ["git", "-c", "user.name=t", "-c", "user.email=t@t", *words]
        return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "-q")
    git("config", "uploadpack.allowFilter", "true")
    git("config", "uploadpack.allowAnySHA1InWant", "true")
    for name in ("kept", "left-out"):
        (folder / name).write_text(f"{name}\n")
    git("add", "-A")
    git("commit", "-qm", "one")
    git("tag", "v1")
    (folder / "kept").write_text("later\n")
    git("commit", "-qam", "two")
    return Pin(name="x", url=folder.as_uri(), commit=git("rev-parse", "v1"), tag="v1", omit=("left-out",))


def blobs(store: Path) -> set[str]:
    """The contents that a store holds."""
    command = ["git", "--git-dir", str(store), "cat-file", "--batch-all-objects", "--batch"]
    held = subprocess.run(command, check=True, capture_output=True).stdout
    return {text for text in ("kept", "left-out", "later") if f" blob {len(text) + 1}\n{text}\n".encode() in held}


@pytest.mark.parametrize(
    ("changed", "elsewhere"),
    [({"url": "https://example.org/y"}, True), ({"commit": B}, True), ({"omit": ()}, True), ({"tag": None}, False)],
)
def test_what_gives_other_objects_has_another_path(changed: dict[str, str], elsewhere: bool) -> None:
    other = msgspec.structs.replace(PIN, **changed)
    assert (store_folder(Path("/c"), PIN) != store_folder(Path("/c"), other)) == elsewhere


def test_the_path_of_a_store_stays() -> None:
    """Stores that users have are found again."""
    assert store_folder(Path("/c"), PIN) == Path("/c/git/x-aaaaaaaaaaaa-7c34a69d23")


def test_exactly_the_pinned_commit_is_fetched(upstream: Pin, at: Places, tmp_path: Path) -> None:
    store = tmp_path / "cache" / "store"
    assert not is_whole(store)
    fetch(upstream, store, at)
    assert is_whole(store)
    assert store_commit(store) == upstream.commit
    assert blobs(store) == {"kept"}
    assert sorted(path.name for path in store.parent.iterdir()) == [".store.lock", "store"]


def test_a_whole_store_asks_nobody(upstream: Pin, at: Places, tmp_path: Path) -> None:
    store = tmp_path / "store"
    fetch(upstream, store, at)
    (tmp_path / "upstream").rename(tmp_path / "gone")
    fetch(upstream, store, at)


def test_a_moved_tag_makes_no_store(upstream: Pin, at: Places, tmp_path: Path) -> None:
    store = tmp_path / "store"
    with pytest.raises(TagMovedError, match=upstream.commit):
        fetch(msgspec.structs.replace(upstream, commit=A), store, at)
    assert not is_whole(store)
    fetch(upstream, store, at)  # goes on with what the failed one left
    assert is_whole(store)


def test_a_commit_that_upstream_has_not(upstream: Pin, at: Places, tmp_path: Path) -> None:
    store = tmp_path / "store"
    with pytest.raises(CrosscourseError, match="source 'x'"):
        fetch(msgspec.structs.replace(upstream, commit=A, tag=None), store, at)
    assert not is_whole(store)
    assert not (tmp_path / ".store.partial").exists()


@pytest.mark.parametrize(
    "listing",
    [
        f"{A}\trefs/tags/v1\n",
        f"{B}\trefs/tags/v1\n{A}\trefs/tags/v1^{{}}\n",
        f"warning: redirecting\n{A}\trefs/tags/v1\n",
    ],
)
def test_tag_at_its_pin(listing: str) -> None:
    check_tag("x", "v1", A, listing)


@pytest.mark.parametrize(
    ("listing", "found"),
    [
        (f"{B}\trefs/tags/v1\n", B),
        (f"{A}\trefs/tags/v1\n{B}\trefs/tags/v1^{{}}\n", B),
        ("", "no such tag"),
        (f"{A}\trefs/tags/v1.1\n", "no such tag"),
    ],
)
def test_tag_elsewhere(listing: str, found: str) -> None:
    with pytest.raises(TagMovedError) as caught:
        check_tag("x", "v1", A, listing)
    assert found in str(caught.value)
    assert A in str(caught.value)
