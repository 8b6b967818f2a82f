"""Whether all that a run looked at is still what it was: then a run that had nothing to do has nothing to do again.

A run that ends with nothing to do notes what it looked at, and what the kernel says of each (the same as of outputs:
size, times, inode; of a folder all that is below it). If all of it says the same at the next start of the same command,
so would the whole run, and its last line is printed at once, before doit is even loaded. What a run looks at is

- the project's own files: whatever lies in its folder, but what is built, and what no code reads (hidden);
- single files and whole folders, told by ``Seen`` as they are looked at: outputs, records, sources, tools;
- what is in the note's name: the words of the command, the environment, the user, the Python and its libraries.

What is noted was taken *before* the run looked at anything, so an edit in the middle of a run makes a difference. So a
note is made in two runs: the first leaves a list of what it looked at, with ``UNKNOWN`` in place of what the kernel
says; the next one asks the kernel as it begins, and if it has nothing to do, the answers are written.

This must be fast before all else: it imports next to nothing (pathlib alone would take a fifth of all the time).
"""
# Without pathlib, which takes longer than all that is done here.
# ruff: noqa: PTH103, PTH105, PTH108, PTH116, PTH123, PTH208

from __future__ import annotations

import hashlib
import os
import sys

from crosscourse.engine.idle.rows import PROJECT, UNKNOWN, compared, opened, taken

# As of `typing`, which would have to be imported.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from crosscourse.engine.idle.rows import Thing
    from crosscourse.engine.idle.seen import Seen

# Where notes lie, in the build folder of a release.
FOLDER = "up-to-date"
# Of the environment: what shells set anew for each command or folder. The folder is also in CROSSCOURSE_CWD.
_VOLATILE = frozenset(("_", "OLDPWD", "PWD", "SHLVL"))
# In what is printed, in place of the time that it took.
TIME = "%s"
_HEAD = "crosscourse up to date 1"
# Terminals differ in their environments, and people in their words: so many notes of a release are kept.
_MOST = 16


class Note:
    """A note of a run with nothing to do. ``text``: what it printed, with ``TIME`` in it that it took."""

    def __init__(self, text: str, rows: dict[Thing, str]) -> None:
        self.text = text
        self.rows = rows

    @property
    def is_known(self) -> bool:
        """Whether it has signatures."""
        return UNKNOWN not in self.rows.values()

    def encode(self) -> bytes:
        """As it is written. Raises ValueError for paths with line ends."""
        lines = [_HEAD, self.text, *(f"{kind} {row} {path}" for (kind, path), row in self.rows.items())]
        if any("\n" in line for line in lines):
            raise ValueError("a line end in a path")
        content = os.fsencode("\n".join(lines) + "\n")
        return content + hashlib.sha256(content).hexdigest().encode() + b"\n"

    @staticmethod
    def decode(content: bytes) -> Note:
        """As ``encode`` gives it. Raises ValueError for anything else."""
        body, digest = content[:-65], content[-65:-1]
        if hashlib.sha256(body).hexdigest().encode() != digest:
            raise ValueError("damaged")
        head, text, *lines = os.fsdecode(body).split("\n")[:-1]
        if head != _HEAD:
            raise ValueError("of another version")
        rows = {}
        for line in lines:
            kind, row, path = line.split(" ", 2)
            rows[kind, path] = row
        return Note(text, rows)


class Start:
    """What was taken when this process began: the name of its note, and of each thing that a former note names its row.

    ``rows`` is empty if there was no note that asked for them.
    """

    def __init__(self, key: str, rows: dict[Thing, str]) -> None:
        self.key = key
        self.rows = rows


class _Process:
    """This process's own start; one process has one, as it has one command line."""

    start: Start | None = None


def begin(root: str, words: list[str]) -> str | None:
    """What a run of these words would print, with ``TIME`` in it; None if that has to be found out by running.

    ``root``: the project. To be called before the project's files are looked at.
    """
    start = _Process.start = Start(key_of(root, words), {})
    for build, note in _notes(root, start.key):
        if not note.is_known:
            rows = dict(taken(note.rows))
            start.rows = rows if len(rows) == len(note.rows) else {}
        elif _is_free(build) and all(note.rows[thing] == row for thing, row in compared(note.rows)):
            return note.text
    return None


def end(root: str, build: str, seen: Seen, text: str, *, idle: bool) -> None:
    """Note a run that went well. ``text``: what it printed, with ``TIME`` in it; ``idle``: it had nothing to do.

    Nothing is noted if what it looked at can't be told, or if nothing can be written.
    """
    start = _Process.start
    if start is None or seen.untold:
        return
    things = [(PROJECT, root), *seen.things]
    known = idle and set(things) == set(start.rows)
    rows = {thing: start.rows[thing] if known else UNKNOWN for thing in things}
    try:
        _write(f"{build}/{FOLDER}", start.key, Note(text, rows).encode())
    except (OSError, ValueError):
        return


def key_of(root: str, words: list[str]) -> str:
    """The name of the note of these words here: another user, environment or Python may find something else."""
    environment = sorted((name, value) for name, value in os.environ.items() if name not in _VOLATILE)
    libraries = [_folder(folder) for folder in sys.path if folder != root]
    here = (os.geteuid(), os.uname().machine, sys.version, sys.executable, libraries)
    return hashlib.sha256(os.fsencode(repr((root, words, environment, here)))).hexdigest()[:32]


def _folder(path: str) -> tuple[object, ...]:
    """A folder that modules are found in: it changes when a library is installed or removed."""
    try:
        info = os.stat(path)
    except OSError:
        return (path,)
    return (path, info.st_ino, info.st_mtime_ns)


def _notes(root: str, key: str) -> Iterator[tuple[str, Note]]:
    """The notes of that name, with the build folder of each: one a release that it ever meant."""
    try:
        names = os.listdir(f"{root}/build")
    except OSError:
        return
    for name in names:
        build = f"{root}/build/{name}"
        try:
            with opened(f"{build}/{FOLDER}/{key}") as stream:
                yield build, Note.decode(stream.read())
        except (OSError, ValueError):
            continue


def _is_free(build: str) -> bool:
    """Whether no run is at work in a build folder: else the run says who is."""
    import fcntl

    try:
        lock = os.open(f"{build}/.lock", os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(lock)
    return True


def _write(folder: str, name: str, content: bytes) -> None:
    os.makedirs(folder, exist_ok=True)
    partial = f"{folder}/.{name}.{os.getpid()}"
    try:
        with open(partial, "xb") as stream:
            stream.write(content)
        os.replace(partial, f"{folder}/{name}")
    finally:
        if os.path.lexists(partial):
            os.unlink(partial)
    there = sorted((os.stat(f"{folder}/{other}").st_mtime_ns, other) for other in os.listdir(folder))
    for _, other in there[:-_MOST]:
        os.unlink(f"{folder}/{other}")
