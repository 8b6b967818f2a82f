"""What in a checkout is a person's own: every place where git can keep work, and every way to hide it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from crosscourse.errors import CrosscourseError
from crosscourse.git.checkout import Mark, changes_digest, mark_file, write_mark
from crosscourse.git.edits import EditedCheckoutError, edits_in, refuse_edits

Git = Callable[..., str]
NOTHING: tuple[list[str], list[str]] = ([], [])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The place of a checkout."""
    return tmp_path / "checkout"


@pytest.fixture
def git(folder: Path) -> Git:
    """A checkout at the commit that its mark names, as a person's git sees it."""
    folder.mkdir()

    def call(*words: str) -> str:
        command = ["git", "-c", "user.name=t", "-c", "user.email=t@t", *words]
        return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()

    call("init", "-q", "-b", "main")
    for name, text in (("a", "one\n"), ("b", "b\n"), (".gitignore", "ignored\nfolder/\n"), ("dos", "one\ntwo\n")):
        (folder / name).write_text(text)
    (folder / ".gitattributes").write_text("dos eol=crlf\n")
    (folder / "link").symlink_to("a")
    call("add", "-A")
    call("commit", "-qm", "base")
    call("checkout", "-q", "--detach")
    call("branch", "-q", "-D", "main")
    (folder / "dos").unlink()
    call("checkout", "dos")
    commit = call("rev-parse", "HEAD")
    write_mark(mark_file(folder), Mark(base=commit, commit=commit, patches={}))
    return call


def own(folder: Path) -> tuple[list[str], list[str]]:
    """What is a person's: named, and nameless."""
    found = edits_in(folder)
    return found.named, found.nameless


def commit_something(git: Git, folder: Path) -> str:
    """Commit an edit, and go back: nothing but the reflog has the commit. Returns it."""
    (folder / "a").write_text("mine\n")
    git("commit", "-qam", "mine")
    made = git("rev-parse", "HEAD")
    git("reset", "-q", "--hard", "HEAD~1")
    return made


# What a person does in a checkout, and what is said of it.
NAMED = {
    "edited": ("echo two >a", "a"),
    "another mode": ("chmod +x a; git config core.fileMode false", "a"),
    "another link": ("ln -sfn b link", "link"),
    "a new link to a folder": ("ln -s / new", "new"),
    "ignored": ("mkdir folder; touch folder/mine", "folder/mine"),
    "ignored by info/exclude": ("mkdir -p .git/info; echo mine >.git/info/exclude; touch mine", "mine"),
    "ignored by settings": (
        "echo mine >../ignored; git config core.excludesFile ../ignored; git config status.showUntrackedFiles no; "
        "touch mine",
        "mine",
    ),
    "assumed unchanged": ("git update-index --assume-unchanged a; echo mine >a", "a"),
    "skipped": ("git update-index --skip-worktree a; echo mine >a", "a"),
    "a monitor that sees nothing": ("git config core.fsmonitor \"printf '1\\0'; true\"; git status; echo mine >a", "a"),
    "staged": ("echo mine >a; git add a; echo one >a", "a"),
    "other line ends": (r"printf 'one\r\ntwo\r\nthree\r\n' >dos", "dos"),
    "a repository in it": ("git init folder/nested", "folder/nested/ folder/nested/.git"),
    "what git passes over": ("mkdir -p new/.git; touch new/.git/notes", "new/.git"),
    "a branch": ("echo mine >a; git commit -am mine; git branch mine; git checkout --detach HEAD~1", "refs/heads/mine"),
    "a packed branch": ("git branch mine; git pack-refs --all --prune", "refs/heads/mine"),
    "a packed stash": ("echo mine >a; git stash; git pack-refs --all --prune", "refs/stash"),
    "a tag, after gc": ("git tag -a mine -m mine; git gc -q", "refs/tags/mine"),
    "a note": ("git notes add -m mine", "refs/notes/commits"),
    "a linked worktree": ("git worktree add --detach ../linked", ".git/worktrees"),
    "a submodule": ("mkdir -p .git/modules/mine", ".git/modules"),
    "a rebase": ("mkdir .git/rebase-merge", ".git/rebase-merge"),
    "a hook": ("mkdir -p .git/hooks; touch .git/hooks/pre-commit", ".git/hooks/pre-commit"),
    "a filter": ("mkdir -p .git/info; echo 'a filter=mine' >.git/info/attributes", ".git/info/attributes"),
    "git at work": ("touch .git/index.lock", ".git/index.lock~(git~is~at~work,~or~was~killed)"),
    "on no commit": (
        "git checkout --orphan mine",
        ".gitattributes .gitignore a b dos link commit~(initial)",
    ),
}


def test_a_checkout_as_it_was_made(git: Git, folder: Path) -> None:
    assert (folder / "dos").read_bytes() == b"one\r\ntwo\r\n"
    assert own(folder) == NOTHING
    git("gc", "-q")
    git("status")
    assert own(folder) == NOTHING
    refuse_edits(folder, "It would go.")


@pytest.mark.usefixtures("git")
@pytest.mark.parametrize(("script", "expected"), NAMED.values(), ids=NAMED)
def test_named(folder: Path, script: str, expected: str) -> None:
    env = {**os.environ, **{f"GIT_{who}_{what}": "t" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}}
    subprocess.run(["sh", "-e", "-c", script], cwd=folder, env=env, check=True, capture_output=True)
    found = edits_in(folder)
    assert found.named == expected.replace("~", "\0").replace(" ", "\n").replace("\0", " ").split("\n")
    with pytest.raises(EditedCheckoutError, match=r"It would go\. Either"):
        found.refuse(folder, "It would go.", nameless=False)


def test_a_commit(git: Git, folder: Path) -> None:
    git("commit", "-q", "--allow-empty", "-m", "mine")
    assert edits_in(folder).named == [f"commit {git('rev-parse', 'HEAD')[:12]}"]


def test_commits_that_nothing_names(git: Git, folder: Path) -> None:
    commit = commit_something(git, folder)
    expected: tuple[list[str], list[str]] = ([], [f"commit {commit[:12]}"])
    assert own(folder) == expected
    git("reflog", "expire", "--expire=now", "--all")
    assert own(folder) == expected
    git("repack", "-qadk")
    assert own(folder) == expected
    edits_in(folder).refuse(folder, "It would be made anew.", nameless=False)
    with pytest.raises(EditedCheckoutError, match=f"commit {commit[:12]}") as caught:
        refuse_edits(folder, "It would go.")
    for line in caught.value.remedy.splitlines()[-1].strip().split("; "):  # does what it says
        subprocess.run(line.split(), check=True, capture_output=True)
    assert own(folder) == NOTHING


def test_a_dropped_stash_and_an_unmade_tag(git: Git, folder: Path) -> None:
    (folder / "a").write_text("mine\n")
    git("stash")
    git("stash", "drop")
    assert len(edits_in(folder).nameless) == 2  # what was edited, and what was staged
    git("tag", "-a", "mine", "-m", "mine")
    git("tag", "-d", "mine")
    assert len([one for one in edits_in(folder).nameless if one.startswith("tag ")]) == 1


def test_what_was_staged_once(git: Git, folder: Path) -> None:
    (folder / "a").write_text("mine\n")
    git("add", "a")
    git("reset", "-q", "--hard")
    assert own(folder) == ([], ["1 files or folders that were staged once"])


def test_what_upstream_has_is_not_a_persons(git: Git, folder: Path) -> None:
    """The mark's commits may be on one another, or be gone."""
    commit = commit_something(git, folder)
    base = git("rev-parse", "HEAD")
    mark = Mark(base=base, commit=base, patches={}, former=["1" * 40, commit])
    write_mark(mark_file(folder), mark)
    assert own(folder) == NOTHING


def test_what_was_exported_is_ours_while_its_patch_has_it(git: Git, folder: Path) -> None:
    base = git("rev-parse", "HEAD")
    (folder / "a").write_text("mine\n")
    git("commit", "-qam", "mine")
    commit = git("rev-parse", "HEAD")
    patch = folder.parent / "patches" / "x.patch"
    patch.parent.mkdir()
    patch.write_text("Why: none.\ndiff --git a/a b/a\n")
    saved = {"../patches/x.patch": changes_digest(patch)}
    write_mark(mark_file(folder), Mark(base=base, commit=commit, patches={}, saved=saved))
    assert own(folder) == NOTHING
    patch.write_text("Why: a good reason.\ndiff --git a/a b/a\n")
    assert own(folder) == NOTHING
    patch.write_text("Why: a good reason.\ndiff --git a/b b/b\n")
    assert own(folder) == ([], [f"commit {commit[:12]}"])
    patch.unlink()
    assert own(folder) == ([], [f"commit {commit[:12]}"])


def test_a_replaced_object_is_not_believed(git: Git, folder: Path) -> None:
    commit = commit_something(git, folder)
    git("replace", commit, git("rev-parse", "HEAD"))
    assert edits_in(folder).named == [f"refs/replace/{commit}"]


@pytest.mark.usefixtures("git")
def test_a_repository_around_it_is_not_asked(folder: Path) -> None:
    subprocess.run(["git", "init", "-q"], cwd=folder.parent, check=True)
    (folder / ".git" / "HEAD").unlink()
    with pytest.raises(CrosscourseError):
        edits_in(folder)
