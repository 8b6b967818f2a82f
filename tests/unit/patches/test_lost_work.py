"""Whatever a person does in a checkout, and whatever we do then: each text that the person saved is still somewhere."""

from __future__ import annotations

import os
import random
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from crosscourse import files
from crosscourse.errors import CrosscourseError
from crosscourse.git import aside
from crosscourse.git.checkout import read_mark
from crosscourse.git.local import make_store
from crosscourse.patches import make
from crosscourse.patches.export import export
from crosscourse.patches.make import PatchedSource, make_checkout
from tests.unit.places import make_places

PATCH = "diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1 +1 @@\n-one\n+two\n"
MINE = re.compile(rb"mine-\d+")
PERSON = {f"GIT_{who}_{what}": "t" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


class World:
    """A checkout, us, and a person, each of whose texts is another one."""

    def __init__(self, root: Path, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311  # no secret
        self.root = root
        self.folder = root / "sources" / "x"
        self.vendor = root / "vendor-patches"
        self.at = make_places(root)
        self.patches: list[str] = ["x/p.patch"]
        self.date = 1
        self.written = 0
        self.told: list[str] = []
        (self.vendor / "x").mkdir(parents=True)
        (self.vendor / "x" / "p.patch").write_text(PATCH)
        (root / "upstream").mkdir()
        for name, text in (("a", "one\n"), ("b", "b\n"), (".gitignore", "ignored\n")):
            (root / "upstream" / name).write_text(text)
        make_store(root / "upstream", root / "store", self.at, name="x", url="upstream", date=1)
        self.make()

    # --- the person

    def git(self, *words: str) -> None:
        """git, with whatever success."""
        env = {**os.environ, **PERSON, "GIT_EDITOR": "true", "GIT_SEQUENCE_EDITOR": "true"}
        subprocess.run(["git", *words], cwd=self.folder, env=env, capture_output=True, check=False)

    def write(self, *names: str) -> None:
        self.written += 1
        name = self.random.choice(names or ("a", "b", "new", "ignored", "deep/er/new"))
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"mine-{self.written}\n")

    def commit(self) -> None:
        self.write("a", "b", "new")
        self.git("add", "-A")
        self.written += 1
        self.git("commit", "-qm", f"mine-{self.written}")

    def commit_more(self, *how: str) -> None:
        self.write("a")
        self.git("commit", "-qa", *how)

    def stage_and_drop(self) -> None:
        self.write("a", "new")
        self.git("add", "-A")
        self.git("reset", "-q", "--hard")

    def person(self) -> list[Callable[[], object]]:
        """What a person may do."""
        return [
            self.write,
            self.commit,
            self.commit,
            lambda: self.commit_more("--amend", "--no-edit"),
            lambda: self.commit_more("--fixup", "HEAD"),
            lambda: self.git("rebase", "-qi", "--autosquash", "HEAD~2"),
            self.stage_and_drop,
            lambda: self.git("add", "-A"),
            lambda: self.git("stash", "-u"),
            lambda: self.git("stash", "drop"),
            lambda: self.git("stash", "pop"),
            lambda: self.git("reset", "-q", "--hard", "HEAD~1"),
            lambda: self.git("reset", "-q", "--hard", "ORIG_HEAD"),
            lambda: self.git("clean", "-qfdx"),
            lambda: self.git("branch", f"b{self.random.randrange(3)}"),
            lambda: self.git("switch", "-q", f"b{self.random.randrange(3)}"),
            lambda: self.git("branch", "-D", f"b{self.random.randrange(3)}"),
            lambda: self.git("tag", "-a", "-m", f"mine-{self.written}", f"t{self.random.randrange(2)}"),
            lambda: self.git("tag", "-d", f"t{self.random.randrange(2)}"),
            lambda: self.git("pack-refs", "--all"),
            lambda: self.git("gc", "-q"),
            lambda: self.git("repack", "-qadk"),
            lambda: self.git("update-index", self.random.choice(["--assume-unchanged", "--skip-worktree"]), "b"),
            lambda: self.git("config", "status.showUntrackedFiles", "no"),
            self.take_back,
            self.tidy,
        ]

    def take_back(self) -> None:
        """Undo what was exported, as git would in the project's own repository."""
        (self.vendor / "x" / "p.patch").write_text(PATCH)
        for patch in self.patches:
            if patch != "x/p.patch":
                (self.vendor / patch).unlink()
        self.patches = ["x/p.patch"]

    def tidy(self) -> None:
        """Go back to what we made, with nothing that is named."""
        commit = read_mark(self.folder).commit
        self.git("rebase", "--abort")
        self.git("checkout", "-qf", "--detach", commit)
        self.git("update-index", "--no-assume-unchanged", "--no-skip-worktree", "b")
        self.git("reset", "-q", "--hard", commit)
        self.git("clean", "-qfdx")
        for ref in ("b0", "b1", "b2"):
            self.git("branch", "-D", ref)
        self.git("tag", "-d", "t0", "t1")
        self.git("stash", "clear")

    # --- us

    def us(self) -> list[Callable[[], object]]:
        return [self.make, self.make_anew, self.make_anew, self.remove, self.export]

    def make(self) -> None:
        spec = PatchedSource(
            name="x",
            url="upstream",
            commit=None,
            omit=(),
            patches=tuple(self.patches),
            digests={patch: files.digest(self.vendor / patch) for patch in self.patches},
            date=self.date,
            manifest="releases/r.toml",
        )
        make_checkout(
            spec,
            self.folder,
            self.at,
            store=self.root / "store",
            vendor_patches=self.vendor,
            failure=self.root / "failure.json",
        )

    def make_anew(self) -> None:
        self.date += 1
        self.make()

    def remove(self) -> None:
        aside.remove(self.folder, "It would go.")

    def export(self) -> None:
        with files.scratch_folder(self.root / "exporting") as scratch:
            outcome = export(
                self.folder,
                source="x",
                patches=self.patches,
                vendor_patches=self.vendor,
                log=self.at.log,
                scratch=scratch,
            )
        self.patches = outcome.wanted

    # --- what must hold

    def saved(self) -> set[bytes]:
        """The person's texts: in files, in patches, and in whatever objects git keeps."""
        objects = b""
        if self.folder.exists():
            argv = ["git", "cat-file", "--batch-all-objects", "--batch"]
            objects = subprocess.run(argv, cwd=self.folder, check=True, capture_output=True).stdout
        paths = [path for top in (self.folder, self.vendor) for path in top.rglob("*") if path.is_file()]
        kept = [path.read_bytes() for path in paths if ".git" not in path.parts]
        return set(MINE.findall(b"".join([objects, *kept])))

    def act(self, what: Callable[[], object]) -> None:
        """We do something: done or refused, nothing is lost."""
        before = self.saved()
        try:
            what()
            self.told.append("done")
        except CrosscourseError as error:
            self.told.append(str(error))
        assert before <= self.saved(), self.told[-1]
        assert [path.name for path in self.folder.parent.iterdir() if path.name not in ("x", ".x.partial")] == []
        if not self.folder.exists():
            self.make()


@pytest.mark.parametrize("seed", [int(os.environ.get("SEED", "0")) + number for number in range(3)])
def test_nothing_is_lost(tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(make, "refresh", lambda _: None)  # only makes git faster, and takes a second
    world = World(tmp_path, seed)
    for _ in range(10):
        for what in world.random.choices(world.person(), k=world.random.randrange(6)):
            what()
        if world.random.random() < 0.6:
            world.tidy()
        world.act(world.random.choice(world.us()))
    assert "done" in world.told
