"""What compilers keep in the user's cache folder: it may decide how long they take, and never what comes out.

Go names each file of its build cache after the SHA-256 of its content, and zig each folder of outputs after that of the
inputs; neither looks again (https://pkg.go.dev/cmd/go/internal/cache: "Get" compares sizes). A damaged object would be
linked. So files are looked at before a run compiles anything: those whose signature is known are what they were, others
are hashed. What zig made is taken for right when it is first seen.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from crosscourse import files
from crosscourse.engine.lock import caches_in_use

GO = "go-build"
ZIG = "zig"
# In each cache: what its files were.
RECORD = ".crosscourse-files"
# It is not as large (bytes).
_MOST = 64 << 20
# Folders that hold what was made, and is never made otherwise.
_MADE = {GO: re.compile(r"[0-9a-f]{2}/([0-9a-f]{64})-d(?:/[^/]+)?"), ZIG: re.compile(r"(?:local/)?o/[^/]+/.+")}
# Go's are 00 to ff; zig's are for outputs, manifests, what it reads of its sources, and those of its callers.
_FOLDERS = {GO: re.compile(r"[0-9a-f]{2}"), ZIG: re.compile(r"[bhopz]|tmp|local")}
# What is never a folder.
_FILES = {GO: re.compile(r"[0-9a-f]{2}/[^/]+-a"), ZIG: re.compile(r"(?:local/)?h/[^/]+")}
# Another run may be writing a file just now: it is damaged if it stays as it is for so long.
_SETTLED = 1.0  # s


class Row(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What a file was. ``signature``: as of ``files.signature``. ``digest``: of its content."""

    signature: list[int]
    digest: str


def damage(cache: Path) -> list[str]:
    """What of a compiler's cache is not what it was, or stands where a folder belongs; relative to it. None where there
    is no cache.
    """
    record = cache / RECORD
    known: dict[str, Row] = {}
    with contextlib.suppress(OSError, ValueError, msgspec.MsgspecError):
        known = msgspec.json.decode(files.read_regular(record, most=_MOST), type=dict[str, Row])
    now, doubtful, special, empty = {}, {}, [], []
    for path, signature, name in _made(cache):
        if path.endswith("/"):
            empty.append(path.rstrip("/"))
            continue
        if not signature:
            special.append(path)
            continue
        row = known.get(path)
        if row is None or row.signature != signature:
            expected = name or (row.digest if row else "")
            digest = _digest(cache / path)
            if digest and expected and digest != expected:
                doubtful[path] = (signature, expected)
            else:
                row = Row(signature=signature, digest=digest)
        if row and row.digest:
            now[path] = row
    if now != known:
        with contextlib.suppress(OSError, UnicodeError), files.replacing(record) as partial:
            partial.write_bytes(msgspec.json.encode(now))
    if doubtful or empty:
        time.sleep(_SETTLED)
    stays = (path for path, (before, expected) in doubtful.items() if _stays(cache / path, before, expected))
    return sorted({*_blocked(cache), *special, *stays, *(path for path in empty if _is_empty(cache / path))})


def discard(cache: Path) -> None:
    """Remove a compiler's cache, when no program that a step runs uses it."""
    with caches_in_use(cache.parent, shared=False):
        files.discard(cache)


def mend(cache: Path) -> str:
    """Remove what is damaged in a compiler's cache, so that it is made again; says so, or nothing."""
    damaged = damage(cache)
    if not damaged:
        return ""
    with caches_in_use(cache.parent, shared=False):
        if cache.name == GO:
            for path in damaged:
                # A program's folder goes with it: Go would take the folder for an object.
                inside = Path(path).parent.name.endswith("-d")
                files.remove(cache / (Path(path).parent if inside else path))
        else:  # other files of it say that what was made is there
            files.discard(cache)
    more = f" and {len(damaged) - 1} more" if damaged[1:] else ""
    return f"the cache {cache.name} was damaged ({damaged[0]}{more}): what was lost is made again"


def _blocked(cache: Path) -> Iterator[str]:
    """What stands where a compiler's cache has its folders: it would not begin."""
    pattern = _FOLDERS[cache.name]
    for folder in ("", "local"):  # the second is zig's
        with contextlib.suppress(OSError), os.scandir(cache / folder) as entries:
            for entry in entries:
                if pattern.fullmatch(entry.name) and not entry.is_dir():
                    yield os.path.relpath(entry.path, cache)


def _made(cache: Path) -> Iterator[tuple[str, list[int], str]]:
    """Each file that a compiler made, its signature, and the digest that its name says, if any.

    Of what is neither file nor folder, and of a folder in a file's place there is no signature: a compiler would wait
    for it for ever, fail, or write to what a link leads to. The path of an empty folder in an object's place ends in a
    slash.
    """
    pattern = _MADE[cache.name]
    top = f"{os.fspath(cache)}/"
    waiting = [top]
    while waiting:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                    path = entry.path[len(top) :]
                    if _FILES[cache.name].fullmatch(path):
                        yield path, [], ""
                    elif cache.name == GO and pattern.fullmatch(path) and _is_empty(entry.path):
                        yield f"{path}/", [], ""
                elif not entry.is_file(follow_symlinks=False):
                    yield entry.path[len(top) :], [], ""
                elif found := pattern.fullmatch(entry.path[len(top) :]):
                    with contextlib.suppress(FileNotFoundError):
                        info = entry.stat(follow_symlinks=False)
                        if stat.S_ISREG(info.st_mode):
                            signature = [info.st_size, info.st_mtime_ns, info.st_ctime_ns, info.st_ino]
                            yield entry.path[len(top) :], signature, found[1] if pattern.groups else ""


def _is_empty(folder: str | Path) -> bool:
    try:
        return not os.listdir(folder)  # noqa: PTH208  # names are enough
    except OSError:
        return False


def _stays(path: Path, before: list[int], expected: str) -> bool:
    """Whether a file that was not what it should be still is the same file, and still is not."""
    try:
        return files.signature(path, link=True) == before and _digest(path) != expected
    except OSError:
        return False


def _digest(path: Path) -> str:
    """Of a file's content; empty if it can't be read, as it was removed meanwhile."""
    try:
        return files.digest(path)
    except OSError:
        return ""
