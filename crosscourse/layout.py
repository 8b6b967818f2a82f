"""Where everything lies: paths, and nothing but paths."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from crosscourse.errors import CrosscourseError

# What a path may not have, because some tool takes it for something else: a colon parts folders in PATH, pkg-config
# loses quotes and backslashes, cgo refuses what it prints with "$" or parentheses, a semicolon and "=>" are separators
# of the Go compiler's own -trimpath (it would go on, and write the path into programs), "=" is one of the C compiler's
# -ffile-prefix-map, LLVM fills in "%" where it makes names of temporary files; files that list files have a line each.
_UNUSABLE = re.compile(r"""[:;'"\\$%()=\x00-\x1f\x7f\ud800-\udfff]""")


class PathError(CrosscourseError):
    """A folder that can't be worked in, because of its name."""


def check_path(path: Path, subject: str, remedy: str) -> None:
    """Refuse a folder that a compiler could not be told of. ``subject``: what it is. Raises PathError."""
    text = os.fspath(path)
    found = sorted(set(_UNUSABLE.findall(text)))
    if found:
        named = " and ".join(_named(character) for character in found)
        shown = text.encode(errors="backslashreplace").decode()
        raise PathError(f"{subject} {shown!r}", f"compilers can't work in a path with {named}", remedy)


def _named(character: str) -> str:
    if "\ud800" <= character <= "\udfff":
        return f"the byte 0x{os.fsencode(character).hex()}, which is not UTF-8"
    return character if character.isprintable() else f"the control character {character!r}"


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The folders of one release in one project.

    ``root``: the project. ``release``: the stem of the manifest's file. ``cache``: what all checkouts of this user
    share. ``override``: sources that are folders of the user's own. ``bases``: the releases that its manifest extends,
    the nearest first.
    """

    root: Path
    release: str
    cache: Path
    override: Mapping[str, Path]
    bases: tuple[str, ...] = ()

    @cached_property
    def build(self) -> Path:
        """What is derived from the release; may be removed at any time."""
        return self.root / "build" / self.release

    @cached_property
    def dist(self) -> Path:
        """What a user takes away."""
        return self.root / "dist"

    @cached_property
    def vendor_patches(self) -> Path:
        """Our changes."""
        return self.root / "vendor-patches"

    @cached_property
    def manifest(self) -> Path:
        """The release's manifest."""
        return self.root / "releases" / f"{self.release}.toml"

    def lock(self, target: str, *, own: bool = False) -> Path:
        """Which Debian packages a target's root filesystems are made of. ``own``: of this release, where to write it;
        else that of the nearest release it extends counts where it has none.
        """
        return self._lock(f"{target}.json", own=own)

    def elm_lock(self, artifact: str, *, own: bool = False) -> Path:
        """At which commits the packages of an artifact's Elm are. ``own``: as above."""
        return self._lock(f"{artifact}.elm.json", own=own)

    def _lock(self, name: str, *, own: bool) -> Path:
        places = [self.root / "releases" / "locks" / f"{release}.{name}" for release in (self.release, *self.bases)]
        return places[0] if own else next((place for place in places if place.is_file()), places[0])

    @cached_property
    def home(self) -> Path:
        """HOME of programs that are run for this release."""
        return self.build / "home"

    @cached_property
    def results(self) -> Path:
        """The result cache."""
        return self.cache / "results"

    @cached_property
    def tools(self) -> Path:
        """Installed tools."""
        return self.cache / "tools"

    @cached_property
    def _sources(self) -> Path:
        return self.root / "sources" / self.release

    def checkout(self, source: str) -> Path:
        """Where a source lies: in the user's own folder, or where a person may edit it."""
        return self.override.get(source) or self._sources / source

    def failed_patches(self, source: str) -> Path:
        """Where it is noted that a patch of a source did not apply, until one try goes well."""
        return self.build / "patches" / f"{source}.json"

    def artifact(self, target: str, name: str) -> Path:
        """Where an artifact of one file lies before it is packaged."""
        return self.build / target / "artifacts" / name

    def library(self, target: str, name: str) -> Path:
        """The folder of a library: ``lib``, ``include``."""
        return self.build / target / "libraries" / name

    def rootfs(self, target: str, name: str) -> Path:
        """The folder of a resource type."""
        return self.build / target / "rootfs" / name

    def report(self, target: str, stage: str) -> Path:
        """The folder of a stage's reports."""
        return self.build / target / stage
