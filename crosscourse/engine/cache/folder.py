"""The result cache: what steps made, kept by key, so that what was made once is taken in place of made again.

A folder of one user, shared by all checkouts and by runs at the same time:

- ``blobs/ab/<sha256>``: contents of outputs, by digest;
- ``entries/ab/<key>.json``: what a step with this key made, written last, its time that of the last use;
- ``reads/ab/<base>.json``: what steps with the same base were seen to read, as in ccache's direct mode
  (https://ccache.dev/manual/latest.html, "How ccache works");
- ``partial/``: what is being written; renamed to its place when it is whole.

Nothing in it is believed: blobs are checked by digest while they are taken, entries and lists by one of their own.
What is damaged (by a power cut too: there is no fsync) is removed, and then it was never there. There is no lock: two
processes that keep the same thing write the same bytes, and what one evicts while the other names it is a miss later.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import stat
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Protocol

import msgspec

from crosscourse import files
from crosscourse.engine.cache import sealed

DEFAULT_LIMIT = 10 * 10**9
MAX_CANDIDATES = 8

_HOUR, _DAY = 3600, 24 * 3600
_SHA256 = r"^[0-9a-f]{64}\Z"
_FICLONE = 0x40049409  # linux/fs.h; ioctl_ficlone(2)


class Kept(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An output: the SHA-256 and size (bytes) of its content, and its permission bits."""

    digest: Annotated[str, msgspec.Meta(pattern=_SHA256)]
    size: Annotated[int, msgspec.Meta(ge=0)]
    mode: Annotated[int, msgspec.Meta(ge=0, le=0o7777)]


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a step made: its outputs by label. ``made``: when (unix seconds). ``reported``: what it told the person."""

    kind: str
    outputs: dict[str, Kept]
    made: int
    reported: list[str] = []


class Results(Protocol):
    """What the engine asks of a cache, be it a folder or a server; ``Folder`` says what each does.

    Nothing here raises because the cache is out of order: then there is nothing in it, and nothing is kept.
    """

    def get(self, key: str) -> Entry | None: ...
    def take(self, key: str, places: Mapping[str, Path]) -> Entry | None: ...
    def put(
        self, key: str, kind: str, outputs: Mapping[str, Path], digests: Mapping[str, str], reported: Sequence[str] = ()
    ) -> bool: ...
    def candidates(self, base: str) -> list[Any]: ...
    def remember(self, base: str, reads: Any) -> bool: ...
    def trim(self, limit: int) -> int: ...


class Folder:
    """A result cache in a folder, made when something is first kept. Keys and bases are SHA-256, in hexadecimal."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._grown = False

    def get(self, key: str) -> Entry | None:
        """What is kept under a key, if each of its blobs is there and of the right size."""
        entry = sealed.read(self._place("entries", key), key, Entry)
        return entry if entry and all(self._has(kept) for kept in entry.outputs.values()) else None

    def take(self, key: str, places: Mapping[str, Path]) -> Entry | None:
        """Write all outputs to ``places`` (partial files, by label; what lies there goes), with their modes.

        None if there is no such entry, or it is of no use: then it is removed, and no file is left in ``places``.
        OSError if a place can't be written.
        """
        path = self._place("entries", key)
        if not (entry := sealed.read(path, key, Entry)):
            return None
        try:
            if entry.outputs.keys() != places.keys():
                raise _UselessError
            # All of them, though one is damaged: each blob that is goes at once.
            if not all([self._takes(kept, places[label]) for label, kept in entry.outputs.items()]):  # noqa: C419
                raise _UselessError
        except BaseException as error:
            for place in places.values():
                sealed.discard(place)
            if not isinstance(error, _UselessError):
                raise
            sealed.discard(path)
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return entry

    def put(
        self, key: str, kind: str, outputs: Mapping[str, Path], digests: Mapping[str, str], reported: Sequence[str] = ()
    ) -> bool:
        """Keep outputs (regular files) under a key. ``digests``: their SHA-256, by the same labels.

        False if they could not be kept (a full disk, a read-only folder), or are not what ``digests`` says.
        """
        if outputs.keys() != digests.keys():
            raise ValueError(f"outputs {sorted(outputs)}, but digests {sorted(digests)}")
        self._grown = True
        try:
            kept = {label: self._keep(path, digests[label]) for label, path in outputs.items()}
            entry = Entry(kind=kind, outputs=kept, made=int(time.time()), reported=list(reported))
            with self._replacing(self._place("entries", key)) as stream:
                stream.write(sealed.write(key, entry))
        except (OSError, _UselessError):
            return False
        return True

    def candidates(self, base: str) -> list[Any]:
        """What steps of this base were seen to read, the newest first, at most ``MAX_CANDIDATES``."""
        path = self._place("reads", base)
        found = sealed.read(path, base, list[Any])
        if found:
            with contextlib.suppress(OSError):
                os.utime(path)
        return found or []

    def remember(self, base: str, reads: Any) -> bool:
        """Note what a step of this base read, as the newest. False if it could not be written.

        Of two processes that do so at once, one may be forgotten: that step is then worked once more.
        """
        path = self._place("reads", base)
        new = msgspec.json.encode(reads, order="sorted")
        before = sealed.read(path, base, list[Any]) or []
        others = [one for one in before if msgspec.json.encode(one, order="sorted") != new]
        try:
            with self._replacing(path) as stream:
                stream.write(sealed.write(base, [reads, *others][:MAX_CANDIDATES]))
        except OSError:
            return False
        return True

    def trim(self, limit: int) -> int:
        """Evict the least recently used entries until all blobs fit into ``limit`` bytes. Returns the bytes freed.

        Does nothing if nothing was put by this object since the last time.
        """
        if not self._grown:
            return 0
        self._grown = False
        for path, info in _scan(self.folder, "partial"):
            if _older(info, _DAY):
                sealed.discard(path)
        blobs = {path.name: (path, info) for path, info in _scan(self.folder, "blobs/*")}
        excess = sum(info.st_size for _, info in blobs.values()) - limit
        if excess <= 0:
            return 0
        entries = sorted(self.entries(), key=lambda found: found[1].st_mtime_ns)
        named = Counter(digest for _, _, entry in entries for digest in _digests(entry))
        # Of a young one that nobody names, another process may be about to write the entry.
        going = [blobs[digest] for digest in blobs.keys() - named.keys() if _older(blobs[digest][1], _HOUR)]
        freed = sum(info.st_size for _, info in going)
        while entries and freed < excess:
            path, _, entry = entries.pop(0)
            sealed.discard(path)
            named.subtract(_digests(entry))
            gone = [blobs[digest] for digest in _digests(entry) if digest in blobs and not named[digest]]
            freed += sum(info.st_size for _, info in gone)
            going += gone
        for path, _ in going:
            sealed.discard(path)
        # A lookup uses a list and then an entry: a list older than every entry led to one that is gone.
        oldest = entries[0][1].st_mtime if entries else time.time()
        for path, info in _scan(self.folder, "reads/*"):
            if info.st_mtime < oldest - _DAY:
                sealed.discard(path)
        return freed

    def entries(self) -> Iterator[tuple[Path, os.stat_result, Entry]]:
        """All entries: the file of each, what the kernel says of it (mtime: the last use), what it says."""
        for path, info in _scan(self.folder, "entries/*"):
            if entry := sealed.read(path, path.stem, Entry):
                yield path, info, entry

    def size(self) -> int:
        """Bytes of all blobs, those that no entry names too."""
        return sum(info.st_size for _, info in _scan(self.folder, "blobs/*"))

    def clear(self) -> None:
        """Remove the folder; CrosscourseError if it is not ours."""
        for _ in range(20):
            if not self.folder.exists():
                return
            try:
                files.remove_owned(self.folder)
            except OSError:  # another process put something into what was just emptied; the tag may be gone already
                files.own_folder(self.folder)
        files.remove_owned(self.folder)

    def _place(self, kind: str, name: str) -> Path:
        if not re.match(_SHA256, name):
            raise ValueError(f"not a SHA-256 in hexadecimal: {name!r}")
        return self.folder / kind / name[:2] / (name if kind == "blobs" else f"{name}.json")

    def _has(self, kept: Kept) -> bool:
        try:
            info = self._place("blobs", kept.digest).lstat()
        except OSError:
            return False
        return stat.S_ISREG(info.st_mode) and info.st_size == kept.size

    def _takes(self, kept: Kept, place: Path) -> bool:
        """Write an output to its place; False if its blob is of no use, and then gone."""
        blob = self._place("blobs", kept.digest)
        try:
            if not self._has(kept):
                raise _UselessError
            files.remove(place)  # never written through: it may be a link, or have a second name
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("x+b") as target:
                _copy(blob, target, kept)
                os.fchmod(target.fileno(), kept.mode)
        except _UselessError:
            sealed.discard(blob)
            return False
        return True

    def _keep(self, path: Path, digest: str) -> Kept:
        info = path.lstat()
        if not stat.S_ISREG(info.st_mode):
            raise _UselessError
        kept = Kept(digest=digest, size=info.st_size, mode=stat.S_IMODE(info.st_mode))
        blob = self._place("blobs", digest)
        if self._has(kept):
            os.utime(blob)  # young again, so that nobody who trims removes it before the entry is there
            return kept
        with self._replacing(blob) as target:
            _copy(path, target, kept)
        return kept

    @contextlib.contextmanager
    def _replacing(self, path: Path) -> Iterator[BinaryIO]:
        """A new file to write to, moved to ``path`` at the end; as ``files.replacing``, by many processes at once."""
        import tempfile

        _make_way(self.folder)
        partials = files.own_folder(self.folder) / "partial"
        for folder in (partials, path.parent.parent, path.parent):  # not the whole: cleared meanwhile, it has no tag
            _make_way(folder)
            folder.mkdir(exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=partials)
        try:
            with os.fdopen(descriptor, "w+b") as stream:
                yield stream
            Path(name).replace(path)
        except BaseException:
            sealed.discard(Path(name))
            raise


class _UselessError(Exception):
    """An entry, a blob or an output is not what it should be."""


def _digests(entry: Entry) -> set[str]:
    return {kept.digest for kept in entry.outputs.values()}


def _make_way(folder: Path) -> None:
    """Remove what is no folder where one belongs: nothing would ever be kept again. A link may be a person's own."""
    if not folder.is_dir() and not folder.is_symlink():
        with contextlib.suppress(OSError):
            folder.unlink()


def _older(info: os.stat_result, seconds: float) -> bool:
    """Whether a file's time is far from now; the future, by a clock that was wrong, is no better than the past."""
    return abs(time.time() - info.st_mtime) > seconds


def _scan(folder: Path, pattern: str) -> Iterator[tuple[Path, os.stat_result]]:
    """The files in some folders, each with what the kernel says of it. Others may remove some meanwhile."""
    for parent in folder.glob(pattern):
        with contextlib.suppress(OSError), os.scandir(parent) as found:
            for one in found:
                with contextlib.suppress(OSError):
                    yield Path(one.path), one.stat(follow_symlinks=False)


def _copy(path: Path, target: BinaryIO, expected: Kept) -> None:
    """Copy a whole file. OSError if ``target`` can't be written; _UselessError if ``path`` is not what is expected."""
    sha, size, cloned = hashlib.sha256(), 0, False
    try:
        source = path.open("rb")
    except OSError as error:
        raise _UselessError from error
    with source:
        with contextlib.suppress(OSError):  # share its blocks until one of them is written to, if that can be
            fcntl.ioctl(target.fileno(), _FICLONE, source.fileno())
            cloned = True
        while block := _block(target if cloned else source):
            sha.update(block)
            size += len(block)
            if not cloned:
                target.write(block)
    target.flush()
    if (sha.hexdigest(), size) != (expected.digest, expected.size):
        raise _UselessError


def _block(stream: BinaryIO) -> bytes:
    try:
        return stream.read(1 << 20)
    except OSError as error:
        raise _UselessError from error
