"""What a folder of sources contains, told quickly: by git where it is a checkout, by its files where it is not.

One ``git status`` a checkout (10 to 30 ms for thousands of files) names the commit and every file that differs from it;
the contents of those few files are hashed. Patches are committed with a fixed identity, so that an unedited checkout
has the same fingerprint everywhere. All checkouts are asked at the same time, ahead of need.
"""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from crosscourse import files
from crosscourse.engine.reasons import EDIT_MARK
from crosscourse.errors import CrosscourseError
from crosscourse.git.command import GitMissingError

STATUS = ["status", "--porcelain=v2", "--branch", "--no-renames", "--untracked-files=all", "-z"]


@dataclass(frozen=True, kw_only=True)
class Checkout:
    """What git says of a checkout: its commit, and the files that differ from it (``changed`` also lists new ones)."""

    commit: str
    changed: tuple[str, ...]


def read_status(folder: Path, *, ignored: bool) -> Checkout:
    """Ask git about a checkout. ``ignored``: list ignored files too. Raises CrosscourseError where git can't tell."""
    command = ["git", *STATUS, *(["--ignored=traditional"] if ignored else [])]
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_DIR")}
    try:
        done = subprocess.run(  # short, read-only, and on the no-op path where sh is not loaded
            command,
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
    return parse_status(os.fsdecode(done.stdout))


def parse_status(text: str) -> Checkout:
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
    return Checkout(commit=commit, changed=tuple(sorted(changed)))


def fingerprint(folder: Path) -> dict[str, str]:
    """The content of ``folder`` as a mapping: the commit, and each edited file with the digest of what it holds now.

    A folder that is no git work tree of its own is told file by file.
    """
    if not (folder / ".git").exists():
        return {str(path.relative_to(folder)): _content(path) for path in sorted(walk(folder))}
    checkout = read_status(folder, ignored=True)  # what git ignores, a compiler may still read
    edited = {f"{name}{EDIT_MARK}": _content(folder / name) for name in checkout.changed}
    return {"commit": checkout.commit, **edited}


def walk(folder: Path) -> Iterable[Path]:
    """Every file and link below a folder."""
    for base, _, names in os.walk(folder):
        yield from (Path(base) / name for name in names)


def _content(path: Path) -> str:
    try:
        info = path.lstat()
    except FileNotFoundError:
        return "removed"
    if stat.S_ISLNK(info.st_mode):
        return f"link to {path.readlink()}"
    if stat.S_ISDIR(info.st_mode):
        # A folder that git lists as one entry: ignored (node_modules), or a repository itself. By times, not content.
        return files.digest_text(
            "".join(f"{p.relative_to(path)} {files.signature(p, link=True)}\n" for p in sorted(walk(path)))
        )
    return files.digest(path) + ("+x" if info.st_mode & stat.S_IXUSR else "")


@dataclass
class Fingerprints:
    """Fingerprints of several folders, each read once a run unless it is told that the folder changed."""

    _futures: dict[Path, Future[dict[str, str]]] = field(default_factory=dict)
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

    def forget(self, folder: Path) -> None:
        """The folder was changed by us: read it again when next asked for."""
        with self._lock:
            self._futures.pop(folder, None)

    def _start(self, folder: Path) -> Future[dict[str, str]]:
        with self._lock:
            if folder not in self._futures:
                if self._executor is None:
                    self._executor = ThreadPoolExecutor(max_workers=4, thread_name_prefix="fingerprint")
                self._futures[folder] = self._executor.submit(fingerprint, folder)
            return self._futures[folder]
