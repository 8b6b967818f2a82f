"""Go's module cache: whether the modules that lie there unpacked are what go.sum says.

Go checks a module when it arrives, and believes the unpacked files from then on
(https://go.dev/ref/mod#module-cache). The sum is that of https://pkg.go.dev/golang.org/x/mod/sumdb/dirhash, "Hash1".
What was found right is known again by its signature.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from crosscourse import files
from toolchains.tools import seal

RECORD = ".crosscourse-files"
# It is not as large (bytes).
_MOST = 64 << 20
_SUM = re.compile(r"^(\S+) (v[^\s/]+) h1:(\S+)$", re.MULTILINE)


class Row(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A module that was found right. ``signature``: of all its files, as of ``seal.signature_of``."""

    signature: str
    sum: str


def damage(cache: Path, sum_files: Iterable[Path]) -> list[str]:
    """The folders of unpacked modules that are not what these go.sum say, relative to the module cache."""
    record = cache / RECORD
    known: dict[str, Row] = {}
    with contextlib.suppress(OSError, ValueError, msgspec.MsgspecError):
        known = msgspec.json.decode(files.read_regular(record, most=_MOST), type=dict[str, Row])
    found, damaged = dict(known), []
    for module, version, wanted in _sums(sum_files):
        folder = f"{_escape(module)}@{_escape(version)}"
        if not (cache / folder).is_dir() or _archive(cache, module, version, "partial").exists():
            continue  # not there, or being unpacked: if that was cut off, Go begins again
        try:
            signature = seal.signature_of(cache / folder)
            row = Row(signature=signature, sum=wanted)
            right = known.get(folder) == row or tree_sum(cache / folder, f"{module}@{version}") == wanted
        except OSError:
            right = False
        if right:
            found[folder] = row
        else:
            damaged.append(folder)
    if found != known:
        with contextlib.suppress(OSError), files.replacing(record) as partial:
            partial.write_bytes(msgspec.json.encode(found))
    return damaged


def mend(cache: Path, sum_files: Iterable[Path]) -> list[str]:
    """Remove the modules that are not what these go.sum say, so that Go unpacks or fetches them again.

    Returns their folders.
    """
    places = list(sum_files)
    damaged = damage(cache, places)
    for module, version, wanted in _sums(places):
        folder = f"{_escape(module)}@{_escape(version)}"
        if folder not in damaged:
            continue
        files.discard(cache / folder)
        if not _is_whole(_archive(cache, module, version, "zip"), wanted):
            for ending in ("zip", "ziphash"):
                files.remove(_archive(cache, module, version, ending))
    return damaged


def tree_sum(folder: Path, prefix: str) -> str:
    """The sum of an unpacked module, without "h1:". ``prefix``: ``module@version``. Raises OSError."""
    paths = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return _hash1((f"{prefix}/{path.relative_to(folder).as_posix()}", path.read_bytes()) for path in paths)


def _archive(cache: Path, module: str, version: str, ending: str) -> Path:
    """A file that Go keeps of a module as it was downloaded."""
    return cache / "cache/download" / _escape(module) / "@v" / f"{_escape(version)}.{ending}"


def _is_whole(archive: Path, wanted: str) -> bool:
    """Whether a module's zip file is what go.sum says."""
    try:
        with zipfile.ZipFile(archive) as opened:
            names = [name for name in opened.namelist() if not name.endswith("/")]
            return _hash1((name, opened.read(name)) for name in names) == wanted
    except (OSError, zipfile.BadZipFile, zlib.error, NotImplementedError, ValueError, RuntimeError, EOFError):
        return False


def _hash1(contents: Iterable[tuple[str, bytes]]) -> str:
    rows = sorted((name, hashlib.sha256(content).hexdigest()) for name, content in contents)
    text = "".join(f"{digest}  {name}\n" for name, digest in rows)
    sha = hashlib.sha256(text.encode(errors="surrogateescape"))
    return base64.b64encode(sha.digest()).decode()


def _sums(sum_files: Iterable[Path]) -> Iterator[tuple[str, str, str]]:
    """Module, version and sum, each once, of go.sum files; those that are not there say nothing."""
    seen: set[tuple[str, str, str]] = set()
    for path in sum_files:
        with contextlib.suppress(OSError):
            seen.update(_SUM.findall(path.read_text(encoding="utf-8", errors="replace")))
    yield from sorted(seen)


def _escape(text: str) -> str:
    """As https://go.dev/ref/mod#module-cache writes paths and versions, whatever the file system: ``!a`` for ``A``."""
    return re.sub("[A-Z]", lambda found: f"!{found[0].lower()}", text)
