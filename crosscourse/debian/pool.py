"""Debian packages by their SHA-256: from the cache folder, else from the first place that has them. No apt is needed.

A package's path below a mirror is fixed (https://www.debian.org/doc/manuals/repository-howto/, "pool"), so that any
mirror, an archive of old versions and a plain folder can serve it; the digest says whether it is the right one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import quote, urlsplit

from crosscourse import files
from crosscourse.engine.lock import in_turn
from crosscourse.errors import CrosscourseError
from crosscourse.manifest.locks import LockError, Package, Pinned
from crosscourse.run.retry import TransientError, retrying

if TYPE_CHECKING:
    from crosscourse.engine.places import Places

# Of a mirror's connections at once; more is impolite.
_AT_ONCE = 4
# Seconds without a byte.
_PATIENCE = 30
_BLOCK = 1 << 20
# Answers of a server that asking again does not change.
_NEVER = (401, 403, 404, 410)


class PackagesGoneError(CrosscourseError):
    """Locked packages that nobody has."""


def fetch_pinned(pinned: Pinned, at: Places) -> list[Path]:
    """The files of what is locked. Raises LockError if it isn't as it is wanted, else what ``fetch`` raises."""
    from crosscourse.debian import mirrors

    if pinned.packages is None:
        raise LockError(
            f"Debian packages of '{pinned.name}'",
            "are not in the release's lock file, or not as the manifest wants them now",
            "Ask for them: ./doit lock",
        )
    places = _places(pinned.packages, at.caches)
    if _lacking(pinned.packages, places):  # else nobody is asked where there are mirrors
        _fetch_lacking(pinned.packages, places, at.caches, mirrors.known(at, pinned.date), at.status)
    return places


def fetch(
    packages: Sequence[Package], *, cache: Path, mirrors: Sequence[str], status: Callable[[str], None]
) -> list[Path]:
    """The files of ``packages``, in their order, in ``cache``; what is there already is not fetched again.

    ``mirrors``: URLs or folders that have Debian's ``pool``, asked one after the other. Each file is checked by its
    digest, those of the cache too: a damaged one is fetched again. Raises PackagesGoneError, or what ``retrying``
    raises when the network fails.
    """
    places = _places(packages, cache)
    if _lacking(packages, places):
        _fetch_lacking(packages, places, cache, mirrors, status)
    return places


def _fetch_lacking(
    packages: Sequence[Package],
    places: Sequence[Path],
    cache: Path,
    mirrors: Sequence[str],
    status: Callable[[str], None],
) -> None:
    folder = cache / "debian" / "pool"
    folder.mkdir(parents=True, exist_ok=True)
    with in_turn(folder / "lock", status):
        lacking = _lacking(packages, places)  # another run may have fetched them meanwhile
        total = sum(package.size for package, _ in lacking)
        status(f"fetching {len(lacking)} Debian packages, {total / 1e6:.0f} MB")

        def fetch_one(row: tuple[Package, Path]) -> str:
            return _fetch(*row, mirrors, status)

        with ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="pool") as executor:
            found = list(executor.map(fetch_one, lacking))
    gone = [(package, why) for (package, _), why in zip(lacking, found, strict=True) if why]
    if gone:
        names = ", ".join(package.key for package, _ in gone[:5]) + (", ..." if len(gone) > 5 else "")
        raise PackagesGoneError(
            f"{len(gone)} of the locked Debian packages",
            f"can't be had: {names}\n{gone[0][1]}",
            "Mirrors keep only the newest versions. Name a place that has these in crosscourse.toml "
            "(debian-archives = [URL or folder, ...]), or take what the mirror has now: ./doit lock",
        )


def _lacking(packages: Sequence[Package], places: Sequence[Path]) -> list[tuple[Package, Path]]:
    rows = zip(packages, places, strict=True)
    return [(package, place) for package, place in rows if not _is_right(place, package)]


def _places(packages: Sequence[Package], cache: Path) -> list[Path]:
    folder = cache / "debian" / "pool"
    return [folder / package.sha256[:2] / f"{package.sha256}.deb" for package in packages]


def _is_right(path: Path, package: Package) -> bool:
    return path.is_file() and path.stat().st_size == package.size and files.digest(path) == package.sha256


def _fetch(package: Package, place: Path, mirrors: Sequence[str], status: Callable[[str], None]) -> str:
    """Fetch one from the first place that has it; returns why that can't be, or nothing."""
    why = "No mirror is known."
    for mirror in mirrors:
        try:
            with files.replacing(place, mode=0o444) as partial:
                _copy(mirror, package, partial, status)
        except NotThereError as error:
            why = str(error)
        else:
            return ""
    return why


class NotThereError(CrosscourseError):
    """A place that does not have a package, or has another one by its name."""


def _copy(mirror: str, package: Package, to: Path, status: Callable[[str], None]) -> None:
    where = f"{mirror.rstrip('/')}/{package.path}"

    def copy() -> str:
        sha = hashlib.sha256()
        with _opened(mirror, package.path) as stream, to.open("wb") as out:
            while block := _block(stream, where):
                sha.update(block)
                out.write(block)
            announced = getattr(stream, "length", None)  # of an answer: what it still lacks
        if announced:
            raise TransientError(where, f"was cut off: {announced} bytes are missing")
        return sha.hexdigest()

    if retrying(copy, status=status, what=f"fetching {where}") != package.sha256:
        raise NotThereError(where, "is another file than the locked one")


def _block(stream: BinaryIO, where: str) -> bytes:
    from http.client import HTTPException

    try:
        return stream.read(_BLOCK)
    except (OSError, HTTPException) as problem:
        raise TransientError(where, f"was cut off: {problem or type(problem).__name__}") from None


def _opened(mirror: str, path: str) -> BinaryIO:
    """The file at a mirror or in a folder. Raises NotThereError, TransientError."""
    from http.client import HTTPException
    from urllib import error, request

    if "://" not in mirror:
        place = Path(mirror).expanduser() / path
        try:
            return place.open("rb")
        except OSError as problem:
            raise NotThereError(str(place), str(problem.strerror)) from None
    url = f"{mirror.rstrip('/')}/{quote(path, safe='/+~:')}"
    if urlsplit(url).scheme not in ("http", "https"):
        raise NotThereError(url, "is neither http:// nor https://")
    try:
        return request.urlopen(url, timeout=_PATIENCE)  # type: ignore[no-any-return]  # noqa: S310  # checked above
    except error.HTTPError as problem:
        problem.close()
        kind = NotThereError if problem.code in _NEVER else TransientError
        raise kind(url, f"answers {problem.code} {problem.reason}") from None
    except (OSError, HTTPException) as problem:  # URLError is one
        raise TransientError(url, f"can't be reached: {getattr(problem, 'reason', problem)}") from None
