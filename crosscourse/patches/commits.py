"""What a person committed in a checkout: the changes from its base to HEAD, one for each patch."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from crosscourse.errors import CrosscourseError, DiskFullError
from crosscourse.git.command import environment, git
from crosscourse.run import process

# The message of a commit that stands for a patch file. Not a path that leads elsewhere.
VENDOR = re.compile(r"^vendor patch ((?!/)(?!(?:.*/)?\.\.(?:/|$))\S.*\.patch)$")
_FOLDED = re.compile(r"^(?:(?:fixup|squash)! )+(.+)$")
_UNDER_WAY = ("rebase-merge", "rebase-apply", "MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD")


@dataclass(frozen=True, kw_only=True)
class Commit:
    """A commit with one parent. ``tree``: what it holds."""

    id: str
    parent: str
    tree: str
    subject: str
    body: str


@dataclass(frozen=True, kw_only=True)
class Change:
    """All commits of one patch, and the trees before and after them. ``file``: None if the patch is new."""

    file: str | None
    commits: tuple[Commit, ...]
    before: str
    after: str


@dataclass(frozen=True, kw_only=True)
class Repository:
    """A checkout, asked and computed with in an index of its own: its files, HEAD and objects are never touched."""

    folder: Path
    log: Path
    scratch: Path

    def git(self, *words: str | Path) -> str:
        """Run git with the separate index, where new objects go to the scratch folder; see ``git.git``."""
        objects = self.scratch / "objects"
        if not objects.is_dir():
            (objects / "info").mkdir(parents=True)
            (objects / "info" / "alternates").write_bytes(
                os.fsencode(self.folder.resolve() / ".git" / "objects") + b"\n"
            )
        env = environment(GIT_INDEX_FILE=str(self.scratch / "index"), GIT_OBJECT_DIRECTORY=str(objects))
        return git(self.folder, *words, log=self.log, env=env, config=("log.showSignature=false",))

    def tree(self, commit: str) -> str:
        """The tree of a commit."""
        return self.git("rev-parse", "--verify", f"{commit}^{{tree}}").strip()

    def apply(self, tree: str, patch: Path) -> str | None:
        """The tree that ``tree`` becomes by a patch file; None if it does not apply."""
        self.git("read-tree", tree)
        try:
            self.git("apply", "--cached", "--whitespace=nowarn", patch)
        except DiskFullError:
            raise
        except process.CommandError:
            return None
        return self.git("write-tree", "--missing-ok").strip()

    def diff(self, before: str, after: str, *, context: int) -> bytes:
        """The difference of two trees, whatever the user's settings say of diffs; byte for byte, so by a file."""
        path = self.scratch / "diff"
        self.git(
            "diff-tree",
            "-r",
            "-p",
            f"-U{context}",
            "--binary",
            "--full-index",
            "--no-color",
            "--no-ext-diff",
            "--no-textconv",
            "--no-renames",
            "--diff-algorithm=myers",
            "--indent-heuristic",
            "--inter-hunk-context=0",
            "--src-prefix=a/",
            "--dst-prefix=b/",
            f"--output={path}",
            before,
            after,
        )
        return path.read_bytes()

    def commits(self, base: str, to: str = "HEAD") -> list[Commit]:
        """The commits from ``base`` (without it) to ``to``; CrosscourseError if they are not one line."""
        where = os.path.relpath(self.folder)
        try:
            self.git("merge-base", "--is-ancestor", base, to)
        except process.CommandError:
            raise CrosscourseError(
                where,
                f"its HEAD is not built on {base[:12]}, the commit that it was made from",
                f"Put your commits onto it: git -C {where} rebase {base[:12]}",
            ) from None
        listed = self.git("log", "--reverse", "--topo-order", "--format=%x1e%H%x1f%P%x1f%T%x1f%B", f"{base}..{to}")
        found = []
        for text in listed.split("\x1e")[1:]:
            name, parents, tree, message = text.split("\x1f", 3)
            if " " in parents:
                raise CrosscourseError(
                    where,
                    f"has a merge, {name[:12]}: patches are a line of commits",
                    f"Make it one: git -C {where} rebase {base[:12]}",
                )
            subject, _, body = message.strip().partition("\n")
            found.append(Commit(id=name, parent=parents, tree=tree, subject=subject.strip(), body=body.strip()))
        return found


def refuse_unfinished(folder: Path, changed: tuple[str, ...]) -> None:
    """Raise CrosscourseError if a rebase, merge or the like is under way, or if files (``changed``) are uncommitted."""
    where = os.path.relpath(folder)
    for name in _UNDER_WAY:
        if (folder / ".git" / name).exists():
            what = name.partition("_HEAD")[0].partition("-")[0].lower().replace("_", "-")
            raise CrosscourseError(
                where,
                f"a {what} is under way",
                f"End it (git -C {where} {what} --continue, or --abort), then try again.",
            )
    if changed:
        shown = ", ".join(changed[:8]) + (f" and {len(changed) - 8} more" if len(changed) > 8 else "")
        raise CrosscourseError(
            where,
            f"has edits that are not committed: {shown}",
            f"Commit them first. A change of a patch: git -C {where} commit -a --fixup=COMMIT\n"
            f"(git -C {where} log names them; --amend if it is the last). A new patch: a message of your own,\n"
            f"whose first line becomes the patch's subject, the rest its reason. New files: git -C {where} add FILE",
        )


def changes(repository: Repository, base: str, commits: list[Commit]) -> list[Change]:
    """A change for each patch, in order: ``fixup!`` and ``squash!`` commits belong to the one that they name.

    Raises CrosscourseError if they name none, or can't be moved there without conflicts.
    """
    groups: dict[str, list[Commit]] = {}
    for commit in commits:
        folded = _FOLDED.match(commit.subject)
        key = folded.group(1) if folded else commit.subject
        if commit.subject.startswith("amend! ") or (folded and key not in groups):
            raise _rebase(repository, base, f"'{commit.subject}' names no commit before it")
        # Two commits of one's own may have the same subject; those of a patch file belong together.
        own = not folded and not VENDOR.match(key) and key in groups
        groups.setdefault(f"{key}\0{commit.id}" if own else key, []).append(commit)
    trees = {commit.id: commit.tree for commit in commits} | {base: repository.tree(base)}
    tree = trees[base]
    found = []
    for members in groups.values():
        before = tree
        for commit in members:
            tree = _replay(repository, base, tree, trees[commit.parent], commit)
        vendor = VENDOR.match(members[0].subject)
        file = vendor.group(1) if vendor else None
        found.append(Change(file=file, commits=tuple(members), before=before, after=tree))
    if commits and tree != commits[-1].tree:
        raise _rebase(repository, base, "the fixups, put where they belong, give other files than HEAD has")
    return found


def _replay(repository: Repository, base: str, tree: str, parent: str, commit: Commit) -> str:
    """``commit``'s change made to ``tree`` in place of its parent's."""
    if tree == parent:
        return commit.tree
    patch = repository.scratch / "replayed.patch"
    patch.write_bytes(repository.diff(parent, commit.tree, context=3))
    moved = repository.apply(tree, patch) if patch.stat().st_size else tree
    if moved is None:
        raise _rebase(repository, base, f"'{commit.subject}' ({commit.id[:12]}) can't be moved to where it belongs")
    return moved


def _rebase(repository: Repository, base: str, found: str) -> CrosscourseError:
    where = os.path.relpath(repository.folder)
    return CrosscourseError(
        where,
        found,
        f"Let git do it: git -C {where} rebase -i --autosquash {base[:12]}\nThen export again.",
    )
