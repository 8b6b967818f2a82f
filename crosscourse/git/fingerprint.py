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
import io
import os
import re
import shutil
import stat
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from threading import Lock
from typing import BinaryIO

from crosscourse import files
from crosscourse.engine import reads as engine_reads
from crosscourse.engine.reads import Reads
from crosscourse.engine.reasons import EDITED
from crosscourse.errors import CrosscourseError
from crosscourse.git.command import GitMissingError

STATUS = [
    "status",
    "--porcelain=v2",
    "--branch",
    "--no-renames",
    "--untracked-files=all",
    "--ignore-submodules=none",
    "-z",
]
REMOVED = "removed"
COMMIT = "commit"
# git leaves some files of a sparse checkout out of the work tree; which ones is not in the commit.
LEFT_OUT = "paths left out"
_FOLDER = "folder "
# What a hook or another git that calls us sets, of another repository (`git rev-parse --local-env-vars`).
_OTHERS = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_PREFIX")


@dataclass(frozen=True, kw_only=True)
class Status:
    """What git says of a checkout: its commit, and the files that differ from it (``changed`` also lists new ones)."""

    commit: str
    changed: tuple[str, ...]


def read_status(folder: Path, *, ignored: bool) -> Status:
    """Ask git about a checkout. ``ignored``: list ignored files too. Raises CrosscourseError where git can't tell."""
    return parse_status(_git(folder, [*STATUS, *(["--ignored=traditional"] if ignored else [])]))


def refresh(folder: Path) -> None:
    """Have git note the times of a checkout's files, so that it needn't read them at each status (three times faster).

    For whoever just made the checkout: it takes the lock of git's index, on which a person's own git would fail.
    A file of the second in which the index is written would be read at each status all the same
    (https://git-scm.com/docs/racy-git), so that second is waited for.
    """
    time.sleep(1.0 - time.time() % 1.0)
    _git(folder, ["status", "--porcelain"], locks=True)


def _git(folder: Path, words: Sequence[str], *, locks: bool = False) -> str:
    """What git prints. Without ``locks`` it takes none: a ``git add`` of the person meanwhile would fail on them."""
    env = {name: value for name, value in os.environ.items() if name not in _OTHERS}
    try:
        done = subprocess.run(  # short, read-only, and on the no-op path where sh is not loaded
            [_program(), *([] if locks else ["--no-optional-locks"]), *words],
            cwd=folder,
            capture_output=True,
            check=False,
            env={**env, "LC_ALL": "C.UTF-8"},
        )
    except FileNotFoundError:
        if not folder.is_dir():
            raise CrosscourseError(str(folder), "this folder does not exist") from None
        raise GitMissingError from None
    if done.returncode:
        raise CrosscourseError(str(folder), f"git can't tell its state: {done.stderr.decode(errors='replace').strip()}")
    return os.fsdecode(done.stdout)


@cache
def _program() -> str:
    """git's own path: one look along PATH in place of one a call."""
    return shutil.which("git") or "git"


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
        found = {path.relative_to(folder).as_posix(): _identity(path, "sha1") for path in walk(folder, links=True)}
        return {name: found[name] for name in sorted(found) if found[name] != REMOVED}
    status = read_status(folder, ignored=True)  # what git ignores, a compiler may still read
    algorithm = "sha256" if len(status.commit) == hashlib.sha256().digest_size * 2 else "sha1"
    names = sorted({*status.changed, *_submodules(folder)})
    real: dict[Path, bool] = {folder: True}
    edited = {}
    for name in names:
        path = folder / name
        identity = _identity(path, algorithm) if _is_real(path.parent, real) else REMOVED
        if identity.startswith(_FOLDER) and _has_below(names, name):
            identity = REMOVED  # a folder stands where the file was; what is in it is listed
        edited[f"{name}{EDITED}"] = identity
    left_out = _left_out(folder)
    return {COMMIT: status.commit, **({LEFT_OUT: left_out} if left_out else {}), **edited}


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
            found[f"{name}/" if identity.startswith(_FOLDER) else name] = identity
    return found


def tree_of(folder: Path, commit: str) -> dict[str, str]:
    """The identity of each path of a commit; a submodule is a folder known only as a whole."""
    if commit.startswith("("):  # "(initial)": a repository without a commit
        return {}
    found = {}
    for row in _git(folder, ["ls-tree", "-r", "-z", "--full-tree", commit]).split("\0"):
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


def walk(folder: Path, *, links: bool = False) -> Iterable[Path]:
    """Every file below a folder. ``links``: links to folders too."""
    for base, folders, names in os.walk(folder):
        yield from (Path(base) / name for name in names)
        if links:
            yield from (path for name in folders if (path := Path(base) / name).is_symlink())


def _identity(path: Path, algorithm: str) -> str:
    try:
        info = path.lstat()
        if stat.S_ISDIR(info.st_mode):
            return _FOLDER + files.digest_text(
                "".join(f"{p.relative_to(path)} {_times(p)}\n" for p in sorted(walk(path, links=True)))
            )
        if stat.S_ISLNK(info.st_mode):
            target = os.fsencode(path.readlink())
            return f"120000 {_blob(algorithm, len(target), io.BytesIO(target))}"
        if not stat.S_ISREG(info.st_mode):
            return f"special {info.st_mode:o} {info.st_rdev}"
        with path.open("rb") as stream:
            blob = _blob(algorithm, os.fstat(stream.fileno()).st_size, stream)
        return f"{'100755' if info.st_mode & stat.S_IXUSR else '100644'} {blob}"
    except (FileNotFoundError, NotADirectoryError):
        return REMOVED


def _times(path: Path) -> str:
    try:
        return str(files.signature(path, link=True))
    except FileNotFoundError:
        return REMOVED


def _blob(algorithm: str, size: int, stream: BinaryIO) -> str:
    """The id that git gives a content (https://git-scm.com/book/en/v2/Git-Internals-Git-Objects)."""
    sha = hashlib.new(algorithm, b"blob %d\0" % size, usedforsecurity=False)
    while block := stream.read(1 << 20):
        sha.update(block)
    return sha.hexdigest()


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
        text = (folder / ".gitmodules").read_text(encoding="utf-8", errors="surrogateescape")
    except (FileNotFoundError, IsADirectoryError):
        return
    for name in re.findall(r"^[ \t]*path[ \t]*=[ \t]*\"?([^\n\"]+?)/?\"?[ \t]*$", text, re.MULTILINE):
        path = folder / name
        if ".." not in path.parts and path.is_dir() and not path.is_symlink() and any(path.iterdir()):
            yield name


def _left_out(folder: Path) -> str:
    """The digest of the patterns of a sparse checkout (git-sparse-checkout(1)); empty if it is a whole one."""
    home = folder / ".git"
    if home.is_file():
        home = folder / home.read_text(encoding="utf-8").partition("gitdir: ")[2].strip()
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
    _executor: ThreadPoolExecutor | None = None

    def prefetch(self, folders: Iterable[Path]) -> None:
        """Start reading the folders that exist, at once, in the background."""
        for folder in folders:
            if folder.is_dir():
                self._start(folder)

    def get(self, folder: Path) -> dict[str, str]:
        """The fingerprint of a folder; CrosscourseError if it can't be told."""
        return self._start(folder).result()

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
                if self._executor is None:
                    self._executor = ThreadPoolExecutor(max_workers=4, thread_name_prefix="fingerprint")
                self._futures[folder] = self._executor.submit(fingerprint, folder)
            return self._futures[folder]
