"""Caches of compilers: what is damaged in them is found and made again, what is whole is left alone."""

import hashlib
import os
import shutil
import threading
import time
from pathlib import Path

import pytest

from crosscourse.engine.lock import caches_in_use
from toolchains import caches


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caches, "_SETTLED", 0.01)


def go_entry(cache: Path, content: bytes, program: str = "") -> Path:
    digest = hashlib.sha256(content).hexdigest()
    path = cache / digest[:2] / f"{digest}-d" / program
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def flip(path: Path) -> None:
    """A byte, with size and times as before."""
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("program", ["", "vet"])
def test_a_flipped_byte_of_go(tmp_path: Path, known: bool, program: str) -> None:
    cache = tmp_path / "go-build"
    good, bad = go_entry(cache, b"good" * 9), go_entry(cache, b"bad" * 9, program)
    (bad.parents[1] / "notes").write_text("nothing of Go's objects")
    if known:
        assert caches.damage(cache) == []
    flip(bad)
    assert caches.damage(cache) == [str(bad.relative_to(cache))]
    assert str(bad.relative_to(cache)) in caches.mend(cache)
    assert good.is_file()
    assert not bad.exists()
    assert caches.mend(cache) == ""


@pytest.mark.parametrize("part", ["o", "local/o"])
def test_a_flipped_byte_of_zig(tmp_path: Path, part: str) -> None:
    cache = tmp_path / "zig"
    made = cache / part / "0123" / "libc.a"
    made.parent.mkdir(parents=True)
    made.write_bytes(b"archive")
    (cache / "h").mkdir()
    (cache / "h/manifest").write_text("a")
    assert caches.damage(cache) == []
    (cache / "h/manifest").write_text("b")  # zig writes these again
    assert caches.damage(cache) == []
    flip(made)
    assert caches.damage(cache) == [f"{part}/0123/libc.a"]
    assert "the cache zig was damaged" in caches.mend(cache)
    assert not cache.exists()
    assert caches.damage(cache) == []


def test_a_copied_cache_is_whole(tmp_path: Path) -> None:
    cache = tmp_path / "zig"
    (cache / "o/1").mkdir(parents=True)
    (cache / "o/1/x.o").write_bytes(b"x")
    assert caches.damage(cache) == []
    shutil.copytree(cache, tmp_path / "other/zig")
    assert caches.damage(tmp_path / "other/zig") == []
    flip(tmp_path / "other/zig/o/1/x.o")
    assert caches.damage(tmp_path / "other/zig") == ["o/1/x.o"]


def test_what_is_being_written_is_not_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "go-build"
    path = go_entry(cache, b"content")
    path.write_bytes(b"cont")
    monkeypatch.setattr(time, "sleep", lambda _seconds: path.write_bytes(b"content"))
    assert caches.damage(cache) == []
    assert path.is_file()


def test_a_damaged_record_is_made_anew(tmp_path: Path) -> None:
    cache = tmp_path / "go-build"
    path = go_entry(cache, b"content")
    (cache / caches.RECORD).write_bytes(b"\xff")
    assert caches.damage(cache) == []
    flip(path)
    assert caches.damage(cache) == [str(path.relative_to(cache))]


@pytest.mark.parametrize("name", ["go-build", "zig"])
def test_no_cache_is_no_damage(tmp_path: Path, name: str) -> None:
    assert caches.mend(tmp_path / name) == ""
    assert list(tmp_path.iterdir()) == []


def test_what_stands_where_go_has_folders_makes_way(tmp_path: Path) -> None:
    cache = tmp_path / "go-build"
    good = go_entry(cache, b"good")
    other = "00" if good.parent.name != "00" else "01"
    (cache / other).write_text("no folder")
    (cache / "README").write_text("stays")
    assert caches.damage(cache) == [other]
    assert other in caches.mend(cache)
    assert sorted(path.name for path in cache.iterdir()) == sorted([caches.RECORD, "README", good.parent.name])
    assert caches.mend(cache) == ""


@pytest.mark.parametrize("name", ["h", "local", "local/o"])
def test_what_stands_where_zig_has_folders_makes_way(tmp_path: Path, name: str) -> None:
    cache = tmp_path / "zig"
    (cache / name).parent.mkdir(parents=True, exist_ok=True)
    (cache / name).write_text("no folder")
    assert caches.damage(cache) == [name]
    assert name in caches.mend(cache)
    assert not (cache / name).exists()


def test_a_cache_that_is_used_is_removed_afterwards(tmp_path: Path) -> None:
    cache = tmp_path / "go-build"
    entry = go_entry(cache, b"good")
    remover = threading.Thread(target=caches.discard, args=(cache,))
    with caches_in_use(tmp_path, shared=True), caches_in_use(tmp_path, shared=True):
        remover.start()
        remover.join(0.3)
        assert remover.is_alive()
        assert entry.is_file()
    remover.join(10)
    assert not cache.exists()


@pytest.mark.parametrize("name", ["", "-a"])
def test_a_pipe_makes_way(tmp_path: Path, name: str) -> None:
    cache = tmp_path / "go-build"
    pipe = go_entry(cache, b"bad")
    pipe.unlink()
    pipe = pipe.with_name(pipe.name[:-2] + name) if name else pipe
    os.mkfifo(pipe)
    assert pipe.name in caches.mend(cache)
    assert not pipe.exists()


@pytest.mark.parametrize("inside", [True, False])
def test_a_folder_in_an_objects_place_makes_way(tmp_path: Path, inside: bool) -> None:
    cache = tmp_path / "go-build"
    good, bad = go_entry(cache, b"good", "vet"), go_entry(cache, b"bad")
    assert caches.damage(cache) == []
    bad.unlink()
    bad.mkdir()
    if inside:
        (bad / "inside").write_text("something")
    assert bad.name in caches.mend(cache)
    assert not bad.exists()
    assert good.is_file()
    assert caches.mend(cache) == ""


def test_a_program_that_is_being_written_is_not_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "go-build"
    program = go_entry(cache, b"program", "vet")
    program.unlink()
    monkeypatch.setattr(time, "sleep", lambda _seconds: program.write_bytes(b"program"))
    assert caches.damage(cache) == []


@pytest.mark.parametrize("path", ["go-build/00/0011-a", "zig/h/0011.txt", "zig/local/h/0011.txt"])
def test_a_folder_where_a_compiler_keeps_notes_makes_way(tmp_path: Path, path: str) -> None:
    folder = tmp_path / path
    folder.mkdir(parents=True)
    cache = tmp_path / path.split("/", maxsplit=1)[0]
    assert caches.damage(cache) == [path.split("/", 1)[1]]
    assert folder.name in caches.mend(cache)
    assert not folder.exists()


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("name", ["go-build/00/0011-d", "go-build/00/0011-a", "go-build/trim.txt", "zig/o/00/libc.a"])
def test_a_link_makes_way(tmp_path: Path, name: str, there: bool) -> None:
    """Compilers write to what it leads to, wherever that is."""
    cache = tmp_path / name.split("/", maxsplit=1)[0]
    link = tmp_path / name
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path / "precious")
    if there:
        (tmp_path / "precious").write_text("good")
    assert link.name in caches.mend(cache)
    assert not link.is_symlink()
    assert not there or (tmp_path / "precious").read_text() == "good"


def test_a_pipe_in_the_records_place_is_no_harm(tmp_path: Path) -> None:
    cache = tmp_path / "go-build"
    go_entry(cache, b"good")
    os.mkfifo(cache / caches.RECORD)
    assert caches.RECORD in caches.mend(cache)
    assert caches.mend(cache) == ""
