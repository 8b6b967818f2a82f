"""The result cache: whole or not at all, whatever happened to its folder."""

import fcntl
import multiprocessing
import os
import resource
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from crosscourse import files
from crosscourse.engine.cache.folder import MAX_CANDIDATES, Entry, Folder, Results
from crosscourse.errors import CrosscourseError

KEY, OTHER, BASE = (files.digest_text(text) for text in ("key", "other", "base"))
HOUR, DAY = 3600, 24 * 3600


@pytest.fixture
def cache(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "cache" / "results")


def keep(cache: Results, key: str, kind: str = "compile", reported: Sequence[str] = (), **contents: str) -> bool:
    """Put outputs of these contents, by label; the files are gone afterwards."""
    assert isinstance(cache, Folder)
    folder = cache.folder.parent / "made"
    folder.mkdir(parents=True, exist_ok=True)
    outputs = {label: folder / label for label in contents}
    for label, path in outputs.items():
        path.write_text(contents[label])
    try:
        return cache.put(key, kind, outputs, digests(outputs), reported)
    finally:
        files.remove(folder)


def digests(outputs: Mapping[str, Path]) -> dict[str, str]:
    return {label: files.digest(path) for label, path in outputs.items()}


def take(cache: Folder, key: str, *labels: str) -> dict[str, str] | None:
    """What is taken, by label; checks that what could not be taken leaves no file."""
    folder = cache.folder.parent / "taken"
    places = {label: folder / label for label in labels}
    if cache.take(key, places) is None:
        assert files_below(folder) == []
        return None
    try:
        return {label: place.read_text() for label, place in places.items()}
    finally:
        files.remove(folder)


def files_below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() or path.is_symlink())


def blob(cache: Folder, content: str) -> Path:
    digest = files.digest_text(content)
    return cache.folder / "blobs" / digest[:2] / digest


def entry(cache: Folder, key: str) -> Path:
    return cache.folder / "entries" / key[:2] / f"{key}.json"


def age(path: Path, seconds: float) -> None:
    os.utime(path, (time.time() - seconds,) * 2)


def rewrite(path: Path, change: Callable[[bytes], bytes]) -> None:
    path.chmod(0o644)
    path.write_bytes(change(path.read_bytes()))


def flip(content: bytes) -> bytes:
    return bytes([content[0] ^ 1]) + content[1:]


def test_round_trip(cache: Folder) -> None:
    assert cache.get(KEY) is None
    assert take(cache, KEY, "fly") is None
    assert not cache.folder.exists(), "only what is kept makes the folder"
    assert keep(cache, KEY, fly="program", log="")
    found = cache.get(KEY)
    assert found is not None
    assert {label: kept.size for label, kept in found.outputs.items()} == {"fly": 7, "log": 0}
    assert take(cache, KEY, "fly", "log") == {"fly": "program", "log": ""}
    assert take(cache, OTHER, "fly", "log") is None
    assert files_below(cache.folder / "partial") == []


def test_entry_says_what_was_put(cache: Folder) -> None:
    reported = ["18 files checked", "none is wrong"]
    keep(cache, KEY, "compile", reported, fly="program")
    found = cache.get(KEY)
    assert isinstance(found, Entry)
    assert (found.kind, found.reported) == ("compile", reported)
    assert abs(found.made - time.time()) < 60


@pytest.mark.parametrize("mode", [0o755, 0o644, 0o600, 0o400, 0o4755])
def test_modes_whatever_the_umask(cache: Folder, tmp_path: Path, mode: int) -> None:
    made = tmp_path / "made"
    made.write_text("x")
    made.chmod(mode)
    before = os.umask(0o077)
    try:
        assert cache.put(KEY, "k", {"a": made}, {"a": files.digest(made)})
        assert cache.take(KEY, {"a": tmp_path / "taken"})
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "taken").stat().st_mode) == mode


def test_each_has_its_own_file(cache: Folder, tmp_path: Path) -> None:
    keep(cache, KEY, a="program")
    place = tmp_path / "taken"
    cache.take(KEY, {"a": place})
    place.write_text("edited by a person")
    assert take(cache, KEY, "a") == {"a": "program"}


def test_a_place_is_not_written_through(cache: Folder, tmp_path: Path) -> None:
    keep(cache, KEY, a="program")
    precious, place = tmp_path / "precious", tmp_path / "place"
    precious.write_text("precious")
    place.symlink_to(precious)
    assert cache.take(KEY, {"a": place})
    assert (precious.read_text(), place.read_text(), place.is_symlink()) == ("precious", "program", False)


def test_same_content_is_kept_once(cache: Folder) -> None:
    keep(cache, KEY, a="same", b="same")
    keep(cache, OTHER, "web", c="same")
    assert files_below(cache.folder / "blobs") == [blob(cache, "same")]
    assert cache.size() == 4
    assert take(cache, KEY, "a", "b") == {"a": "same", "b": "same"}


def test_a_clone_is_checked_too(cache: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Most file systems can't share blocks: here the kernel's answer is made up, its effect is not."""

    def clone(target: int, _request: int, source: int) -> None:
        os.pwrite(target, os.pread(source, 1 << 20, 0), 0)

    def damaged_clone(target: int, _request: int, source: int) -> None:
        os.pwrite(target, flip(os.pread(source, 1 << 20, 0)), 0)

    monkeypatch.setattr(fcntl, "ioctl", damaged_clone)
    assert not keep(cache, KEY, a="program")
    monkeypatch.setattr(fcntl, "ioctl", clone)
    assert keep(cache, KEY, a="program")
    assert take(cache, KEY, "a") == {"a": "program"}
    rewrite(blob(cache, "program"), flip)
    assert take(cache, KEY, "a") is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: rewrite(path, flip),
        lambda path: rewrite(path, lambda content: content[:-1]),
        lambda path: rewrite(path, lambda content: content + b"x"),
        lambda path: rewrite(path, lambda _: b""),
        lambda path: path.unlink(),
        lambda path: (path.unlink(), path.mkdir()),
        lambda path: (path.unlink(), path.symlink_to("/dev/zero")),
    ],
    ids=["flipped", "cut", "longer", "empty", "missing", "a folder", "a link"],
)
def test_damaged_blob(cache: Folder, damage: Callable[[Path], object]) -> None:
    keep(cache, KEY, a="good", b="bad")
    bad = blob(cache, "bad")
    damage(bad)
    assert take(cache, KEY, "a", "b") is None
    assert not os.path.lexists(bad)
    assert not entry(cache, KEY).exists()
    assert blob(cache, "good").exists()
    assert keep(cache, KEY, a="good", b="bad"), "made again, it is kept again"
    assert take(cache, KEY, "a", "b") == {"a": "good", "b": "bad"}


def test_get_notices_what_is_missing_or_cut(cache: Folder) -> None:
    keep(cache, KEY, a="bad")
    rewrite(blob(cache, "bad"), lambda content: content[:-1])
    assert cache.get(KEY) is None
    blob(cache, "bad").unlink()
    assert cache.get(KEY) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda _: b"",
        lambda _: b"garbage \xff",
        lambda _: b'["0", ' + b"[" * 100_000,
        lambda _: b'{"kind": "compile", "outputs": {}, "made": 0}',
        lambda content: content[:-1],
        lambda content: content + b"x",
        lambda content: content.replace(b'"mode":420', b'"mode":493').replace(b'"mode":384', b'"mode":493'),
        lambda content: content.replace(b"cmd", b"etc"),
        lambda content: content.replace(content[2:10], b"00000000"),
    ],
    ids=["empty", "garbage", "deep", "other schema", "cut", "longer", "mode", "reads", "seal"],
)
def test_damaged_entry(cache: Folder, change: Callable[[bytes], bytes]) -> None:
    keep(cache, KEY, "compile", ["cmd"], a="program")
    path = entry(cache, KEY)
    before = path.read_bytes()
    rewrite(path, change)
    assert path.read_bytes() != before
    assert take(cache, KEY, "a") is None
    assert not path.exists()


def test_entry_of_another_key(cache: Folder) -> None:
    keep(cache, KEY, a="program")
    entry(cache, OTHER).parent.mkdir(exist_ok=True)
    entry(cache, KEY).rename(entry(cache, OTHER))
    assert take(cache, OTHER, "a") is None


@pytest.mark.parametrize("labels", [["a"], ["a", "b", "c"], ["a", "x"], []])
def test_other_labels(cache: Folder, labels: list[str]) -> None:
    keep(cache, KEY, a="1", b="2")
    assert take(cache, KEY, *labels) is None
    assert not entry(cache, KEY).exists()


def test_names_do_not_lead_out_of_the_folder(cache: Folder) -> None:
    for name in ("../../../etc/passwd", "", KEY.upper(), KEY + "\n"):
        with pytest.raises(ValueError, match="SHA-256"):
            cache.get(name)


def test_output_that_is_not_its_digest(cache: Folder, tmp_path: Path) -> None:
    made = tmp_path / "made"
    made.write_text("edited meanwhile")
    assert not cache.put(KEY, "k", {"a": made}, {"a": files.digest_text("as it was")})
    assert files_below(cache.folder / "blobs") == files_below(cache.folder / "partial") == []
    assert cache.get(KEY) is None


def test_output_that_is_no_file(cache: Folder, tmp_path: Path) -> None:
    link, pipe = tmp_path / "link", tmp_path / "pipe"
    (tmp_path / "file").write_text("x")
    link.symlink_to("file")
    os.mkfifo(pipe)
    for path in (tmp_path, link, pipe, tmp_path / "missing"):
        assert not cache.put(KEY, "k", {"a": path}, {"a": files.digest_text("x")})


def test_pipe_in_place_of_a_blob(cache: Folder) -> None:
    keep(cache, KEY, a="")
    blob(cache, "").unlink()
    os.mkfifo(blob(cache, ""))
    assert take(cache, KEY, "a") is None


def test_place_that_cannot_be_written(cache: Folder, tmp_path: Path) -> None:
    keep(cache, KEY, a="1", b="2")
    (tmp_path / "file").write_text("")
    first = tmp_path / "first"
    with pytest.raises(OSError):  # which one is the kernel's to say
        cache.take(KEY, {"a": first, "b": tmp_path / "file" / "b"})
    assert not first.exists()
    assert take(cache, KEY, "a", "b"), "the cache is not to blame"


def test_full_disk(cache: Folder) -> None:
    """A limit on the size of files fails a write in its middle, as a full disk does."""
    keep(cache, OTHER, a="there before")
    before = files_below(cache.folder)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    made = cache.folder.parent / "large"
    made.write_bytes(b"x" * 3_000_000)
    outputs = {"a": made}
    known = digests(outputs)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, hard))
    try:
        assert cache.put(KEY, "compile", outputs, known) is False
        assert cache.remember(BASE, ["x" * 2_000_000]) is False
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert files_below(cache.folder) == before
    assert cache.get(KEY) is None
    assert cache.candidates(BASE) == []
    assert take(cache, OTHER, "a") == {"a": "there before"}


def test_read_only_folder(cache: Folder) -> None:
    keep(cache, KEY, a="1")
    cache.remember(BASE, ["x"])
    folders = [cache.folder, *(path for path in cache.folder.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    try:
        if os.access(cache.folder, os.W_OK):
            pytest.skip("root may write everywhere")
        assert not keep(cache, OTHER, a="2")
        assert not cache.remember(BASE, ["y"])
        assert take(cache, KEY, "a") == {"a": "1"}
        assert cache.candidates(BASE) == [["x"]]
        cache.trim(0)
    finally:
        for folder in folders:
            folder.chmod(0o755)


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = Folder(tmp_path / "file" / "results")
    made = tmp_path / "made"
    made.write_text("x")
    assert cache.put(KEY, "k", {"a": made}, {"a": files.digest(made)}) is False
    assert cache.remember(BASE, []) is False
    assert (cache.get(KEY), cache.candidates(BASE), cache.size(), cache.trim(0)) == (None, [], 0, 0)


def put_many(folder: Path, made: Path, together: Barrier) -> None:
    """What each of several processes does at once: the same keys, in step."""
    cache = Folder(folder)
    kept = []
    for number in range(40):
        made.write_text(f"program {number // 2} " * 50_000)
        together.wait(30)
        kept.append(cache.put(files.digest_text(str(number)), "k", {"a": made}, {"a": files.digest(made)}))
        kept.append(cache.remember(BASE, [number]))
    sys.exit(0 if all(kept) else 1)


def test_many_processes_at_once(cache: Folder, tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    together = spawn.Barrier(3)
    children = [spawn.Process(target=put_many, args=(cache.folder, tmp_path / str(n), together)) for n in range(3)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0, 0, 0]
    for number in range(40):
        assert take(cache, files.digest_text(str(number)), "a") == {"a": f"program {number // 2} " * 50_000}
    assert len(files_below(cache.folder / "blobs")) == 20
    assert files_below(cache.folder / "partial") == []
    assert cache.candidates(BASE)[0] == [39]


def test_killed_while_it_puts(cache: Folder, tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from crosscourse import files\n"
        "from crosscourse.engine.cache.folder import Folder\n"
        "cache, path, number = Folder(Path(sys.argv[1])), Path(sys.argv[2]), 0\n"
        "while number := number + 1:\n"
        "    path.write_text(str(number) * 200_000)\n"
        "    cache.put(files.digest_text(str(number)), 'k', {'a': path}, {'a': files.digest(path)})\n"
        "    print(number, flush=True)\n"
    )
    argv = [sys.executable, "-c", code, str(cache.folder), str(tmp_path / "made")]
    for last in (3, 6, 9):  # each starts again at the first key, over what the one before it left
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout
            while int(child.stdout.readline()) < last:
                pass
            child.send_signal(signal.SIGKILL)
        entries = [path for path, _, _ in cache.entries()]
        assert len(entries) == len(files_below(cache.folder / "entries")) >= last
        for path in entries:
            assert take(cache, path.stem, "a")


def test_partial_files_go_after_a_day(cache: Folder) -> None:
    keep(cache, KEY, a="1")
    old, new = cache.folder / "partial" / "old", cache.folder / "partial" / "new"
    for path in (old, new):
        path.write_text("half")
    age(old, 2 * DAY)
    age(new, DAY / 2)
    assert cache.trim(100) == 0
    assert files_below(cache.folder / "partial") == [new]


def test_evicts_what_was_not_used_for_longest(cache: Folder) -> None:
    keys = [files.digest_text(str(number)) for number in range(4)]
    for number, key in enumerate(keys):
        keep(cache, key, a=str(number) * 100)
        age(entry(cache, key), 1000 - number)
    assert take(cache, keys[0], "a"), "now the one used last"
    assert cache.trim(250) == 200
    assert [key for key in keys if cache.get(key)] == [keys[0], keys[3]]
    assert cache.size() == 200


def test_trims_only_after_something_was_put(cache: Folder) -> None:
    keep(cache, KEY, a="1" * 100)
    assert Folder(cache.folder).trim(10) == 0
    assert cache.get(KEY)
    assert cache.trim(100) == 0
    assert cache.trim(10) == 0
    keep(cache, OTHER, a="2")
    assert cache.trim(10) == 100
    assert take(cache, OTHER, "a") == {"a": "2"}


def test_shared_blob_stays_until_its_last_entry_goes(cache: Folder) -> None:
    keep(cache, KEY, a="s" * 100, b="1" * 100)
    keep(cache, OTHER, a="s" * 100)
    age(entry(cache, KEY), 10)
    assert cache.trim(150) == 100
    assert cache.get(KEY) is None
    assert take(cache, OTHER, "a") == {"a": "s" * 100}


def test_blobs_that_nobody_names(cache: Folder) -> None:
    """Old ones go, and before any entry; of a young one the entry may be about to be written."""
    keep(cache, KEY, a="k" * 100)
    for content, seconds in (("old", 2 * HOUR), ("ahead", -30 * DAY), ("new", HOUR / 2)):
        path = blob(cache, content)
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
        age(path, seconds)
    assert cache.trim(104) == len("old" + "ahead")
    assert files_below(cache.folder / "blobs") == sorted([blob(cache, "new"), blob(cache, "k" * 100)])
    assert cache.get(KEY)


def test_kept_again_is_young_again(cache: Folder) -> None:
    keep(cache, KEY, a="1" * 100)
    entry(cache, KEY).unlink()
    age(blob(cache, "1" * 100), 2 * HOUR)
    keep(cache, KEY, a="1" * 100)
    assert time.time() - blob(cache, "1" * 100).stat().st_mtime < 60


def test_reads_newest_first(cache: Folder) -> None:
    assert cache.candidates(BASE) == []
    for number in range(MAX_CANDIDATES + 3):
        assert cache.remember(BASE, {"files": [number]})
    assert cache.remember(BASE, {"files": [5]})
    expected = [5, 10, 9, 8, 7, 6, 4, 3]
    assert cache.candidates(BASE) == [{"files": [number]} for number in expected]
    assert cache.candidates(OTHER) == []


def test_reads_are_the_same_in_any_order_of_keys(cache: Folder) -> None:
    cache.remember(BASE, {"a": 1, "b": 2})
    cache.remember(BASE, {"b": 2, "a": 1})
    assert len(cache.candidates(BASE)) == 1


@pytest.mark.parametrize("content", [b"", b"garbage", b"[]", b'["0", [1]]'])
def test_damaged_reads(cache: Folder, content: bytes) -> None:
    cache.remember(BASE, [1])
    (path,) = files_below(cache.folder / "reads")
    path.write_bytes(content)
    assert cache.candidates(BASE) == []
    assert cache.remember(BASE, [2])
    assert cache.candidates(BASE) == [[2]]


def test_old_reads_go_with_the_last_entry_of_their_time(cache: Folder) -> None:
    for key, days in ((KEY, 20), (OTHER, 10)):
        keep(cache, key, a=key)
        age(entry(cache, key), days * DAY)
    for base, days in ((KEY, 20), (OTHER, 10)):
        cache.remember(base, [base])
        age(cache.folder / "reads" / base[:2] / f"{base}.json", days * DAY)
    assert cache.trim(64) == 64
    assert (cache.candidates(KEY), cache.candidates(OTHER)) == ([], [[OTHER]])


def test_clear(cache: Folder) -> None:
    cache.clear()
    keep(cache, KEY, a="1")
    cache.remember(BASE, [1])
    cache.clear()
    assert not cache.folder.exists()
    assert (cache.get(KEY), cache.candidates(BASE), cache.size()) == (None, [], 0)
    assert keep(cache, KEY, a="1")


def test_clear_removes_only_our_folder(tmp_path: Path) -> None:
    (tmp_path / "thesis").write_text("precious")
    with pytest.raises(CrosscourseError, match="CACHEDIR"):
        Folder(tmp_path).clear()
    assert (tmp_path / "thesis").exists()


@pytest.mark.parametrize("kind", ["", "blobs", "entries", "partial", "blobs/*", "entries/*"])
def test_what_stands_where_a_folder_belongs_makes_way(cache: Folder, kind: str) -> None:
    assert keep(cache, KEY, a="one")
    for path in list(cache.folder.glob(kind)) if kind else [cache.folder]:
        files.remove(path)
        path.write_text("not a folder\n")
    assert keep(cache, KEY, a="one")
    assert take(cache, KEY, "a") == {"a": "one"}
