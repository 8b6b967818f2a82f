"""doit's record of what was done, kept so that nothing that befalls the file loses more than time.

doit 0.37 writes its records only at the end of a run (runner.py, ``finish``): SIGTERM and SIGKILL would lose
every finished task. Here each task's record is written as soon as it is complete, as a line of its own at the end of
the file, as ninja does (https://ninja-build.org/manual.html, "The Ninja log"). Of a task's lines the last one counts.

Looking needs no write access: nothing is opened for writing before something is written. A file that is not what was
written (each line has a checksum) is set aside, and its tasks are asked anew: most come from the result cache. A last
line without its end is what a kill leaves, and counts as not written.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
import time
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from crosscourse import files
from crosscourse.engine.lock import NO_LOCKS, BusyError
from crosscourse.engine.reads import Reads
from crosscourse.errors import of_system

# The last key that doit writes for a successful task (dependency.py, ``save_success``).
_LAST_KEY = "deps:"
# A second copy of a task's values, for doit's ``result_dep``, which we don't use.
_NOT_KEPT = "result:"
_HEAD = b"crosscourse records 1\n"
# No release has records of that size: something else is in their place.
_MOST = 256 << 20

# How long a build waits until a command beside it has written what it has to say, in seconds.
_PATIENCE = 10


class CrashSafeDB:
    """doit's backend (dependency.py). Errors of the file are CrosscourseError, those of reading none at all.

    ``forgiving``: whether a record that can't be removed may stay. A build's may: that it is stale is noticed.
    """

    desc = "a line for each task, written when it is done"

    def __init__(self, name: str, codec: Any = None, *, module_name: str | None = None) -> None:  # noqa: ARG002
        self.name = name
        self.forgiving = False
        self._path = Path(name)
        self._records: dict[str, msgspec.Raw | dict[str, Any]] = {}
        self._lines = 0
        self._damage = ""
        self._file: int | None = None
        self._unsaved: dict[str, None] = {}
        self._refreshed: dict[str, None] = {}
        self._load()

    # --- what doit asks

    def get(self, task_id: str, dependency: str) -> Any:
        """A value of a task; None if there is none."""
        return self._of(task_id).get(dependency)

    def set(self, task_id: str, dependency: str, value: Any) -> None:
        """Store a value; with the last one of a task, its record is written."""
        if dependency == _NOT_KEPT:
            return
        self._records[task_id] = {**self._of(task_id), dependency: value}
        self._unsaved[task_id] = None
        if dependency == _LAST_KEY:
            del self._unsaved[task_id]
            # doit "does" groups in every run: there is nothing to know of them, and nothing is written for them.
            if self._of(task_id).get("_values_:"):
                self._append([task_id])

    def refresh(self, task_id: str, values: Any) -> None:
        """A task's values, said in a way that is checked faster; written at the end if that is possible."""
        self._records[task_id] = {**self._of(task_id), "_values_:": values}
        self._refreshed[task_id] = None

    def in_(self, task_id: str) -> bool:
        """Whether there is a record of a task."""
        return task_id in self._records

    def remove(self, task_id: str) -> None:
        """Forget a task, at once."""
        self._unsaved.pop(task_id, None)
        self._refreshed.pop(task_id, None)
        if self._records.pop(task_id, None) is not None:
            self._forget([task_id])

    def remove_all(self) -> None:
        """Forget all tasks, at once."""
        names = list(self._records)
        self._records, self._unsaved, self._refreshed = {}, {}, {}
        if names:
            self._forget(names)

    def dump(self) -> None:
        """The run is over."""
        unsaved, refreshed = self._unsaved, self._refreshed
        self._unsaved, self._refreshed = {}, {}
        try:
            if unsaved:
                self._append(unsaved)
            if refreshed:
                with contextlib.suppress(OSError, BusyError):
                    self._write(refreshed, patience=0)
        finally:
            if self._file is not None:
                os.close(self._file)
                self._file = None

    # --- the file

    def _of(self, task_id: str) -> dict[str, Any]:
        found = self._records.get(task_id)
        if isinstance(found, msgspec.Raw):
            found = self._records[task_id] = msgspec.json.decode(found, type=dict[str, Any])
        return found or {}

    def _load(self) -> None:
        try:
            self._records, self._lines = _parse(files.read_regular(self._path, most=_MOST))
        except FileNotFoundError:
            if self._path.is_symlink():
                self._damage = "leads nowhere"
        except NotADirectoryError:  # whoever writes says what is in the way
            return
        except OSError as error:
            self._damage = f"can't be read ({error.strerror})"
        except (ValueError, msgspec.MsgspecError, RecursionError):
            self._damage = "is damaged, or of another version"
        if self._damage:
            self._records = {}
            _say(f"{files.relative(self._path)} {self._damage}: what is up to date is found out anew")

    def _forget(self, names: Iterable[str]) -> None:
        try:
            self._append(names)
        except Exception:
            if not self.forgiving:
                raise

    def _append(self, names: Iterable[str]) -> None:
        try:
            self._write(names)
        except OSError as error:
            from crosscourse.run import disk

            raise of_system(error, "the records of what was done", disk.full([self._path])) from None

    def _write(self, names: Iterable[str], *, patience: float = _PATIENCE) -> None:
        if self._file is None:
            self._file = self._open(patience)
        text = b"".join(map(self._line, names))
        size = os.fstat(self._file).st_size
        try:
            _write_all(self._file, text)
        except BaseException:
            os.ftruncate(self._file, size)  # a half line would spoil the next one
            raise

    def _line(self, name: str) -> bytes:
        record = self._records.get(name)
        row = msgspec.json.encode((name, record))
        return b"%08x %s\n" % (zlib.crc32(row), row)

    def _open(self, patience: float) -> int:
        """The file, to add to: without what is damaged, half a line, or many lines that no longer count."""
        files.own_folder(self._path.parent)
        if self._damage:
            aside = self._path.with_name(f"{self._path.name}.damaged")
            files.remove(aside)
            self._path.replace(aside)
            self._damage = ""
            _say(f"it was set aside: {files.relative(aside)}")
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            _lock(file, self._path, patience)
            content = os.pread(file, _MOST, 0)
            whole = content.rfind(b"\n") + 1
            if whole < len(content):
                os.ftruncate(file, whole)
            if not whole:
                _write_all(file, _HEAD)
            elif self._lines > 2 * len(self._records) + 100 and content.count(b"\n") == self._lines + 1:
                self._shorten(file)
        except BaseException:
            os.close(file)
            raise
        return file

    def _shorten(self, file: int) -> None:
        """Only lines that count are left. What is written beside and renamed takes the place of ``file``."""
        with contextlib.suppress(OSError):
            with files.replacing(self._path) as partial:
                partial.write_bytes(_HEAD + b"".join(map(self._line, self._records)))
            new = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
            try:
                _lock(new, self._path, _PATIENCE)
                os.dup2(new, file, inheritable=False)
            finally:
                os.close(new)
        self._lines = len(self._records)


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """What a step's record holds. ``outputs``: by label the path, the digest, the signature.

    ``source``: its fingerprint; ``content``: of what was read of it.
    """

    format: int
    inputs: dict[str, str | dict[str, str]]
    seconds: float
    outputs: dict[str, tuple[str, str, int, int, int, int]]
    result: str | dict[str, str]
    source: dict[str, str]
    reads: Reads
    content: str


def is_whole(record: Any, format_: int) -> bool:
    """Whether a record holds all that it should, and is of that format: else it counts as none."""
    if not isinstance(record, dict) or record.get("format") != format_:
        return False
    try:
        msgspec.convert(record, Recorded)
    except msgspec.ValidationError:
        return False
    return True


def _lock(file: int, path: Path, patience: float) -> None:
    """For as long as the file is open; a file system that has no locks goes without. ``patience``: in seconds."""
    end = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                raise BusyError(path.parent, "") from None
            time.sleep(0.05)
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
            return
        else:
            return


def _parse(content: bytes) -> tuple[dict[str, msgspec.Raw | dict[str, Any]], int]:
    """The records in a file, and its number of lines. Raises ValueError, MsgspecError."""
    if not content.startswith(_HEAD[: len(content)]):
        raise ValueError
    records: dict[str, msgspec.Raw | dict[str, Any]] = {}
    lines = content.split(b"\n")[1:-1]  # of what is behind the last line's end, the rest never came
    decoder = msgspec.json.Decoder(tuple[str, msgspec.Raw])
    for line in lines:
        row = line[9:]
        if int(line[:8], 16) != zlib.crc32(row):
            raise ValueError
        name, record = decoder.decode(row)
        if bytes(record) == b"null":
            records.pop(name, None)
        else:
            records[name] = record
    return records, len(lines)


def _write_all(file: int, text: bytes) -> None:
    left = memoryview(text)
    while left:
        left = left[os.write(file, left) :]


def _say(text: str) -> None:
    """To whoever looks, beside what a command prints."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        print(f"doit: {text}", file=sys.stderr)
