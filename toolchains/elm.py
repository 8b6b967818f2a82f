"""Elm's packages without its package site: a folder that the compiler takes for its own cache, filled from git.

The compiler wants ``ELM_HOME/VERSION/packages/AUTHOR/PROJECT/VERSION`` for each package and a list of all packages that
there are, ``registry.dat``, and then asks nobody. Format of that: ``Deps/Registry.hs`` and ``Elm/Version.hs`` of
https://github.com/elm/compiler (0.19.1), by Haskell's Data.Binary.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable
from pathlib import Path

import msgspec

from crosscourse.errors import CrosscourseError

# Where the package site has its packages from: all of them, by name.
SITE = "https://github.com/"
# What of a package the compiler reads.
CONTENT = ("elm.json", "src")


class ElmError(CrosscourseError):
    """Packages of Elm that are not what they should be."""


class Package(msgspec.Struct, frozen=True, kw_only=True):
    """A package: ``name`` is ``author/project``, ``commit`` what its version's tag points to."""

    name: str
    version: str
    commit: str

    @property
    def url(self) -> str:
        """Its repository."""
        return f"{SITE}{self.name}"


class Application(msgspec.Struct, frozen=True, kw_only=True):
    """What an ``elm.json`` of an application wants: its compiler's version, and the version of each package."""

    elm: str
    packages: dict[str, str]


def application(path: Path) -> Application:
    """Read an ``elm.json``; packages for tests count too, as the compiler wants them whatever it compiles.

    Raises ElmError.
    """
    try:
        table = json.loads(path.read_bytes())
        parts = (table["dependencies"], table["test-dependencies"])
        packages = {name: str(version) for part in parts for group in part.values() for name, version in group.items()}
        return Application(elm=str(table["elm-version"]), packages=dict(sorted(packages.items())))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ElmError(str(path), f"is no elm.json of an application: {error!r}") from None


def registry(packages: Iterable[Package]) -> bytes:
    """``registry.dat``: how many versions there are, then a map of names to the newest version and all older ones."""
    rows = sorted((tuple(package.name.split("/", 1)), package.version) for package in packages)
    made = struct.pack(">qq", len(rows), len(rows))
    for (author, project), version in rows:
        made += _text(author) + _text(project) + _version(version) + struct.pack(">q", 0)
    return made


def _text(text: str) -> bytes:
    encoded = text.encode()
    return bytes([len(encoded)]) + encoded


def _version(version: str) -> bytes:
    """Three bytes; where these would not do, 255 and three numbers of 16 bits."""
    major, minor, patch = (int(part) for part in version.split("."))
    if major < 255 and max(minor, patch) < 256:
        return bytes((major, minor, patch))
    return b"\xff" + struct.pack(">3H", major, minor, patch)


def package_folder(home: Path, compiler: str, package: Package) -> Path:
    """Where the compiler looks for a package. ``home``: ELM_HOME; ``compiler``: its version."""
    return home / compiler / "packages" / package.name / package.version


def write_registry(home: Path, compiler: str, packages: Iterable[Package]) -> None:
    """Write the list of packages."""
    path = home / compiler / "packages" / "registry.dat"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(registry(packages))
