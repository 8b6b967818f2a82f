"""How a checkout leaves its place: at any moment of it nothing of a person's is lost."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from crosscourse.errors import CrosscourseError
from crosscourse.git import aside
from crosscourse.git.checkout import Mark, mark_file, read_mark, write_mark
from crosscourse.git.edits import EditedCheckoutError, Edits, edits_in

WHY = "It would go."


def git(folder: Path, *words: str) -> str:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@t", *words]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def make(folder: Path, text: str) -> Path:
    """A checkout of a commit with one file."""
    folder.mkdir(parents=True)
    git(folder, "init", "-q", "-b", "main")
    (folder / "a").write_text(text)
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", text)
    git(folder, "checkout", "-q", "--detach")
    git(folder, "branch", "-q", "-D", "main")
    commit = git(folder, "rev-parse", "HEAD")
    write_mark(mark_file(folder), Mark(base=commit, commit=commit, patches={}))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkout in its place."""
    return make(tmp_path / "sources" / "x", "one\n")


@pytest.fixture
def new(tmp_path: Path) -> Path:
    """Another, to be put there."""
    return make(tmp_path / "sources" / ".x.partial", "two\n")


def there(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.parent.iterdir())


def drop_a_commit(folder: Path) -> str:
    """Commit something, twice, and go back. Returns the last commit."""
    for text in ("mine\n", "mine too\n"):
        (folder / "a").write_text(text)
        git(folder, "commit", "-qam", text)
    dropped = git(folder, "rev-parse", "HEAD")
    git(folder, "reset", "-q", "--hard", "HEAD~2")
    return dropped


class Saving:
    """A person who saves a file whenever the checkout is looked at."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, path: str, times: int = 1) -> None:
        self.left, self.path = times, path
        monkeypatch.setattr(aside, "edits_in", self)

    def __call__(self, folder: Path) -> Edits:
        found = edits_in(folder)
        if self.left:
            self.left -= 1
            (folder / self.path).write_text("saved\n")
        return found


def test_removed(folder: Path) -> None:
    aside.remove(folder, WHY)
    assert there(folder) == []
    aside.remove(folder, WHY)
    assert not aside.is_there(folder)


def test_replaced(folder: Path, new: Path) -> None:
    aside.replace(folder, new, WHY)
    assert there(folder) == ["x"]
    assert (folder / "a").read_text() == "two\n"
    assert read_mark(folder).former == []


@pytest.mark.parametrize("path", ["a", "new"])
def test_a_file_saved_after_the_look_is_kept(
    folder: Path, new: Path, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Saving(monkeypatch, path)
    with pytest.raises(EditedCheckoutError, match=f"kept: {path}"):
        aside.remove(folder, WHY)
    assert there(folder) == [".x.partial", "x"]
    with pytest.raises(EditedCheckoutError, match=f"kept: {path}"):
        aside.replace(folder, new, WHY)
    assert there(folder) == [".x.partial", "x"]
    assert (folder / path).read_text() == "saved\n"


def test_a_commit_that_nothing_names_is_not_removed(folder: Path) -> None:
    dropped = drop_a_commit(folder)
    with pytest.raises(EditedCheckoutError, match="nothing points at may go"):
        aside.remove(folder, WHY)
    assert git(folder, "show", f"{dropped}:a") == "mine too"


@pytest.mark.parametrize("packed", [False, True])
def test_commits_that_nothing_names_are_taken_over(folder: Path, new: Path, packed: bool) -> None:
    dropped = drop_a_commit(folder)
    if packed:
        git(folder, "gc", "-q")
    before = edits_in(folder).nameless
    assert len(before) == 2
    aside.replace(folder, new, WHY)
    assert there(folder) == ["x"]
    assert edits_in(folder).nameless == before
    assert git(folder, "show", f"{dropped}:a") == "mine too"
    assert dropped in git(folder, "reflog", "--format=%H").split()
    git(folder, "fsck", "--full", "--strict")
    aside.replace(folder, make(folder.with_name(".x.partial"), "three\n"), WHY)
    assert edits_in(folder).nameless == before
    git(folder, "checkout", "-q", dropped)
    assert (folder / "a").read_text() == "mine too\n"


def test_what_is_no_checkout_of_ours_stays(folder: Path, new: Path) -> None:
    mark_file(folder).unlink()
    with pytest.raises(CrosscourseError, match="is in the way"):
        aside.remove(folder, WHY)
    with pytest.raises(CrosscourseError, match="is in the way"):
        aside.replace(folder, new, WHY)
    assert there(folder) == [".x.partial", "x"]


def test_killed_before_the_look(folder: Path) -> None:
    (folder / "a").write_text("mine\n")
    folder.rename(folder.with_name(".x.old"))
    assert aside.is_there(folder)
    with pytest.raises(EditedCheckoutError):
        aside.remove(folder, WHY)
    assert there(folder) == ["x"]
    assert (folder / "a").read_text() == "mine\n"


def test_killed_before_the_old_one_went(folder: Path, new: Path) -> None:
    dropped = drop_a_commit(folder)
    folder.rename(folder.with_name(".x.old"))
    new.rename(folder)
    aside.put_back(folder)
    assert there(folder) == ["x"]
    assert (folder / "a").read_text() == "two\n"
    assert git(folder, "show", f"{dropped}:a") == "mine too"


def test_killed_before_the_old_one_went_and_edited_since(folder: Path, new: Path) -> None:
    (folder / "a").write_text("mine\n")
    folder.rename(folder.with_name(".x.old"))
    new.rename(folder)
    with pytest.raises(EditedCheckoutError):
        aside.put_back(folder)
    assert there(folder) == [".x.old", "x"]


def test_killed_while_it_was_removed(folder: Path, new: Path) -> None:
    rest = folder.rename(folder.with_name(".x.removed"))
    (rest / ".git" / "HEAD").unlink()
    aside.replace(folder, new, WHY)
    assert there(folder) == ["x"]


def test_something_else_in_its_place(folder: Path) -> None:
    folder.rename(folder.with_name(".x.old"))
    folder.mkdir()
    aside.put_back(folder)  # onto an empty folder
    folder.rename(folder.with_name(".x.old"))
    folder.mkdir()
    (folder / "mine").write_text("")
    with pytest.raises(CrosscourseError, match=r"which is kept in .*\.x\.old"):
        aside.put_back(folder)
    assert there(folder) == [".x.old", "x"]


def test_a_file_where_it_is_set_aside(folder: Path, new: Path) -> None:
    (folder.parent / ".x.old").write_text("")
    with pytest.raises(CrosscourseError, match="is in the way"):
        aside.replace(folder, new, WHY)
    assert (folder / "a").read_text() == "one\n"


# Ends at a moment, as a kill would, or gets to the end and says so. Moments are each renaming of a checkout, and one of
# twelve of all else that is done to files.
KILLED = """
import os, sys
from pathlib import Path
from crosscourse.git import aside
action, folder, left, others = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), 0
def hook(event, arguments):
    global left, others
    if event in ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "shutil.copyfile"):
        if event != "os.rename" or Path(arguments[0]).parent != folder.parent:
            others += 1
            if others % 12:
                return
        left -= 1
        if left < 0:
            os._exit(0)
sys.addaudithook(hook)
if action == "remove":
    aside.remove(folder, "It would go.")
else:
    aside.replace(folder, folder.with_name(".x.partial"), "It would go.")
print("ended")
"""


def killed(action: str, folder: Path, moment: int) -> bool:
    """Whether it came to that moment, and was killed there."""
    argv = [sys.executable, "-c", KILLED, action, str(folder), str(moment)]
    done = subprocess.run(argv, check=False, capture_output=True, text=True)
    assert not done.returncode, done.stderr
    return "ended" not in done.stdout


def test_killed_at_any_moment_while_it_is_removed(folder: Path, tmp_path: Path) -> None:
    template = folder.rename(tmp_path / "template")
    for moment in range(1000):
        shutil.copytree(template, folder, symlinks=True)
        came = killed("remove", folder, moment)
        aside.remove(folder, WHY)
        assert there(folder) == []
        if not came:
            break
    assert moment > 3


def test_killed_at_any_moment_while_it_is_replaced(folder: Path, new: Path, tmp_path: Path) -> None:
    dropped = drop_a_commit(folder)
    templates = folder.rename(tmp_path / "template"), new.rename(tmp_path / "new")
    for moment in range(1000):
        for template, path in zip(templates, (folder, new), strict=True):
            shutil.copytree(template, path, symlinks=True)
        came = killed("replace", folder, moment)
        if came:
            if new.exists():
                shutil.rmtree(new)
            shutil.copytree(templates[1], new, symlinks=True)
            aside.replace(folder, new, WHY)
        assert there(folder) == ["x"]
        assert edits_in(folder).named == []
        assert (folder / "a").read_text() == "two\n"
        assert git(folder, "show", f"{dropped}:a") == "mine too"
        shutil.rmtree(folder)
        if not came:
            break
    assert moment > 3


def test_a_checkout_that_lies_elsewhere(folder: Path, new: Path, tmp_path: Path) -> None:
    """A link to where a person moved it: the link goes, and the person's folder stays."""
    elsewhere = folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(elsewhere)
    aside.replace(folder, new, WHY)
    assert there(folder) == ["x"]
    assert (elsewhere / "a").read_text() == "one\n"
