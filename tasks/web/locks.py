"""``releases/locks/RELEASE.ARTIFACT.elm.json``: at which commit each version of an Elm package is, asked once.

npm's packages need no lock of ours: upstream's own has them by checksum.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from crosscourse import files
from crosscourse.errors import CrosscourseError
from toolchains.elm import Application, Package

FORMAT = 1
REMEDY = "Make it anew: ./doit lock-elm"


class ElmLockError(CrosscourseError):
    """A lock of Elm's packages that can't be read, or that lacks one."""


class ElmLock(msgspec.Struct, frozen=True, kw_only=True):
    """``commits``: by ``author/project VERSION``."""

    format: int = FORMAT
    commits: dict[str, str] = {}


def read(path: Path) -> ElmLock:
    """The lock file; an empty one if there is none. Raises ElmLockError."""
    try:
        lock = msgspec.json.decode(path.read_bytes(), type=ElmLock)
    except FileNotFoundError:
        return ElmLock()
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ElmLockError(files.relative(path), f"can't be read: {error}", REMEDY) from None
    if lock.format != FORMAT:
        raise ElmLockError(files.relative(path), f"is of format {lock.format}", REMEDY)
    return lock


def write(path: Path, commits: Mapping[str, str]) -> None:
    """Write it, a line for each package."""
    rows = ",\n".join(f"  {json.dumps(key)}: {json.dumps(commits[key])}" for key in sorted(commits))
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write_text(path, f'{{\n"format": {FORMAT},\n"commits": {{\n{rows}\n}}\n}}\n')


def packages(wanted: Application, commits: Mapping[str, str]) -> Sequence[Package]:
    """What an application wants, as it is locked. Raises ElmLockError if something is not."""
    rows = [(name, version, commits.get(f"{name} {version}")) for name, version in wanted.packages.items()]
    lacking = [f"{name} {version}" for name, version, commit in rows if commit is None]
    if lacking:
        raise ElmLockError("packages of Elm", f"are not in the release's lock file: {', '.join(lacking)}", REMEDY)
    return [Package(name=name, version=version, commit=commit or "") for name, version, commit in rows]


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """What is different, in lines."""
    came = [f"+ {key} {after[key]}" for key in sorted(after.keys() - before.keys())]
    went = [f"- {key} {before[key]}" for key in sorted(before.keys() - after.keys())]
    moved = [
        f"  {key} {before[key]} -> {after[key]} (its tag has moved)"
        for key in sorted(before.keys() & after.keys())
        if before[key] != after[key]
    ]
    return came + went + moved
