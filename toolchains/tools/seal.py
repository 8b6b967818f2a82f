"""A folder that nobody should change, sealed: whether it is what it was, told by signatures first, then by content.

The seal is two files in the folder, which ``seal`` writes last: ``.crosscourse-files``, what each file was, and
``.crosscourse-tool``, a digest of what the kernel says of all files (size, times, inode, mode). While that is the same,
nothing was changed, and a look costs a tenth of a second for 20,000 files. Where it is another, contents are compared:
a folder that was copied or touched is what it was. Files are made read-only; folders are not, so that a person can
remove them.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path

import msgspec

from crosscourse import files
from toolchains.tools.pins import STAMP

FILES = ".crosscourse-files"
# Neither is as large (bytes).
_MOST = 64 << 20

_WRITE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH
_NAMED = 3


class Stamp(msgspec.Struct, frozen=True, kw_only=True):
    """``pin``: of what lies there. ``signature``: of all its files."""

    pin: str
    signature: str


def seal(folder: Path, pin: str) -> None:
    """Make the files of a folder read-only, and write down what it holds."""
    for path, info in _walk(folder):
        if stat.S_ISREG(info.st_mode):
            os.chmod(f"{folder}/{path}", stat.S_IMODE(info.st_mode) & ~_WRITE)  # noqa: PTH101  # 20,000 of them
    signature = signature_of(folder)  # before the contents: a change meanwhile makes it another one
    _write(folder / FILES, contents(folder))
    _write(folder / STAMP, Stamp(pin=pin, signature=signature))


def make(folder: Path, pin: str, fill: Callable[[Path], None]) -> None:
    """Make a sealed folder, which appears whole or not at all, and takes the place of what is there.

    ``fill`` is given an empty folder beside it, in which it makes the folder ``tool``. What a kill at any moment leaves
    is removed by the next.
    """
    for left_over in folder.parent.glob(f"{folder.name}.partial-*"):
        files.remove(left_over)
    # A name of its own each time: a program that outlived its killed parent may still be writing into the former one.
    partial = Path(tempfile.mkdtemp(prefix=f"{folder.name}.partial-", dir=folder.parent))
    try:
        made = partial / "tool"
        made.mkdir()
        fill(partial)
        seal(made, pin)
        files.discard(folder, prefix=f"{folder.name}.partial-")
        made.replace(folder)
    finally:
        with contextlib.suppress(OSError):
            files.remove(partial)


def damage(folder: Path) -> str | None:
    """What of a sealed folder is not what it was, in words; None if nothing."""
    try:
        stamp = msgspec.json.decode(files.read_regular(folder / STAMP, most=_MOST), type=Stamp)
        now = signature_of(folder)
        if now == stamp.signature:
            return None
        recorded = msgspec.json.decode(files.read_regular(folder / FILES, most=_MOST), type=dict[str, str])
        changed = differences(recorded, contents(folder))
    except (OSError, ValueError, msgspec.MsgspecError):
        return "what it should hold can't be read"
    if changed:
        return changed
    with contextlib.suppress(OSError):  # only touched: spares the next run the hashing
        _write(folder / STAMP, msgspec.structs.replace(stamp, signature=now))
    return None


def signature_of(folder: Path) -> str:
    """A digest of what the kernel says of each file of a folder, which changes whenever one of them does.

    See ``files.signature`` for why. Raises OSError.
    """
    sha = sha256()
    for path, info in sorted(_walk(folder)):
        sha.update(
            f"{path}\0{info.st_mode} {info.st_size} {info.st_mtime_ns} {info.st_ctime_ns} {info.st_ino}\n".encode(
                errors="surrogateescape"
            )
        )
    return sha.hexdigest()


def contents(folder: Path) -> dict[str, str]:
    """What each file of a folder is: whether it can be run, and the digest of its content; where a link points."""
    found = {}
    for path, info in _walk(folder):
        place = folder / path
        if stat.S_ISREG(info.st_mode):
            found[_printable(path)] = f"{'x' if info.st_mode & stat.S_IXUSR else '-'} {files.digest(place)}"
        elif stat.S_ISLNK(info.st_mode):
            found[_printable(path)] = _printable(f"-> {place.readlink()}")
        else:
            found[_printable(path)] = "neither file nor link"
    return found


def differences(recorded: Mapping[str, str], now: Mapping[str, str]) -> str:
    """The files that are not the same, in words; empty if all are."""
    words = {
        "is gone": recorded.keys() - now.keys(),
        "was added": now.keys() - recorded.keys(),
        "was changed": {path for path in recorded.keys() & now.keys() if recorded[path] != now[path]},
    }
    rows = [f"{path} {what}" for what, paths in words.items() for path in sorted(paths)]
    more = f" and {len(rows) - _NAMED} more" if len(rows) > _NAMED else ""
    return ", ".join(rows[:_NAMED]) + more


def _printable(text: str) -> str:
    """Names of files as they can be printed, whatever bytes they have."""
    return text.encode(errors="surrogateescape").decode(errors="backslashreplace")


def _walk(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    """All that is no folder, by its path in ``folder``, but the seal itself."""
    top = f"{os.fspath(folder)}/"
    waiting = [top]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                path = entry.path[len(top) :]
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                elif path not in (STAMP, FILES):
                    yield path, entry.stat(follow_symlinks=False)


def _write(path: Path, content: object) -> None:
    with files.replacing(path) as partial:
        partial.write_bytes(msgspec.json.encode(content))
