"""What a folder contains, as git or its files say."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

import pytest

from crosscourse.engine.reads import Reads
from crosscourse.errors import CrosscourseError
from crosscourse.git.fingerprint import Fingerprints, content, fingerprint, listing, parse_status, refresh


def git(folder: Path, *words: str) -> str:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@t", *words]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "b.txt").write_text("b")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "first")
    return tmp_path


def test_parse_status() -> None:
    text = "\0".join(
        [
            "# branch.oid 1234",
            "# branch.head (detached)",
            "1 .M N... 100644 100644 100644 aaa bbb with space.txt",
            "u UU N... 100644 100644 100644 100644 a b c both.txt",
            "? new\nline.txt",
            "! ignored.o",
            "",
        ]
    )
    state = parse_status(text)
    assert state.commit == "1234"
    assert state.changed == ("both.txt", "ignored.o", "new\nline.txt", "with space.txt")


def test_clean_repository_is_its_commit(repository: Path) -> None:
    assert fingerprint(repository) == {"commit": git(repository, "rev-parse", "HEAD").strip()}


def test_every_kind_of_edit_changes_it_and_reverting_restores_it(repository: Path) -> None:
    seen = [fingerprint(repository)]
    (repository / "a.txt").write_text("A")
    seen.append(fingerprint(repository))
    (repository / "a.txt").write_text("Z")  # a second edit of the same size
    seen.append(fingerprint(repository))
    (repository / "new").write_text("")
    seen.append(fingerprint(repository))
    (repository / "new").chmod(0o755)
    seen.append(fingerprint(repository))
    (repository / "new").rename(repository / "renamed")
    seen.append(fingerprint(repository))
    (repository / "renamed").unlink()
    (repository / "renamed").symlink_to("a.txt")
    seen.append(fingerprint(repository))
    (repository / "b.txt").unlink()
    seen.append(fingerprint(repository))
    assert len({str(one) for one in seen}) == len(seen)
    (repository / "renamed").unlink()
    git(repository, "checkout", "-q", ".")
    assert fingerprint(repository) == seen[0]


def test_ignored_files_count_too(repository: Path) -> None:
    (repository / ".gitignore").write_text("*.gen\nmodules/\n")
    seen = [fingerprint(repository)]
    (repository / "x.gen").write_text("1")
    seen.append(fingerprint(repository))
    (repository / "x.gen").write_text("2")
    seen.append(fingerprint(repository))
    (repository / "modules").mkdir()
    (repository / "modules" / "m").write_text("1")
    seen.append(fingerprint(repository))
    (repository / "modules" / "m").write_text("22")
    seen.append(fingerprint(repository))
    assert len({str(one) for one in seen}) == len(seen)


def test_touching_changes_nothing(repository: Path) -> None:
    before = fingerprint(repository)
    os.utime(repository / "a.txt", (1, 1))
    assert fingerprint(repository) == before


def test_folder_without_git(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "f").write_text("x")
    one = fingerprint(tmp_path)
    assert list(one) == ["sub/f"]
    (tmp_path / "sub" / "f").write_text("y")
    assert fingerprint(tmp_path) != one


def test_each_folder_is_read_once_until_it_is_forgotten(repository: Path) -> None:
    prints = Fingerprints()
    prints.prefetch([repository, repository / "no such folder"])
    first = prints.get(repository)
    (repository / "a.txt").write_text("A")
    assert prints.get(repository) == first
    prints.forget(repository)
    assert prints.get(repository) != first


def test_broken_repository_is_a_clear_error(repository: Path) -> None:
    (repository / ".git" / "HEAD").unlink()
    with pytest.raises(CrosscourseError, match="git can't tell its state"):
        fingerprint(repository)


# --- Identities, listings, contents ---------------------------------------------------------------------------------


def commit(repository: Path) -> None:
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "next")


def disk(folder: Path) -> dict[str, str]:
    """What git itself says of the files on disk, by adding them to an index of its own."""
    index = {"GIT_INDEX_FILE": str(folder / ".git" / "index-of-test"), **os.environ}
    for words in (["add", "-A", "-f"], ["ls-files", "-s", "-z"]):
        said = subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True, env=index).stdout
    (folder / ".git" / "index-of-test").unlink(missing_ok=True)
    rows = [row.split("\t", 1) for row in said.split("\0") if row]
    return {path: " ".join(facts.split(" ")[:2]) for facts, path in rows}


def edit_in_every_way(folder: Path) -> None:
    (folder / "a.txt").write_text("edited")
    (folder / "b.txt").unlink()
    (folder / "run").write_text("#!/bin/sh\n")
    (folder / "run").chmod(0o755)
    (folder / "link").symlink_to("a.txt")
    (folder / "linked-folder").symlink_to("deep/er")
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "deep" / "er" / "umlaut ä\n").write_bytes(b"\0\xff")
    (folder / ".gitignore").write_text("*.gen\n")
    (folder / "x.gen").write_text("ignored")
    (folder / "empty").write_text("")


def test_identities_are_git_s_own_edited_or_committed(repository: Path) -> None:
    edit_in_every_way(repository)
    edited = listing(repository, fingerprint(repository))
    assert edited == disk(repository)
    git(repository, "add", "-A", "-f")
    git(repository, "commit", "-qm", "all of it")
    committed = fingerprint(repository)
    assert list(committed) == ["commit"]
    assert listing(repository, committed) == edited


def test_a_folder_without_git_has_the_same_listing_as_the_repository(repository: Path, tmp_path: Path) -> None:
    edit_in_every_way(repository)
    copy = tmp_path.parent / f"{tmp_path.name}-copy"
    shutil.copytree(repository, copy, symlinks=True, ignore=shutil.ignore_patterns(".git"))
    assert listing(copy, fingerprint(copy)) == listing(repository, fingerprint(repository))
    (copy / "commit").write_text("a file of this name")
    assert listing(copy, fingerprint(copy))["commit"].startswith("100644 ")


def test_what_replaces_what(repository: Path) -> None:
    for name in ("one/f", "two/f", "three"):
        (repository / name).parent.mkdir(exist_ok=True)
        (repository / name).write_text(name)
    commit(repository)
    shutil.rmtree(repository / "one")
    (repository / "one").write_text("a file where a folder was")
    shutil.rmtree(repository / "two")
    (repository / "other").mkdir()
    (repository / "other" / "f").write_text("behind a link")
    (repository / "two").symlink_to("other")
    (repository / "three").unlink()
    (repository / "three").mkdir()
    (repository / "three" / "f").write_text("a folder where a file was")
    assert listing(repository, fingerprint(repository)) == disk(repository)


def test_staged_changes_are_told_by_the_work_tree(repository: Path) -> None:
    git(repository, "rm", "-q", "--cached", "b.txt")  # gone from the index, still there
    (repository / "new").write_text("1")
    git(repository, "add", "new")
    (repository / "new").write_text("2")
    assert listing(repository, fingerprint(repository)) == disk(repository)


def test_a_conflict_is_told_by_the_work_tree(repository: Path) -> None:
    git(repository, "checkout", "-qb", "other")
    (repository / "a.txt").write_text("theirs")
    commit(repository)
    git(repository, "checkout", "-q", "-")
    (repository / "a.txt").write_text("ours")
    commit(repository)
    with pytest.raises(subprocess.CalledProcessError):
        git(repository, "merge", "-q", "other")
    assert listing(repository, fingerprint(repository)) == disk(repository)


def test_a_repository_inside_is_known_only_as_a_whole(repository: Path) -> None:
    inner = repository / "inner"
    inner.mkdir()
    git(inner, "init", "-q")
    (inner / "f.go").write_text("1")
    before = fingerprint(repository)
    assert listing(repository, before)["inner/"].startswith("folder ")
    (inner / "f.go").write_text("22")
    after = fingerprint(repository)
    reads = Reads.of(folders=["inner"])
    assert content(repository, before, reads) != content(repository, after, reads)


def test_a_submodule_s_files_count_though_git_hides_them(repository: Path, tmp_path: Path) -> None:
    module = tmp_path.parent / f"{tmp_path.name}-module"
    module.mkdir()
    git(module, "init", "-q")
    (module / ".gitignore").write_text("*.gen\n")
    commit(module)
    git(repository, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(module), "sub")
    commit(repository)
    seen = [fingerprint(repository)]
    (repository / "sub" / "x.gen").write_text("1")
    seen.append(fingerprint(repository))
    assert [name for name in listing(repository, seen[1]) if name.startswith("sub")] == ["sub/"]
    git(repository, "submodule", "--quiet", "deinit", "-f", "sub")  # an empty folder is left
    assert fingerprint(repository).keys() == {"commit"}
    assert listing(repository, fingerprint(repository))["sub/"].startswith("160000 ")
    (repository / "sub" / "put.go").write_text("by hand")
    seen.append(fingerprint(repository))
    contents = [content(repository, one, Reads.of(files=["sub/put.go"])) for one in seen]
    assert len({str(one) for one in contents}) == 3


def test_what_a_sparse_checkout_leaves_out_counts(repository: Path) -> None:
    (repository / "docs").mkdir()
    (repository / "docs" / "d").write_text("d")
    commit(repository)
    reads = Reads.of(files=["a.txt"])
    whole = fingerprint(repository)
    git(repository, "sparse-checkout", "set", "--no-cone", "/*", "!/docs")
    sparse = fingerprint(repository)
    git(repository, "sparse-checkout", "set", "--no-cone", "/*", "!/docs", "!/b.txt")
    other = fingerprint(repository)
    assert whole["commit"] == sparse["commit"] == other["commit"]
    assert len({str(content(repository, one, reads)) for one in (whole, sparse, other)}) == 3
    git(repository, "sparse-checkout", "disable")
    assert fingerprint(repository) == whole


def test_a_linked_work_tree_has_its_own_sparse_patterns(repository: Path, tmp_path: Path) -> None:
    linked = tmp_path.parent / f"{tmp_path.name}-linked"
    git(repository, "worktree", "add", "-q", str(linked))
    whole = fingerprint(linked)
    assert whole == fingerprint(repository)
    git(linked, "sparse-checkout", "set", "--no-cone", "/*", "!/b.txt")
    assert fingerprint(linked) != whole == fingerprint(repository)
    git(linked, "sparse-checkout", "disable")
    assert fingerprint(linked) == whole
    # By hand, for all work trees of the repository at once.
    git(linked, "config", "--worktree", "--unset", "core.sparseCheckout")
    git(repository, "config", "core.sparseCheckout", "true")
    assert fingerprint(linked) != whole == fingerprint(repository)


def test_a_repository_without_a_commit(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "f").write_text("f")
    assert listing(tmp_path, fingerprint(tmp_path)) == disk(tmp_path)


def test_a_repository_with_longer_ids(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--object-format=sha256")
    (tmp_path / "f").write_text("f")
    commit(tmp_path)
    (tmp_path / "g").write_text("g")
    assert listing(tmp_path, fingerprint(tmp_path)) == disk(tmp_path)


def test_the_content_of_a_fingerprint_taken_before_the_work(repository: Path) -> None:
    prints = Fingerprints()
    reads = Reads.of(files=["a.txt"], folders=["sub"])
    before = prints.get(repository)
    old = prints.content(repository, before, reads)
    (repository / "b.txt").write_text("not read")
    commit(repository)
    prints.forget(repository)
    assert prints.get(repository) != before
    assert prints.content(repository, prints.get(repository), reads) == old
    (repository / "a.txt").write_text("read")
    prints.forget(repository)
    edited = prints.content(repository, prints.get(repository), reads)
    assert edited != old
    commit(repository)
    prints.forget(repository)
    assert prints.content(repository, prints.get(repository), reads) == edited
    assert prints.content(repository, before, reads) == old


def test_it_does_not_stand_in_the_way_of_a_person_s_git(repository: Path) -> None:
    for number in range(2000):
        (repository / f"f{number}").write_text(str(number))
    commit(repository)
    stop = Event()

    def read() -> None:
        number = 0
        while not stop.is_set():
            number = (number + 1) % 2000
            os.utime(repository / f"f{number}")  # so that git would like to note its new time
            fingerprint(repository)

    readers = [Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    try:
        for number in range(20):
            (repository / "a.txt").write_text(str(number))
            git(repository, "add", "a.txt")
    finally:
        stop.set()
        for reader in readers:
            reader.join()


def test_refresh_notes_times(repository: Path) -> None:
    os.utime(repository / "a.txt", (1, 1))
    fingerprint(repository)
    assert git(repository, "diff-files", "--name-only") == "a.txt\n"  # what the index knows, nothing read
    refresh(repository)
    assert git(repository, "diff-files", "--name-only") == ""


# --- What git converts ------------------------------------------------------------------------------------------------


CONVERSIONS = {
    "line ends of a configuration": lambda home: (home / ".gitconfig").write_text("[core]\n\tautocrlf = true\n"),
    "ends of lines": lambda home: (home / ".gitconfig").write_text("[core]\n\teol = crlf\n"),
    "attributes": lambda home: (home / ".config" / "git" / "attributes").write_text("* text eol=crlf\n"),
    "a filter": lambda home: (home / ".gitconfig").write_text('[filter "x"]\n\tsmudge = tr a-z A-Z\n\tclean = cat\n'),
}


@pytest.mark.parametrize("name", CONVERSIONS)
def test_what_git_converted_in_a_folder_of_a_person_s_own_is_an_edit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    home, upstream, clone = tmp_path / "home", tmp_path / "upstream", tmp_path / "clone"
    (home / ".config" / "git").mkdir(parents=True)
    upstream.mkdir()
    (upstream / "a.txt").write_text("one\ntwo\n")
    (upstream / ".gitattributes").write_text("*.txt text filter=x\n")
    git(upstream, "init", "-q")
    commit(upstream)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    CONVERSIONS[name](home)
    git(tmp_path, "clone", "-q", str(upstream), str(clone))
    assert (clone / "a.txt").read_bytes() != (upstream / "a.txt").read_bytes()
    assert "a.txt (edited)" in fingerprint(clone)
    assert listing(clone, fingerprint(clone))["a.txt"] != listing(upstream, fingerprint(upstream))["a.txt"]
    (clone / "a.txt").write_text("one\ntwo\n")
    assert listing(clone, fingerprint(clone))["a.txt"] == listing(upstream, fingerprint(upstream))["a.txt"]


def test_attributes_of_the_repository_alone_are_seen(repository: Path) -> None:
    (repository / ".git" / "info").mkdir(exist_ok=True)
    (repository / ".git" / "info" / "attributes").write_text("a.txt text eol=crlf\n")
    (repository / "a.txt").write_text("a\n")
    commit(repository)
    (repository / "a.txt").unlink()
    before = fingerprint(repository)
    git(repository, "checkout", "-q", "a.txt")
    assert (repository / "a.txt").read_bytes() == b"a\r\n"
    assert list(fingerprint(repository)) == list(before) == ["commit", "a.txt (edited)"]
    assert fingerprint(repository) != before


@pytest.mark.parametrize("make", [Path.mkdir, Path.touch])
def test_a_repository_that_is_none_is_not_taken_for_the_one_around_it(
    repository: Path, make: Callable[[Path], None]
) -> None:
    (repository / ".gitignore").write_text("inner\n")
    (repository / "inner").mkdir()
    make(repository / "inner" / ".git")
    with pytest.raises(CrosscourseError, match="inner: git can't tell its state: fatal: "):
        fingerprint(repository / "inner")


def test_whose_git_calls_us_does_not_matter(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clean = fingerprint(repository)
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_PREFIX"):
        monkeypatch.setenv(name, "/nowhere")
    assert fingerprint(repository) == clean
    assert listing(repository, clean).keys() == {"a.txt", "b.txt"}


def test_the_lock_of_a_git_that_was_killed_is_no_obstacle(repository: Path) -> None:
    (repository / ".git" / "index.lock").touch()
    assert list(fingerprint(repository)) == ["commit"]
    (repository / "a.txt").write_text("edited")
    assert list(fingerprint(repository)) == ["commit", "a.txt (edited)"]
