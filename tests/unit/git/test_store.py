"""Stores: fetched from a repository on this disk, whole or not at all; tags and their pins."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from crosscourse import files
from crosscourse.engine.places import Places
from crosscourse.errors import CrosscourseError
from crosscourse.git.command import UpstreamUnreachableError, git
from crosscourse.git.store import (
    Pin,
    TagMovedError,
    check_tag,
    configure,
    damage,
    fetch,
    is_whole,
    store_commit,
    store_folder,
)
from tests.unit.places import make_places

A, B = "a" * 40, "b" * 40
PIN = Pin(name="x", url="https://example.org/x", commit=A, tag="v1", omit=("docs",))


@pytest.fixture
def at(tmp_path: Path) -> Places:
    return make_places(tmp_path)


@pytest.fixture
def upstream(tmp_path: Path) -> Pin:
    """A repository of two commits, pinned at the first, which has a tag."""
    return make_upstream(tmp_path / "upstream")


@pytest.fixture(scope="module")
def fetched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Pin, Path]:
    """An upstream, and its store, which is only to be copied."""
    folder = tmp_path_factory.mktemp("fetched")
    pin = make_upstream(folder / "upstream")
    fetch(pin, folder / "store", make_places(folder))
    return pin, folder / "store"


def make_upstream(folder: Path) -> Pin:
    """Make a repository of two commits in ``folder``; the pin is of the first."""
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


# --- Damage ---------------------------------------------------------------------------------------------------------


def pack(store: Path, suffix: str = ".pack") -> Path:
    """The largest file of the store's packs with that ending."""
    return max((store / "objects" / "pack").glob(f"*{suffix}"), key=lambda path: path.stat().st_size)


def cut(path: Path) -> None:
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-5])


def flip(path: Path) -> None:
    """Damage that the kernel does not tell of: a disk that forgets."""
    info, data = path.stat(), bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(bytes(data))
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))


def garbage(path: Path) -> None:
    path.write_bytes(b"\xff\0garbage")


def empty(path: Path) -> None:
    path.chmod(0o644)
    path.write_bytes(b"")


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def a_folder(path: Path) -> None:
    files.remove(path)
    path.mkdir()


def a_file(path: Path) -> None:
    files.remove(path)
    path.write_text("x")


def a_dangling_link(path: Path) -> None:
    files.remove(path)
    path.symlink_to("nowhere")


def of_another_commit(store: Path) -> None:
    text = (store / "crosscourse-commit").read_text()
    (store / "crosscourse-commit").write_text(text.replace(store_commit(store), A))


DAMAGES: dict[str, Callable[[Path], None]] = {
    "an empty commit file": lambda store: empty(store / "crosscourse-commit"),
    "a cut commit file": lambda store: cut(store / "crosscourse-commit"),
    "garbage in the commit file": lambda store: garbage(store / "crosscourse-commit"),
    "a pipe for the commit file": lambda store: a_pipe(store / "crosscourse-commit"),
    "a folder for the commit file": lambda store: a_folder(store / "crosscourse-commit"),
    "no commit file": lambda store: (store / "crosscourse-commit").unlink(),
    "another commit": of_another_commit,
    "no HEAD": lambda store: (store / "HEAD").unlink(),
    "an empty HEAD": lambda store: empty(store / "HEAD"),
    "garbage in the configuration": lambda store: garbage(store / "config"),
    "no configuration": lambda store: (store / "config").unlink(),
    "a cut list of ends": lambda store: cut(store / "shallow"),
    "no pack": lambda store: pack(store).unlink(),
    "a cut pack": lambda store: cut(pack(store)),
    "an empty pack": lambda store: empty(pack(store)),
    "an empty index": lambda store: empty(pack(store, ".idx")),
    "no packs": lambda store: shutil.rmtree(store / "objects"),
    "a file": a_file,
    "an empty folder": a_folder,
    "a dangling link": a_dangling_link,
}


@pytest.mark.parametrize("damage_it", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_store_is_noticed_and_fetched_again(
    fetched: tuple[Pin, Path], at: Places, tmp_path: Path, damage_it: Callable[[Path], None]
) -> None:
    upstream, store = fetched[0], shutil.copytree(fetched[1], tmp_path / "store")
    damage_it(store)
    assert not is_whole(store) or store_commit(store) != upstream.commit
    fetch(upstream, store, at)
    assert is_whole(store)
    assert damage(store) is None
    assert store_commit(store) == upstream.commit
    assert blobs(store) == {"kept"}
    assert len(at.reported) == 1
    assert "damaged" in at.reported[0]


@pytest.mark.parametrize("suffix", [".pack", ".idx"])
def test_what_the_kernel_does_not_tell_is_noticed_before_a_store_is_used(
    upstream: Pin, at: Places, tmp_path: Path, suffix: str
) -> None:
    store = tmp_path / "store"
    fetch(upstream, store, at)
    flip(pack(store, suffix))
    assert is_whole(store)
    assert damage(store) == f"{pack(store, suffix).name} is damaged"
    fetch(upstream, store, at)
    assert damage(store) is None
    assert blobs(store) == {"kept"}


def test_a_copy_and_a_store_of_an_earlier_version_are_good(upstream: Pin, at: Places, tmp_path: Path) -> None:
    fetch(upstream, tmp_path / "store", at)
    shutil.copytree(tmp_path / "store", tmp_path / "copy", copy_function=shutil.copyfile)
    shutil.copytree(tmp_path / "store", tmp_path / "earlier")
    (tmp_path / "earlier" / "crosscourse-commit").write_text(f"{upstream.commit}\n")
    (tmp_path / "upstream").rename(tmp_path / "gone")
    for name in ("copy", "earlier"):
        store = tmp_path / name
        assert not is_whole(store)
        fetch(upstream, store, at)
        assert is_whole(store)
    assert at.reported == []


LEFT = (
    "shallow.lock",
    "index.lock",
    "packed-refs.lock",
    "config.lock",
    "HEAD.lock",
    "objects/pack/tmp_pack_x",
    "objects/info/commit-graphs/commit-graph-chain.lock",
)


@pytest.mark.parametrize("left", ["locks", "empty objects", "garbage", "a file", "a link", "another repository"])
def test_what_a_killed_fetch_leaves_is_no_obstacle(upstream: Pin, at: Places, tmp_path: Path, left: str) -> None:
    partial = tmp_path / ".store.partial"
    if left == "a file":
        partial.write_text("x")
    elif left == "a link":
        (tmp_path / "elsewhere").mkdir()
        partial.symlink_to("elsewhere")
    else:
        with pytest.raises(TagMovedError):
            fetch(msgspec.structs.replace(upstream, commit=A), tmp_path / "store", at)
    git_folder = partial / ".git"
    if left == "locks":
        for name in LEFT:
            (git_folder / name).parent.mkdir(parents=True, exist_ok=True)
            (git_folder / name).touch()
    elif left == "empty objects":
        (git_folder / "objects" / upstream.commit[:2]).mkdir()
        (git_folder / "objects" / upstream.commit[:2] / upstream.commit[2:]).touch()
        (git_folder / "HEAD").write_text(f"{upstream.commit}\n")
    elif left == "garbage":
        for name in ("HEAD", "config", "index", "shallow"):
            garbage(git_folder / name)
    elif left == "another repository":
        (git_folder / "config").write_text("[core]\n\trepositoryformatversion = 99\n")
    store = tmp_path / "store"
    fetch(upstream, store, at)
    assert damage(store) is None
    assert blobs(store) == {"kept"}
    assert [path.name for path in store.rglob("*.lock")] == []
    assert not os.path.lexists(partial)
    if left == "a link":
        assert list((tmp_path / "elsewhere").iterdir()) == []


def test_without_the_network_what_arrived_is_kept(
    upstream: Pin, at: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSSCOURSE_RETRIES", "1")
    statuses: list[str] = []
    gone = msgspec.structs.replace(upstream, url="https://127.0.0.1:1/x", tag=None)
    for _ in range(2):
        with pytest.raises(UpstreamUnreachableError):
            fetch(gone, tmp_path / "store", dataclasses.replace(at, show=statuses.append))
        assert (tmp_path / ".store.partial" / ".git").is_dir()
    assert f"fetching {upstream.commit[:12]} from 127.0.0.1" in statuses


def test_an_upstream_is_configured_as_it_is_called(at: Places, tmp_path: Path) -> None:
    url = 'file:///a "b" \\ c;d # e\nf é'
    for _ in range(2):
        git(tmp_path, "init", log=at.log)
        configure(tmp_path, url=url, omit=("docs",), log=at.log)
    assert git(tmp_path, "config", "--get-all", "-z", "remote.origin.url", log=at.log) == f"{url}\0"
    assert git(tmp_path, "config", "core.sparseCheckout", log=at.log) == "true\n"
