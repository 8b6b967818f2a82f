"""What in a checkout is a person's own: neither upstream's nor what our patches make of it.

Nothing is asked that a person can switch off (ignored files, flags in git's index, a file system monitor): each file is
compared with the commit, and each object that git keeps is looked up among those that our commits reach, whatever
points at it. What else is in git's folder counts, unless it is known to hold no work.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from crosscourse.errors import CrosscourseError
from crosscourse.git.checkout import mark_file, read_mark
from crosscourse.git.command import ask
from crosscourse.git.fingerprint import read_status, tree_of
from crosscourse.git.identity import identity_of

_SHOWN = 8
# What git writes by itself, and what of it only refers to objects, which are looked at one by one
# (https://git-scm.com/docs/gitrepository-layout). Everything else counts: modules, worktrees, rebase-merge, lfs, ...
_OF_GIT = {
    "HEAD",
    "AUTO_MERGE",
    "COMMIT_EDITMSG",
    "FETCH_HEAD",
    "ORIG_HEAD",
    "branches",
    "config",
    "config.worktree",
    "description",
    "fsmonitor--daemon",
    "fsmonitor--daemon.ipc",
    "gc.log",
    "gc.pid",
    "hooks",
    "index",
    "info",
    "logs",
    "objects",
    "packed-refs",
    "refs",
    "reftable",
    "shallow",
}
_OF_INFO = {"exclude", "refs", "sparse-checkout"}
_AT_ONCE = 500


class EditedCheckoutError(CrosscourseError):
    """A checkout with a person's work stands where another state is wanted. ``nameless``: of it, what nothing names."""

    def __init__(self, folder: Path, edits: list[str], why: str, *, nameless: bool = False) -> None:
        self.edits = edits
        where = os.path.relpath(folder)
        shown = ", ".join(edits[:_SHOWN]) + (f" and {len(edits) - _SHOWN} more" if len(edits) > _SHOWN else "")
        drop = (
            "\n- or, if what nothing points at may go, let git remove it:\n"
            f"  git -C {where} reflog expire --expire=now --all; git -C {where} gc --prune=now"
        )
        super().__init__(
            where,
            f"has edits of yours, which are kept: {shown}",
            f"{why} Either\n"
            f"- commit them, and keep them as patches: ./doit patch-export {folder.name}\n"
            f"- or save the edits elsewhere and remove the folder: mv {where} ~/somewhere\n"
            f"- or go on building your edited state: ./doit override={folder.name}=~/somewhere build"
            + (drop if nameless else ""),
        )


@dataclass(frozen=True, kw_only=True)
class Edits:
    """A person's own in a checkout.

    ``named``: files (edited, new or ignored), the commit it is at, branches, tags, stashes, what else is in git's
    folder. ``nameless``: commits and staged files that at most a reflog points at. ``ours``: the commits that are not.
    """

    named: list[str]
    nameless: list[str]
    ours: list[str]

    def refuse(self, folder: Path, why: str, *, nameless: bool) -> None:
        """Raise EditedCheckoutError if there are any. ``why``: a sentence on what would happen to them.

        ``nameless``: whether those count, too.
        """
        counting = self.nameless if nameless else []
        if self.named or counting:
            raise EditedCheckoutError(folder, [*self.named, *counting], why, nameless=bool(counting))


def edits_in(folder: Path) -> Edits:
    """What in a checkout is a person's own.

    Raises CrosscourseError if it is no checkout of ours, or if git can't tell.
    """
    mark = read_mark(folder)
    state = read_status(folder, ignored=True)
    named = sorted({*state.changed, *_files(folder, tree_of(folder, mark.commit), set(state.changed))})
    ours = mark.ours(folder)
    known = list(ours)
    if state.commit != mark.commit:
        named.append(f"commit {state.commit[:12]}")
        known.append(state.commit)
    named += _ask(folder, "for-each-ref", "--format=%(refname)").split()
    named += _beside(folder / ".git")
    return Edits(named=named, nameless=list(_nameless(folder, known)), ours=ours)


def refuse_edits(folder: Path, why: str) -> None:
    """Raise EditedCheckoutError if anything in a checkout is a person's own. ``why``: what would happen to it."""
    edits_in(folder).refuse(folder, why, nameless=True)


def _ask(folder: Path, *words: str) -> str:
    """What git says of this repository, and not of one around it; as its objects are, whatever should replace them."""
    return ask(folder, ["--git-dir=.git", "--work-tree=.", "--no-replace-objects", *words])


def _files(folder: Path, ours: Mapping[str, str], known: set[str]) -> Iterator[str]:
    """The files of a checkout that are not as its commit has them, beside the ``known`` ones."""
    algorithm = "sha256" if len(next(iter(ours.values()), "").rpartition(" ")[2]) == 64 else "sha1"
    differing = []
    for name in _names(folder):
        if name not in ours:
            yield name
        elif name not in known and identity_of(folder / name, algorithm) != ours[name]:
            differing.append(name)
    yield from _filtered(folder, ours, differing)


def _filtered(folder: Path, ours: Mapping[str, str], names: list[str]) -> Iterator[str]:
    """Those of the files that differ from the commit even as git would add them (line ends: gitattributes(5))."""
    rest = iter(names)
    while some := list(itertools.islice(rest, _AT_ONCE)):
        plain = [name for name in some if (folder / name).is_file() and not (folder / name).is_symlink()]
        ids = _ask(folder, "hash-object", "--", *plain).split() if plain else []
        found = {
            name: f"{'100755' if os.access(folder / name, os.X_OK) else '100644'} {identity}"
            for name, identity in zip(plain, ids, strict=True)
        }
        yield from (name for name in some if found.get(name) != ours[name])


def _names(folder: Path) -> Iterator[str]:
    """Every path of a checkout but those of its own repository; a repository inside it is one path."""
    for base, folders, files in os.walk(folder):
        here = Path(base).relative_to(folder)
        if here == Path():
            folders.remove(".git")
        for name in [*files, *folders]:
            path = here / name
            if name == ".git" or name in files or (folder / path).is_symlink():
                yield path.as_posix()
        folders[:] = [name for name in folders if name != ".git"]


def _beside(repository: Path) -> Iterator[str]:
    """What in git's folder may be a person's work beside objects and what points at them."""
    for path in sorted(repository.iterdir()):
        if path.name not in _OF_GIT and path != mark_file(repository.parent):
            yield f".git/{path.name}" + (" (git is at work, or was killed)" if path.suffix == ".lock" else "")
    for name, known in (("hooks", set()), ("info", _OF_INFO)):
        if (repository / name).is_dir():
            for path in sorted((repository / name).iterdir()):
                if path.name not in known and path.suffix != ".sample":
                    yield f".git/{name}/{path.name}"


def _nameless(folder: Path, known: list[str]) -> Iterator[str]:
    """What git keeps that neither the ``known`` commits nor a name reach: each commit and tag, else how much else."""
    rows = _ask(folder, "cat-file", "--batch-all-objects", "--unordered", "--batch-check=%(objecttype) %(objectname)")
    kinds = {identity: kind for kind, identity in (row.split() for row in rows.splitlines())}
    # Ours need not be there: upstream's of an earlier pin went with the checkout of then.
    words = ("--objects", "--no-object-names", "--ignore-missing", "--missing=allow-any", "--glob=refs/*")
    there = [commit for commit in known if commit in kinds]
    strange = kinds.keys() - set(_ask(folder, "rev-list", *words, *there).split())
    commits = sorted(identity for identity in strange if kinds[identity] in ("commit", "tag"))
    yield from (f"{kinds[identity]} {identity[:12]}" for identity in commits)
    if strange and not commits:
        yield f"{len(strange)} files or folders that were staged once"
