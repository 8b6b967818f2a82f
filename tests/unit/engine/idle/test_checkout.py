"""Whatever changes what git says of a checkout, changes what the kernel says of its files: by random changes."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from crosscourse.engine.idle.rows import TREE, UNKNOWN, compared
from crosscourse.git.fingerprint import fingerprint
from tests.unit.engine.runs import git, make_checkout

NAMES = ("a", "sub/b", "sub/deep/c", "new", "sub/new", ".gitignore", ".gitattributes", "sub/.gitignore")
TEXTS = ("text\n", "tExt\n", "a\n", "*\n", "* text eol=crlf\n", "")
Change = Callable[[Path, random.Random], object]


def write(src: Path, chance: random.Random) -> None:
    path = src / chance.choice(NAMES)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(chance.choice(TEXTS))


def write_at_the_same_time(src: Path, chance: random.Random) -> None:
    path = src / chance.choice(NAMES)
    if path.is_file():
        before = path.stat()
        path.write_text(chance.choice(TEXTS))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def remove(src: Path, chance: random.Random) -> None:
    (src / chance.choice(NAMES)).unlink(missing_ok=True)


def mode(src: Path, chance: random.Random) -> None:
    path = src / chance.choice(NAMES)
    if path.is_file():
        path.chmod(chance.choice((0o644, 0o755)))


def hide(src: Path, chance: random.Random) -> None:
    listed = git(src, "ls-files").split()
    if listed:
        flag = chance.choice(("--assume-unchanged", "--no-assume-unchanged", "--skip-worktree", "--no-skip-worktree"))
        git(src, "update-index", flag, chance.choice(listed))


def settle(src: Path, chance: random.Random) -> None:
    keys = ("core.fileMode", "core.ignoreCase", "core.autocrlf", "core.excludesFile", "core.sparseCheckout")
    git(src, "config", chance.choice(keys), chance.choice(("true", "false")))


def exclude(src: Path, chance: random.Random) -> None:
    for name in ("exclude", "attributes", "sparse-checkout"):
        (src / ".git/info").mkdir(exist_ok=True)
        (src / ".git/info" / name).write_text(chance.choice(TEXTS))


CHANGES: tuple[Change, ...] = (
    write,
    write,
    write_at_the_same_time,
    remove,
    mode,
    hide,
    settle,
    exclude,
    lambda src, _: git(src, "add", "--all", "--force"),
    lambda src, _: git(src, "commit", "--quiet", "--allow-empty", "--all", "--message", "more"),
    lambda src, _: git(src, "reset", "--quiet", "--hard"),
    lambda src, _: git(src, "reset", "--quiet", "--soft", "HEAD"),
    lambda src, _: git(src, "checkout", "--quiet", "--detach"),
    lambda src, _: git(src, "pack-refs", "--all"),
    lambda src, _: git(src, "status"),
    lambda src, _: git(src, "rm", "-r", "--cached", "--quiet", "--ignore-unmatch", "sub"),
)


@pytest.mark.parametrize("seed", range(3))
def test_the_same_row_means_the_same_fingerprint(tmp_path: Path, seed: int) -> None:
    src = tmp_path / "source"
    make_checkout(src, a="text\n", new="text\n")
    (src / ".git/crosscourse.json").write_text("{}")
    chance = random.Random(seed)  # noqa: S311  # no secret
    said: dict[str, str] = {}
    for _ in range(40):
        (row,) = dict(compared([(TREE, str(src))])).values()
        assert row != UNKNOWN
        found = str(sorted(fingerprint(src).items()))
        assert said.setdefault(row, found) == found, "the row is that of another fingerprint"
        # Looking changes nothing, or a note would never be believed.
        assert dict(compared([(TREE, str(src))]))[TREE, str(src)] == row
        try:
            chance.choice(CHANGES)(src, chance)
        except subprocess.CalledProcessError:
            continue  # nothing to commit, a pattern that leaves out everything
    assert len(set(said.values())) > 5
