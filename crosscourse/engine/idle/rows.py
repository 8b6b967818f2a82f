"""What the kernel says of files and folders, as a text: the same as long as they are the same.

Fast before all else: next to nothing is imported, and paths are texts.
"""
# Without pathlib, which takes longer than all that is done here.
# ruff: noqa: PTH113, PTH114, PTH116

from __future__ import annotations

import hashlib
import os
import stat
import time

# As of `typing`, which would have to be imported.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from io import BufferedReader

# Kinds of what is looked at: a path; everything below a folder; the project's own files; where a path leads.
FILE, TREE, PROJECT, LINK = "file", "tree", "project", "link"
Thing = tuple[str, str]  # its kind, its path
UNKNOWN = "?"
# Of the project's folder: what is built, of which each thing that counts is looked at; and what is beside code.
_BUILT = frozenset((b"build", b"dist", b"sources"))
_BYTECODE = b"__pycache__"
# Of a folder of sources, and of the project's own files: beyond that, git's look at a source is faster than ours, and
# something that is none of ours lies in the project.
_MOST_OF_TREE, _MOST_OF_PROJECT = 20_000, 5_000
# A file that was written so shortly before it was looked at may be written again without a change of its row: the
# kernel's clock for files ticks every 1 to 10 ms, some file systems count whole seconds, or two. In ns.
_FRESH, _FRESH_BY_SECONDS = 20_000_000, 2_000_000_000
_SECOND = 1_000_000_000


def compared(things: Iterable[Thing]) -> Iterator[tuple[Thing, str]]:
    """The row of each thing now, single files first: they are told faster. ``UNKNOWN`` where it can't be told."""
    for thing in sorted(things, key=lambda thing: thing[0] == TREE):
        try:
            yield thing, _ROWS[thing[0]](thing[1])[0]
        except (OSError, _UntellableError):
            yield thing, UNKNOWN


def taken(things: Iterable[Thing]) -> Iterator[tuple[Thing, str]]:
    """The row of each thing now, up to the first that can't be told, or that may change without a trace."""
    try:
        for kind, path in things:
            if kind == TREE:
                _refuse_what_leads_out(path)  # at once, not after the time that a look at all sources takes
        for kind, path in things:
            began = time.time_ns()
            row, newest = _ROWS[kind](path)
            if began - newest < (_FRESH if newest % _SECOND else _FRESH_BY_SECONDS):
                return
            yield (kind, path), row
    except (OSError, _UntellableError):
        return


def opened(path: str) -> BufferedReader:
    """A file opened for reading; of a pipe in its place nothing is waited for. Raises OSError."""
    return open(path, "rb", opener=_at_once)  # whoever calls closes it


def _at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


class _UntellableError(Exception):
    """What is below a folder does not decide what git says of it."""


def _told(info: os.stat_result) -> str:
    """What the kernel says of a file; of a folder, which one it is."""
    if stat.S_ISDIR(info.st_mode):
        return f"{info.st_mode}.{info.st_dev}.{info.st_ino}"
    return f"{info.st_mode}.{info.st_size}.{info.st_mtime_ns}.{info.st_ctime_ns}.{info.st_ino}"


def _newest(info: os.stat_result) -> int:
    return 0 if stat.S_ISDIR(info.st_mode) else info.st_ctime_ns


def _file(path: str | bytes) -> tuple[str, int]:
    try:
        info = os.lstat(path)
        if not stat.S_ISLNK(info.st_mode):
            return _told(info), _newest(info)
    except (FileNotFoundError, NotADirectoryError):
        return "nothing", 0
    try:
        behind = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return f"{_told(info)}.nothing", _newest(info)
    return f"{_told(info)}.{_told(behind)}", max(_newest(info), _newest(behind))


def _link(path: str) -> tuple[str, int]:
    return hashlib.sha256(os.fsencode(os.path.realpath(path))).hexdigest(), 0


def _project(root: str) -> tuple[str, int]:
    """All files of the project but what is built; a link in it counts with the file that it leads to."""
    rows: list[bytes] = []
    newest = 0
    waiting = [top] = [os.fsencode(root)]
    while waiting:
        folder = waiting.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                name = entry.name
                if name == _BYTECODE or (folder is top and (name in _BUILT or name.startswith(b"."))):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                    rows.append(entry.path)
                    continue
                row, time = _file(entry.path)
                if entry.is_symlink() and entry.is_dir():
                    raise _UntellableError
                rows.append(b"%b %b" % (entry.path, row.encode()))
                newest = max(newest, time)
        if len(rows) > _MOST_OF_PROJECT:
            raise _UntellableError
    return hashlib.sha256(b"\0".join(rows)).hexdigest(), newest


def _tree(path: str) -> tuple[str, int]:
    """Everything below a folder of sources, which decides what git says of it: see ``_refuse_what_leads_out``."""
    top = os.fsencode(path)
    own = top + b"/.git"
    rows = [_told(os.stat(top)).encode()]
    newest = 0
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                info = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(info.st_mode):
                    waiting.append(entry.path)
                    rows.append(b"%b %d" % (entry.path, info.st_mode))
                else:
                    changed = info.st_ctime_ns
                    facts = (entry.path, info.st_mode, info.st_size, info.st_mtime_ns, changed, info.st_ino)
                    rows.append(b"%b %d %d %d %d %d" % facts)
                    if stat.S_ISLNK(info.st_mode) and entry.path.startswith(own):  # git reads what it leads to
                        raise _UntellableError
                    if changed > newest:  # noqa: PLR1730  # three times as fast
                        newest = changed
                if entry.name == b".git" and folder is not top:  # a repository in it, which may lie elsewhere
                    raise _UntellableError
        if len(rows) > _MOST_OF_TREE:
            raise _UntellableError
    _refuse_what_leads_out(path)
    return hashlib.sha256(b"\0".join(rows)).hexdigest(), newest


def _refuse_what_leads_out(path: str) -> None:
    """Raise _UntellableError for a repository in which more counts than what lies there.

    A person's own settings count in one without our mark (``crosscourse.git.conversion``).
    """
    git = f"{path}/.git"
    if not os.path.lexists(git):
        return
    away = ("commondir", "objects/info/alternates", "modules")
    if not os.path.isfile(f"{git}/crosscourse.json") or any(os.path.lexists(f"{git}/{name}") for name in away):
        raise _UntellableError
    if os.path.islink(git):
        raise _UntellableError
    with opened(f"{git}/config") as stream:
        said = stream.read().lower()
    if os.path.lexists(f"{git}/config.worktree"):  # as in a sparse checkout
        with opened(f"{git}/config.worktree") as stream:
            said += stream.read().lower()
    if b"include" in said or b"[filter" in said:  # other files, and programs, that may be anywhere
        raise _UntellableError


_ROWS = {FILE: _file, TREE: _tree, PROJECT: _project, LINK: _link}
