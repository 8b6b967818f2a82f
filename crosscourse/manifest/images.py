"""``[image.NAME]`` of a release manifest: an image that runs the distribution as a container, in OCI's format.

Debian packages are its lowest layer, artifacts of the distribution the next, files of the project the last.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, TypeAlias

import msgspec

from crosscourse.errors import nearest
from crosscourse.manifest.packages import PathPattern, taken
from crosscourse.manifest.places import place_problems
from crosscourse.manifest.types import (
    END,
    DebianPackage,
    FolderMode,
    Line,
    LinkTarget,
    RelativePath,
    RootPath,
    Suite,
    Table,
    Variable,
)

# What pushes images, by its name in [toolchain].
TOOL = "crane"
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
Repository: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        # https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests, and a host before it.
        pattern=rf"^(?:[a-z0-9.-]+(?::[0-9]+)?/)?{_PART}(?:/{_PART})*{END}",
        max_length=200,
        description="a repository of images, without a tag: 'localhost/printer'",
    ),
]
Signal: TypeAlias = Annotated[
    str, msgspec.Meta(pattern=rf"^SIG[A-Z0-9+-]+{END}", max_length=32, description="the name of a signal: 'SIGTERM'")
]
AnnotationKey: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        pattern=rf"^[a-z0-9]+(?:[.-][a-z0-9]+)*{END}",
        max_length=128,
        description="the key of an annotation: 'org.opencontainers.image.source'",
    ),
]


class Image(Table, frozen=True, kw_only=True):
    """``[image.NAME]``: one image. ``repository``: what it is called where it is loaded, without the tag, which is the
    release's version. ``summary``: for people.

    ``packages``: what is installed of Debian, with all that they depend on; ``suite``: another one than the release's.
    ``leave-out``: what is not wanted of them. ``prefix``: where the distribution's folder goes; ``contents``: patterns
    of the artifacts' paths that go into it. ``files``, ``programs``: path → file of the project, the latter to be run.
    ``links``: path → where it points. ``folders``: path → mode.
    ``entrypoint``, ``command``, ``env``, ``volumes``, ``stop-signal``: as a Dockerfile has them.
    ``annotations``: beside those that the release tells. ``compose``: a file of the project for people who start
    containers of it, where ``@IMAGE@`` stands for its name and ``@VERSION@`` for the release's version.
    """

    repository: Repository
    summary: Line
    suite: Suite | None = None
    packages: Annotated[list[DebianPackage], msgspec.Meta(min_length=1)]
    leave_out: list[RelativePath] = []
    prefix: RootPath = "/usr/local"
    contents: list[PathPattern] = msgspec.field(default_factory=lambda: ["*"])
    files: dict[RootPath, RelativePath] = {}
    programs: dict[RootPath, RelativePath] = {}
    links: dict[RootPath, LinkTarget] = {}
    folders: dict[RootPath, FolderMode] = {}
    entrypoint: list[Line] = []
    command: list[Line] = []
    env: dict[Variable, Line] = {}
    volumes: list[RootPath] = []
    stop_signal: Signal | None = None
    annotations: dict[AnnotationKey, Line] = {}
    compose: RelativePath | None = None

    def takes(self, path: str) -> bool:
        """Whether an artifact with that path goes into it: the last pattern that fits decides."""
        return taken(path, self.contents)

    @property
    def of_project(self) -> Iterator[tuple[str, str]]:
        """The files of the project that it is made of, each with the key that names it."""
        for table, rows in (("files", self.files), ("programs", self.programs)):
            yield from ((f'{table}."{place}"', path) for place, path in rows.items())
        if self.compose is not None:
            yield "compose", self.compose


def archive_name(name: str, version: str, target: str = "") -> str:
    """What the archive of an image is called: for one target, or without one, for all that there are."""
    return f"{name}-{version}-image{f'-linux-{target}' if target else ''}.tar"


def tag(version: str) -> str:
    """A release's version in what a tag may have.

    https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests
    """
    return re.sub(r"[^A-Za-z0-9_.-]", "-", version)


def problems(images: Mapping[str, Image], paths: Iterable[str], *, debian: bool, root: Path) -> Iterator[str]:
    """What is wrong with the images of a manifest, a sentence each.

    ``paths``: of the artifacts that have one in the distribution. ``debian``: whether there is a suite to take packages
    from. ``root``: the project.
    """
    known = list(paths)
    for name, image in images.items():
        key = f"image.{name}"
        if not debian and image.suite is None:
            yield f"{key}: made of Debian packages, but there is no [debian] with a suite"
        for index, pattern in enumerate(image.contents):
            if not fnmatch.filter(known, pattern.removeprefix("!")):
                yield f"{key}.contents[{index}]: no artifact has a path like '{pattern}'. {nearest(pattern, known)}"
        for row, path in image.of_project:
            if not (root / path).is_file():
                yield f"{key}.{row}: there is no file {path} in the project"
        yield from place_problems(_places(key, image))


def _places(key: str, image: Image) -> Iterator[tuple[str, str]]:
    tables: dict[str, Iterable[str]] = {
        "files": image.files,
        "programs": image.programs,
        "links": image.links,
        "folders": [f"{place}/" for place in image.folders],
    }
    for table, places in tables.items():
        yield from ((f'{key}.{table}."{place.rstrip("/")}"', place.lstrip("/")) for place in places)
