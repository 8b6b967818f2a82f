"""Which Debian packages a wish comes to: the machine's own apt resolves it with a private root, and checks signatures.

What it says is written to a lock file (``manifest.locks``); from then on packages are known by their digests, and apt
is needed no more.
"""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from crosscourse.debian import apt
from crosscourse.engine.lock import in_turn
from crosscourse.manifest.locks import Package, Wanted
from crosscourse.run.environment import base_environment

if TYPE_CHECKING:
    from crosscourse.engine.places import Places

# As `apt-get --print-uris install` prints: the URL, the file's name, its size, the index's digest of it.
_ROW = re.compile(r"^'(?P<url>[^']+)' (?P<file>\S+) (?P<size>\d+) SHA256:(?P<sha256>[0-9a-f]{64})$", re.MULTILINE)


def resolve(wanted: Wanted, *, mirror: str, at: Places, update: bool = True) -> tuple[Package, ...]:
    """The packages of ``wanted`` and all that they depend on, sorted.

    ``update``: ask the mirror whether its index is another one. What is resolved together is resolved from one index.

    Raises DebianError (a package that is not there, a signature that is wrong), CommandError (no network).
    """
    folder = _state(wanted, at)
    folder.mkdir(parents=True, exist_ok=True)
    with in_turn(folder / "lock", at.status):
        env = _environment(folder, wanted, mirror, at, update=update)
        # What is downloaded already would not be printed.
        empty = at.scratch / "archives"
        (empty / "partial").mkdir(parents=True, exist_ok=True)
        words = ["--option", f"Dir::Cache::archives={empty}", "--print-uris", "--yes", "install", *wanted.packages]
        printed = apt.run(words, env, at)
    found = tuple(sorted((_package(row, mirror) for row in _ROW.finditer(printed)), key=lambda package: package.key))
    if not found:
        raise apt.DebianError("apt-get", "printed no packages", f"Its log: {at.log}")
    return found


def date(wanted: Wanted, *, at: Places) -> int:
    """When the suite was published that packages were resolved from, in seconds since 1970."""
    lists = _state(wanted, at) / "lists"
    dates = [
        parsedate_to_datetime(found[1].replace("UTC", "+0000"))
        for path in lists.glob("*Release")
        if (found := re.search(r"^Date: (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE))
    ]
    if not dates:
        raise apt.DebianError(f"Debian {wanted.suite}", "has no Release file with a date", f"Look into {lists}")
    return int(max(dates).timestamp())


def _state(wanted: Wanted, at: Places) -> Path:
    """Where apt keeps what it knows of a suite."""
    return at.caches / "debian" / f"{wanted.suite}-{wanted.architecture}"


def _environment(folder: Path, wanted: Wanted, mirror: str, at: Places, *, update: bool) -> dict[str, str]:
    """The environment for apt, whose index is brought up to date first."""
    env = base_environment(
        APT_CONFIG=str(apt.configure(folder, wanted, mirror)),
        DEBIAN_FRONTEND="noninteractive",
    )
    if update:
        at.status(f"reading the index of Debian {wanted.suite} for {wanted.architecture}")
        apt.run(["update", "--error-on=any"], env, at)
    return env


def _package(row: re.Match[str], mirror: str) -> Package:
    name, version, rest = row["file"].split("_")
    return Package(
        name=name,
        version=unquote(version),
        architecture=rest.removesuffix(".deb"),
        sha256=row["sha256"],
        size=int(row["size"]),
        path=unquote(row["url"].removeprefix(mirror.rstrip("/")).lstrip("/")),
    )
