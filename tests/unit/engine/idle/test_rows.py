"""What the kernel says of a file or folder is the same only as long as nothing of it was changed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from crosscourse.engine.idle.rows import FILE, LINK, PROJECT, TREE, UNKNOWN, Thing, compared, taken


def row(kind: str, path: Path) -> str:
    return dict(compared([(kind, str(path))]))[kind, str(path)]


def settle() -> None:
    """Wait until what was written is no longer so fresh that it might be written again without a trace."""
    time.sleep(0.03)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of sources."""
    for name in ("a", "sub/b", "sub/deep/c"):
        (tmp_path / "src" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "src" / name).write_text("text")
    (tmp_path / "src" / "link").symlink_to("a")
    settle()
    return tmp_path / "src"


def rewrite(path: Path) -> None:
    """Other bytes, as many, at the same time."""
    before = path.stat()
    path.write_text("tExt")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def exchange(path: Path) -> None:
    """Another file in its place, of the same size and time."""
    before = path.stat()
    other = path.with_name("other")
    other.write_text("tExt")
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)


def link(path: Path, to: str) -> None:
    """A link in place of what is there."""
    path.unlink()
    path.symlink_to(to)


def pipe(path: Path) -> None:
    """A pipe in place of what is there."""
    path.unlink()
    os.mkfifo(path)


CHANGES: dict[str, Callable[[Path], object]] = {
    "appended": lambda src: (src / "sub/b").write_text("text more"),
    "rewritten": lambda src: rewrite(src / "sub/b"),
    "exchanged": lambda src: exchange(src / "sub/b"),
    "touched": lambda src: (src / "sub/b").touch(),
    "mode": lambda src: (src / "sub/b").chmod(0o755),
    "mode of a folder": lambda src: (src / "sub").chmod(0o700),
    "removed": lambda src: (src / "sub/b").unlink(),
    "new": lambda src: (src / "sub/deep/new").touch(),
    "new folder": lambda src: (src / "sub/new").mkdir(),
    "hidden": lambda src: (src / ".hidden").touch(),
    "bytecode": lambda src: (src / "__pycache__").mkdir(),
    "renamed": lambda src: (src / "sub/b").rename(src / "sub/d"),
    "moved": lambda src: (src / "sub/b").rename(src / "b"),
    "folder renamed": lambda src: (src / "sub").rename(src / "sup"),
    "link": lambda src: link(src / "link", "b"),
    "pipe": lambda src: pipe(src / "a"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_folder_of_sources(folder: Path, change: Callable[[Path], object]) -> None:
    before = row(TREE, folder)
    assert row(TREE, folder) == before != UNKNOWN
    change(folder)
    assert row(TREE, folder) != before


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_project(folder: Path, change: Callable[[Path], object], request: pytest.FixtureRequest) -> None:
    before = row(PROJECT, folder)
    assert row(PROJECT, folder) == before != UNKNOWN
    change(folder)
    # Modes of folders decide nothing; an empty one counts, and what no code reads does not.
    same = request.node.callspec.id in ("mode of a folder", "hidden", "bytecode")
    assert (row(PROJECT, folder) == before) is same


def test_what_is_built_is_no_part_of_the_project(folder: Path) -> None:
    before = row(PROJECT, folder)
    for name in ("build", "dist", "sources"):
        (folder / name / "x").mkdir(parents=True)
    assert row(PROJECT, folder) == before
    (folder / "sub/build").mkdir()
    assert row(PROJECT, folder) != before


def test_links_in_the_project(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("text")
    (folder / "link").unlink()
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    before = row(PROJECT, folder)
    (tmp_path / "elsewhere").write_text("more")
    assert row(PROJECT, folder) != before
    (folder / "link").unlink()
    (folder / "link").symlink_to(tmp_path)
    assert row(PROJECT, folder) == UNKNOWN


def test_another_folder_of_the_same_content(folder: Path) -> None:
    before = row(TREE, folder)
    folder.rename(folder.with_name("aside"))
    folder.symlink_to("aside")
    assert row(TREE, folder) == before  # the same files
    folder.unlink()
    folder.mkdir()
    assert row(TREE, folder) != before


@pytest.mark.parametrize(
    "change",
    [
        rewrite,
        exchange,
        lambda path: path.unlink(),
        lambda path: path.chmod(0o600),
        lambda path: (path.unlink(), path.mkdir()),
        lambda path: (path.rename(path.with_name("aside")), path.symlink_to("aside")),
    ],
)
def test_a_file(folder: Path, change: Callable[[Path], object]) -> None:
    before = row(FILE, folder / "a")
    assert row(FILE, folder / "a") == before
    change(folder / "a")
    assert row(FILE, folder / "a") != before


def test_a_file_behind_a_link(folder: Path) -> None:
    before = row(FILE, folder / "link")
    rewrite(folder / "a")
    assert row(FILE, folder / "link") != before
    (folder / "a").unlink()
    assert row(FILE, folder / "link").endswith(".nothing")


def test_a_file_that_appears(folder: Path) -> None:
    assert row(FILE, folder / "a/b") == row(FILE, folder / "new") == "nothing"
    (folder / "new").touch()
    assert row(FILE, folder / "new") != "nothing"


def test_of_a_single_folder_only_which_it_is(folder: Path) -> None:
    before = row(FILE, folder)
    (folder / "new").touch()
    assert row(FILE, folder) == before


def test_where_a_path_leads(folder: Path) -> None:
    (folder / "way").symlink_to("sub")
    before = row(LINK, folder / "way/deep")
    (folder / "way").unlink()
    (folder / "way").symlink_to("..")
    assert row(LINK, folder / "way/deep") != before


@pytest.fixture
def checkout(folder: Path) -> Path:
    """What looks like a checkout that we made."""
    (folder / ".git/objects/info").mkdir(parents=True)
    (folder / ".git/config").write_text("[core]\n")
    (folder / ".git/crosscourse.json").write_text("{}")
    settle()
    return folder


def test_what_git_keeps_counts(checkout: Path) -> None:
    before = row(TREE, checkout)
    assert before != UNKNOWN
    (checkout / ".git/index").write_text("x")
    assert row(TREE, checkout) != before


def test_a_sparse_checkout_can_be_told(checkout: Path) -> None:
    (checkout / ".git/config.worktree").write_text("[core]\n\tsparseCheckout = true\n")
    before = row(TREE, checkout)
    assert before != UNKNOWN
    (checkout / ".git/config.worktree").write_text("[core]\n\tsparseCheckout = false\n")
    assert row(TREE, checkout) != before


@pytest.mark.parametrize(
    "change",
    [
        lambda src: (src / ".git/crosscourse.json").unlink(),
        lambda src: (src / ".git/config").write_text("[include]\n\tpath = /elsewhere\n"),
        lambda src: (src / ".git/config").write_text("[includeIf]\n"),
        lambda src: (src / ".git/objects/info/alternates").write_text("/elsewhere"),
        lambda src: (src / ".git/commondir").write_text("/elsewhere"),
        lambda src: (src / ".git/modules").mkdir(),
        lambda src: (src / ".git/config").write_text('[filter "x"]\n\tclean = /elsewhere\n'),
        lambda src: (src / ".git/config.worktree").write_text("[include]\n\tpath = /elsewhere\n"),
        lambda src: (src / ".git/config.worktree").write_text('[filter "x"]\n\tclean = /elsewhere\n'),
        lambda src: ((src / ".git/config").rename(src / "config"), (src / ".git/config").symlink_to("../config")),
        lambda src: (src / ".git/index").symlink_to("/elsewhere"),
        lambda src: ((src / ".git/objects").rename(src / "o"), (src / ".git/objects").symlink_to("../o")),
        lambda src: (src / ".git/objects/info/packs").symlink_to("/elsewhere"),
        lambda src: ((src / ".git").rename(src / "git"), (src / ".git").symlink_to("git")),
        lambda src: ((src / ".git").rename(src / "git"), (src / ".git").write_text("gitdir: git")),
        lambda src: (src / "sub/.git").mkdir(),
        lambda src: (src / "sub/.git").write_text("gitdir: /elsewhere"),
    ],
)
def test_a_repository_that_leads_out_of_itself_can_not_be_told(
    checkout: Path, change: Callable[[Path], object]
) -> None:
    change(checkout)
    settle()
    assert row(TREE, checkout) == UNKNOWN
    assert not dict(taken([(TREE, str(checkout))]))


def test_what_was_just_written_is_not_taken(folder: Path) -> None:
    things: list[Thing] = [(FILE, str(folder / "a")), (TREE, str(folder))]
    assert list(dict(taken(things))) == things
    (folder / "sub/b").touch()
    assert list(dict(taken(things))) == things[:1]
    settle()
    assert list(dict(taken(things))) == things


def test_what_seems_to_be_of_the_future_is_not_taken(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now - 10**12)
    assert not dict(taken([(FILE, str(folder / "a"))]))


def test_a_file_system_that_counts_whole_seconds(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = (folder / "a").stat().st_ctime_ns
    whole = os.stat_result

    def stat(path: str, *, of: Callable[[str], os.stat_result] = os.lstat) -> os.stat_result:
        info = of(path)
        times = {"st_ctime_ns": written // 10**9 * 10**9, "st_mtime_ns": written // 10**9 * 10**9}
        return whole(
            tuple(info), {name: times.get(name, getattr(info, name)) for name in dir(info) if name[-3:] == "_ns"}
        )

    monkeypatch.setattr(os, "lstat", stat)
    second = written // 10**9 * 10**9
    for age, known in ((1.9, False), (2.1, True)):
        monkeypatch.setattr(time, "time_ns", lambda age=age: second + int(age * 10**9))
        assert bool(dict(taken([(FILE, str(folder / "a"))]))) is known


def test_too_much_to_look_at(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crosscourse.engine.idle.rows._MOST_OF_TREE", 3)
    monkeypatch.setattr("crosscourse.engine.idle.rows._MOST_OF_PROJECT", 3)
    assert row(TREE, folder) == row(PROJECT, folder) == UNKNOWN
