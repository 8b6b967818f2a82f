"""What a folder of sources contains, told quickly: by git where it is a checkout, by its files where it is not.

One ``git status`` a checkout (10 to 30 ms for thousands of files) names the commit and every file that differs from it;
those few files are hashed. Patches are committed with a fixed identity, so that an unedited checkout has the same
fingerprint everywhere. All checkouts are asked at the same time, ahead of need.

A file's *identity* is what git would say of it, ``MODE ID`` (``100644 8b13...``): so an edit has the same before and
after it is committed. What a line-end or other filter of git makes of a file (gitattributes(5)) is not undone.
"""

from __future__ import annotations

import bisect
import hashlib
import os
import re
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from threading import Lock, Thread

from crosscourse import files
from crosscourse.engine import reads as engine_reads
from crosscourse.engine.reads import Reads
from crosscourse.engine.reasons import EDITED
from crosscourse.errors import CrosscourseError
from crosscourse.git import command
from crosscourse.git.command import ask, program
from crosscourse.git.conversion import converts
from crosscourse.git.identity import FOLDER, REMOVED, identities, regular, walk
from crosscourse.git.index import entries, home_of

STATUS = [
    "status",
    "--porcelain=v2",
    "--branch",
    "--no-renames",
    "--untracked-files=all",
    "--ignore-submodules=none",
    "-z",
]
COMMIT = "commit"
# git leaves some files of a sparse checkout out of the work tree; which ones is not in the commit.
LEFT_OUT = "paths left out"
# Folders that are read at the same time.
_READERS = 4


@dataclass(frozen=True, kw_only=True)
class Status:
    """What git says of a checkout: its commit, and the files that differ from it (``changed`` also lists new ones)."""

    commit: str
    changed: tuple[str, ...]


def read_status(folder: Path, *, ignored: bool) -> Status:
    """Ask git about a checkout. ``ignored``: list ignored files too. Raises CrosscourseError where git can't tell."""
    return parse_status(ask(folder, [*STATUS, *(["--ignored=traditional"] if ignored else [])]))


def refresh(folder: Path) -> None:
    """Have git note the times of a checkout's files, so that it needn't read them at each status (three times faster).

    For whoever just made the checkout: it takes the lock of git's index, on which a person's own git would fail.
    A file of the second in which the index is written would be read at each status all the same
    (https://git-scm.com/docs/racy-git), so that second is waited for.
    """
    time.sleep(1.0 - time.time() % 1.0)
    ask(folder, ["status", "--porcelain"], locks=True)


def parse_status(text: str) -> Status:
    """Parse ``git status --porcelain=v2 --branch -z`` (git-status(1), "Porcelain Format Version 2")."""
    commit, changed = "", []
    for line in filter(None, text.split("\0")):
        kind, _, rest = line.partition(" ")
        if kind == "#" and rest.startswith("branch.oid "):
            commit = rest.split(" ")[1]
        elif kind == "1":
            changed.append(rest.split(" ", 7)[7])
        elif kind == "u":
            changed.append(rest.split(" ", 9)[9])
        elif kind in "?!":
            changed.append(rest)
    return Status(commit=commit, changed=tuple(sorted(changed)))


def fingerprint(folder: Path) -> dict[str, str]:
    """The content of ``folder`` as a mapping: the commit, and each edited file with the identity of what it holds now.

    A folder that is no git work tree of its own is told file by file. What git lists as one entry (a repository inside
    the checkout) and what it doesn't look into (a submodule) is told by the times of its files.
    """
    if not (folder / ".git").exists():
        listed = identities(folder, walk(folder, links=True), "sha1")
        found = {path.relative_to(folder).as_posix(): identity for path, identity in listed}
        return {name: found[name] for name in sorted(found) if found[name] != REMOVED}
    status = read_status(folder, ignored=True)  # what git ignores, a compiler may still read
    algorithm = "sha256" if len(status.commit) == hashlib.sha256().digest_size * 2 else "sha1"
    left_out = _left_out(folder)
    doubtful = _doubtful(folder, algorithm, sparse=bool(left_out))
    names = sorted({*status.changed, *_submodules(folder), *doubtful})
    _refuse_outside(folder, names)
    real: dict[Path, bool] = {folder: True}
    there = {path: name for name in names if _is_real((path := folder / name).parent, real)}
    edited = dict.fromkeys((f"{name}{EDITED}" for name in names), REMOVED)
    for path, identity in identities(folder, there, algorithm):
        name = there[path]
        if doubtful.get(name) == identity and name not in status.changed:
            del edited[f"{name}{EDITED}"]
        # Where a folder stands in a file's place, what is in it is listed.
        elif not (identity.startswith(FOLDER) and _has_below(names, name)):
            edited[f"{name}{EDITED}"] = identity
    return {COMMIT: status.commit, **({LEFT_OUT: left_out} if left_out else {}), **edited}


def _doubtful(folder: Path, algorithm: str, *, sparse: bool) -> dict[str, str]:
    """The files that may differ though git does not say so, each with what the index has for it."""
    everything = converts(folder, program())
    size = hashlib.new(algorithm, usedforsecurity=False).digest_size
    try:
        data = (home_of(folder) / "index").read_bytes()
        found = [
            (os.fsdecode(name), row) for name, row in entries(data, size=size, everything=everything, sparse=sparse)
        ]
    except FileNotFoundError:
        return {}
    except LookupError:  # of a rare format
        rows = (row.split("\t", 1) for row in ask(folder, ["ls-files", "-v", "-s", "-z"]).split("\0") if row)
        found = [
            (name, " ".join(facts.split(" ")[1:3]))
            for facts, name in rows
            if everything or facts[0].islower() or (facts[0] == "S" and not sparse)
        ]
    return {name: row for name, row in found if not row.startswith(("160000 ", "40000 "))}


def listing(folder: Path, fingerprint: Mapping[str, str], tree: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a fingerprint of ``folder`` says is there: the identity of each path.

    A path that ends in ``/`` is a folder known only as a whole. ``tree``: ``tree_of`` the fingerprint's commit, if that
    is known already. Nothing but git's objects is read, so it may be a fingerprint of a moment ago.
    """
    if not _is_git(fingerprint):
        return dict(fingerprint)
    found = dict(tree_of(folder, fingerprint[COMMIT]) if tree is None else tree)
    for label, identity in fingerprint.items():
        if not label.endswith(EDITED):
            continue
        name = label[: -len(EDITED)].rstrip("/")
        found.pop(name, None)
        found.pop(f"{name}/", None)
        if identity != REMOVED:
            found[f"{name}/" if identity.startswith(FOLDER) else name] = identity
    return found


def tree_of(folder: Path, commit: str) -> dict[str, str]:
    """The identity of each path of a commit; a submodule is a folder known only as a whole."""
    if commit.startswith("("):  # "(initial)": a repository without a commit
        return {}
    found = {}
    for row in ask(folder, ["ls-tree", "-r", "-z", "--full-tree", commit]).split("\0"):
        if row:
            facts, path = row.split("\t", 1)  # MODE SP TYPE SP ID
            mode, kind, identity = facts.split(" ")
            found[f"{path}/" if kind == "commit" else path] = f"{mode} {identity}"
    return found


def content(
    folder: Path, fingerprint: Mapping[str, str], reads: Reads, tree: Mapping[str, str] | None = None
) -> dict[str, str]:
    """What of a fingerprint ``reads`` picks; see ``reads.content`` and ``listing``."""
    found = engine_reads.content(listing(folder, fingerprint, tree), reads)
    # Other patterns bring other files into the work tree, which the commit lists all the same.
    left_out = {LEFT_OUT: fingerprint[LEFT_OUT]} if _is_git(fingerprint) and LEFT_OUT in fingerprint else {}
    return left_out | found


def _is_git(fingerprint: Mapping[str, str]) -> bool:
    """Whether it is one of a checkout, and not of a folder with a file named ``commit``: an identity has a space."""
    return COMMIT in fingerprint and " " not in fingerprint[COMMIT]


def _refuse_outside(folder: Path, names: Iterable[str]) -> None:
    """Of an index that was cut off git reads on in what is no index any more. Raises CrosscourseError."""
    for name in names:
        if name.startswith("/") or (not set(name.split("/")).isdisjoint(("", "..")) and not name.endswith("/")):
            shown = files.relative(folder)
            raise CrosscourseError(
                shown,
                f"git's index is damaged: it names {name!r}",
                f"Make it anew; files stay as they are: rm {shown}/.git/index && git -C {shown} reset --quiet",
            )


def _is_real(folder: Path, known: dict[Path, bool]) -> bool:
    """Whether no link leads to a folder of the checkout: what stands behind one is not what git lists at that path."""
    if folder not in known:
        known[folder] = not folder.is_symlink() and _is_real(folder.parent, known)
    return known[folder]


def _has_below(names: Sequence[str], name: str) -> bool:
    """Whether one of the sorted ``names`` is below ``name``."""
    index = bisect.bisect_left(names, f"{name}/")
    return not name.endswith("/") and index < len(names) and names[index].startswith(f"{name}/")


def _submodules(folder: Path) -> Iterator[str]:
    """The submodules that hold something: git status doesn't list what is ignored in them, or put there by hand."""
    try:
        with regular(folder / ".gitmodules") as stream:
            text = stream.read().decode(errors="surrogateescape")
    except (FileNotFoundError, IsADirectoryError):
        return
    for name in re.findall(r"^[ \t]*path[ \t]*=[ \t]*\"?([^\n\"]+?)/?\"?[ \t]*$", text, re.MULTILINE):
        path = folder / name
        if ".." not in path.parts and path.is_dir() and not path.is_symlink() and any(path.iterdir()):
            yield name


def _left_out(folder: Path) -> str:
    """The digest of the patterns of a sparse checkout (git-sparse-checkout(1)); empty if it is a whole one."""
    home = home_of(folder)
    try:
        patterns = (home / "info" / "sparse-checkout").read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return ""
    common = home / "commondir"
    shared = home / common.read_text(encoding="utf-8").strip() if common.is_file() else home
    said = ""
    for path in (shared / "config", home / "config.worktree"):
        text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        for value in re.findall(r"^[ \t]*sparsecheckout\b[ \t]*=?[ \t]*(\w*)", text, re.MULTILINE | re.IGNORECASE):
            said = value.lower() or "true"
    return hashlib.sha256(patterns).hexdigest() if said in ("true", "yes", "on", "1") else ""


@dataclass
class Fingerprints:
    """Fingerprints of several folders, each read once a run unless it is told that the folder changed."""

    _futures: dict[Path, Future[dict[str, str]]] = field(default_factory=dict)
    _trees: dict[tuple[Path, str], dict[str, str]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)
    _waiting: SimpleQueue[tuple[Path, Future[dict[str, str]]]] = field(default_factory=SimpleQueue)
    _readers: int = 0

    def prefetch(self, folders: Iterable[Path]) -> None:
        """Start reading the folders that exist, at once, in the background."""
        for folder in folders:
            if folder.is_dir():
                self._start(folder)

    def get(self, folder: Path) -> dict[str, str]:
        """The fingerprint of a folder; CrosscourseError if it can't be told. Says so when it takes its time."""
        future = self._start(folder)
        if not wait([future], timeout=command.PATIENCE).done:
            with suppress(OSError):
                print(f"reading {files.relative(folder)}, to see what changed in it ...", file=sys.stderr, flush=True)
        return future.result()

    def content(self, folder: Path, fingerprint: Mapping[str, str], reads: Reads) -> dict[str, str]:
        """What ``reads`` picks of a folder as it was when it had this fingerprint; see ``reads.content``.

        Raises CrosscourseError if git no longer has the commit.
        """
        tree = self._tree(folder, fingerprint[COMMIT]) if _is_git(fingerprint) else None
        return content(folder, fingerprint, reads, tree)

    def forget(self, folder: Path) -> None:
        """The folder was changed by us: read it again when next asked for."""
        with self._lock:
            self._futures.pop(folder, None)

    def _tree(self, folder: Path, commit: str) -> dict[str, str]:
        key = (folder, commit)
        if key not in self._trees:  # two at once read the same: a commit does not change
            self._trees[key] = tree_of(folder, commit)
        return self._trees[key]

    def _start(self, folder: Path) -> Future[dict[str, str]]:
        with self._lock:
            if folder not in self._futures:
                self._futures[folder] = Future()
                self._waiting.put((folder, self._futures[folder]))
                if self._readers < _READERS:
                    self._readers += 1
                    # Not by an executor: who ends the run would wait for its threads.
                    Thread(target=self._read, name="fingerprint", daemon=True).start()
            return self._futures[folder]

    def _read(self) -> None:
        while True:
            folder, future = self._waiting.get()
            try:
                future.set_result(fingerprint(folder))
            except BaseException as error:  # whoever asks for the result gets it
                future.set_exception(error)
