"""Lock files, ``releases/locks/RELEASE.TARGET.json``: which Debian packages a target's root filesystems are made of.

A manifest names packages; apt says once, for ``./doit lock``, which files those and all that they depend on are. From
then on each is known by its SHA-256, so that everybody gets the same bytes, whatever a mirror has by then.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import msgspec

from crosscourse import files
from crosscourse.errors import CrosscourseError

FORMAT = 1


class LockError(CrosscourseError):
    """A lock file that can't be read, or that does not have what the manifest asks for."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Packages of one suite for one architecture, with all that they depend on.

    ``architecture``: Debian's name, ``armhf``. ``without``: packages that are taken to be there already, unless they
    are asked for by name: neither they nor what only they need is wanted.
    """

    suite: str
    architecture: str
    packages: tuple[str, ...]
    without: tuple[str, ...] = ()


class Package(msgspec.Struct, frozen=True, kw_only=True):
    """One file of Debian's archive. ``path``: below a mirror; ``size`` in bytes."""

    name: str
    version: str
    architecture: str
    sha256: str
    size: int
    path: str

    @property
    def key(self) -> str:
        """What it is called in a lock file."""
        return f"{self.name}_{self.version}_{self.architecture}"


class Locked(msgspec.Struct, frozen=True, kw_only=True):
    """What was wanted, and the keys of the packages that this came to."""

    wanted: Wanted
    packages: tuple[str, ...]


class Pinned(msgspec.Struct, frozen=True, kw_only=True):
    """What something is made of, as a step's spec has it. ``packages``: None if they are not locked as they are wanted.

    ``name``: of what is made. ``date``: when they were published, in seconds since 1970.
    """

    name: str
    wanted: Wanted
    packages: tuple[Package, ...] | None
    date: int


class Lock(msgspec.Struct, frozen=True, kw_only=True):
    """A lock file: packages by key, and what each root filesystem is made of.

    ``date``: when the newest of the suites was published, in seconds since 1970; an archive of old versions goes by it.
    """

    format: int = FORMAT
    date: int = 0
    packages: dict[str, Package] = {}
    sets: dict[str, Locked] = {}

    def pinned(self, name: str, wanted: Wanted) -> Pinned:
        """The packages of what is called ``name``, if they are locked as they are wanted."""
        found = self.sets.get(name)
        packages = None
        if found is not None and found.wanted == wanted:
            packages = tuple(self.packages[key] for key in found.packages)
        return Pinned(name=name, wanted=wanted, packages=packages, date=self.date if packages else 0)


def read(path: Path) -> Lock:
    """A lock file; an empty lock if there is none. Raises LockError for a damaged one."""
    try:
        lock = msgspec.json.decode(path.read_bytes(), type=Lock)
    except FileNotFoundError:
        return Lock()
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise LockError(files.relative(path), f"can't be read: {error}", _REMEDY) from None
    absent = {key for made in lock.sets.values() for key in made.packages} - lock.packages.keys()
    if absent or lock.format != FORMAT:
        found = f"has no {sorted(absent)[0]}" if absent else f"is of format {lock.format}"
        raise LockError(files.relative(path), found, _REMEDY)
    return lock


def made_of(resolved: Mapping[str, tuple[Wanted, tuple[Package, ...]]], *, date: int) -> Lock:
    """The lock of root filesystems by name: what is wanted, and the packages that it came to."""
    packages = {package.key: package for _, found in resolved.values() for package in found}
    return Lock(
        date=date,
        packages=dict(sorted(packages.items())),
        sets={
            name: Locked(wanted=wanted, packages=tuple(sorted(package.key for package in found)))
            for name, (wanted, found) in sorted(resolved.items())
        },
    )


def write(path: Path, lock: Lock) -> None:
    """Write a lock file: a line for each package and for each root filesystem, so that changes can be read."""
    sections = {
        "packages": {key: msgspec.to_builtins(package) for key, package in lock.packages.items()},
        "sets": {name: msgspec.to_builtins(made) for name, made in lock.sets.items()},
    }
    rows = [f'"format": {lock.format}', f'"date": {lock.date}']
    for title, section in sections.items():
        inner = ",\n".join(f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in section.items())
        rows.append(f'"{title}": {{\n{inner}\n}}')
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write_text(path, "{\n" + ",\n".join(rows) + "\n}\n")


def changes(before: Lock, after: Lock) -> list[str]:
    """What is different, in lines: packages that came, went, or changed their version."""
    old, new = _versions(before), _versions(after)
    lines = []
    for name in sorted(old.keys() | new.keys()):
        was, now = old.get(name), new.get(name)
        if was is None:
            lines.append(f"+ {name} {now}")
        elif now is None:
            lines.append(f"- {name} {was}")
        elif was != now:
            lines.append(f"  {name} {was} -> {now}")
    return lines


def _versions(lock: Lock) -> dict[str, str]:
    """The versions of each package by name; more than one where suites differ."""
    found: dict[str, set[str]] = {}
    for package in lock.packages.values():
        found.setdefault(f"{package.name} ({package.architecture})", set()).add(package.version)
    return {name: ", ".join(sorted(versions)) for name, versions in found.items()}


_REMEDY = "Make it anew: ./doit lock"
