"""``[packaging]`` and ``[package.NAME]`` of a release manifest: what people install by their package manager.

A package takes artifacts of the distribution by their paths there, and adds files of the project: units, scripts,
documentation. One description serves every form (Debian's, Fedora's); what forms call otherwise is said for each.
"""

from __future__ import annotations

import fnmatch
import itertools
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, TypeAlias

import msgspec

from crosscourse.errors import nearest
from crosscourse.manifest.places import place_problems
from crosscourse.manifest.types import (
    END,
    DebianPackage,
    FolderMode,
    LinkTarget,
    RelativePath,
    RootPath,
    Table,
)

# What makes packages, by its name in [toolchain].
TOOL = "nfpm"
# nFPM fills in "$" (https://nfpm.goreleaser.com/configuration), so texts that it is given have none.
PackageLine: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        pattern=rf"^[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069$]+{END}",
        max_length=1024,
        description="text of one line without control characters and '$'",
    ),
]
Paragraphs: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        pattern=rf"^[^\x00-\x09\x0b-\x1f\x7f-\x9f$]+{END}",
        max_length=4096,
        description="text without control characters and '$'",
    ),
]
Relation: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        pattern=rf"^[A-Za-z0-9][A-Za-z0-9 +./()<>=:~|_-]*{END}",
        max_length=256,
        description="names of packages as their manager knows them, such as 'iptables' or 'default-mta | mail-agent'",
    ),
]
PathPattern: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        pattern=rf"^!?[!-.0-~][!-~]*{END}",
        max_length=256,
        description="a path in the distribution, with * and ? (which also stand for /), or '!' and what is not meant",
    ),
]
ConfigurationSource: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        pattern=rf"^(?!.*\.\.)(?:[a-z0-9][a-z0-9.+-]*:)?[A-Za-z0-9][A-Za-z0-9._/+-]*{END}",
        max_length=256,
        description="a file of the project, or artifact:output, an output of an artifact",
    ),
]
Revision: TypeAlias = Annotated[
    str, msgspec.Meta(pattern=rf"^[0-9][0-9A-Za-z.]*{END}", max_length=32, description="a number such as '1'")
]
Section: TypeAlias = Annotated[
    str, msgspec.Meta(pattern=rf"^[a-z][a-z-]*{END}", max_length=32, description="a section of Debian, such as 'admin'")
]


class Packaging(Table, frozen=True, kw_only=True):
    """``[packaging]``: what all packages of the release have in common.

    ``prefix``: where paths of the distribution go. ``revision``: of packages that are made again of the same version.
    """

    maintainer: PackageLine
    homepage: PackageLine
    license: PackageLine
    prefix: RootPath
    revision: Revision = "1"


class Scripts(Table, frozen=True, kw_only=True):
    """Files of the project that a package manager runs before and after it installs and removes."""

    before_install: RelativePath | None = None
    after_install: RelativePath | None = None
    before_remove: RelativePath | None = None
    after_remove: RelativePath | None = None

    @property
    def all(self) -> dict[str, RelativePath]:
        """Those that there are, by the names of the keys."""
        named: dict[str, RelativePath | None] = msgspec.structs.asdict(self)
        return {name.replace("_", "-"): path for name, path in named.items() if path is not None}


class PackageForm(Table, frozen=True, kw_only=True):
    """``[package.NAME.deb]``, ``[package.NAME.rpm]``: what only packages of that form have. Other packages by the names
    that they have there; ``files`` as those of the package itself.
    """

    depends: list[Relation] = []
    recommends: list[Relation] = []
    suggests: list[Relation] = []
    conflicts: list[Relation] = []
    files: dict[RootPath, RelativePath] = {}


class Package(Table, frozen=True, kw_only=True):
    """``[package.NAME]``: what one package is, for people (``summary``, ``description``) and what goes into it.

    ``contents``: patterns of artifacts' paths. ``needs``: packages of this release that it does not work without.
    ``files``, ``configuration``: path → file of the project, or ``artifact:output``; what a person edited of the latter
    stays. What has a path that ends with ``.gz`` is packed, if it is of the project. ``programs``: path → file of the
    project, to be run. ``links``: path → where it points. ``folders``:
    path → mode.
    """

    summary: PackageLine
    description: Paragraphs
    section: Section
    contents: list[PathPattern] = []
    needs: list[DebianPackage] = []
    files: dict[RootPath, ConfigurationSource] = {}
    programs: dict[RootPath, RelativePath] = {}
    configuration: dict[RootPath, ConfigurationSource] = {}
    links: dict[RootPath, LinkTarget] = {}
    folders: dict[RootPath, FolderMode] = {}
    scripts: Scripts = Scripts()
    deb: PackageForm = PackageForm()
    rpm: PackageForm = PackageForm()

    def takes(self, path: str) -> bool:
        """Whether an artifact with that path goes into it."""
        return taken(path, self.contents)

    @property
    def of_project(self) -> Iterator[tuple[str, str]]:
        """The files of the project that it is made of, each with the key that names it."""
        for table, rows in (("files", self.files), ("programs", self.programs), ("configuration", self.configuration)):
            yield from ((f'{table}."{place}"', path) for place, path in rows.items() if ":" not in path)
        yield from ((f"scripts.{name}", path) for name, path in self.scripts.all.items())
        for form, more in (("deb", self.deb), ("rpm", self.rpm)):
            yield from ((f'{form}.files."{place}"', path) for place, path in more.files.items())


def taken(path: str, patterns: Iterable[str]) -> bool:
    """Whether patterns mean a path: the last one that fits decides; with '!' before it, it means the contrary."""
    found = False
    for pattern in patterns:
        if fnmatch.fnmatchcase(path, pattern.removeprefix("!")):
            found = not pattern.startswith("!")
    return found


def problems(
    packages: Mapping[str, Package],
    packaging: Packaging | None,
    paths: Mapping[str, str],
    outputs: Iterable[str],
    root: Path,
) -> Iterator[str]:
    """What is wrong with the packages of a manifest, a sentence each.

    ``paths``: artifact → its path in the distribution, of those that have one. ``outputs``: artifacts whose outputs a
    configuration can be. ``root``: the project.
    """
    if packages and packaging is None:
        yield "packaging: this key is missing: packages need a maintainer and the like"
    known = list(outputs)
    for name, package in packages.items():
        key = f"package.{name}"
        for index, pattern in enumerate(package.contents):
            if not fnmatch.filter(paths.values(), pattern.removeprefix("!")):
                said = nearest(pattern, paths.values())
                yield f"{key}.contents[{index}]: no artifact has a path like '{pattern}'. {said}"
        for index, other in enumerate(package.needs):
            if other not in packages or other == name:
                yield f"{key}.needs[{index}]: there is no other package '{other}'. {nearest(other, packages)}"
        yield from _source_problems(key, package, known, root)
        yield from place_problems(_places(key, package))
    for (one, first), (other, second) in itertools.combinations(packages.items(), 2):
        for path in paths.values():
            if first.takes(path) and second.takes(path):
                yield f"package.{other}.contents: '{path}' is in package '{one}' too, and both can't be installed then"


def _source_problems(key: str, package: Package, artifacts: list[str], root: Path) -> Iterator[str]:
    for row, path in package.of_project:
        if not (root / path).is_file():
            yield f"{key}.{row}: there is no file {path} in the project"
    rows = (("files", package.files), ("configuration", package.configuration))
    for table, place, source in ((table, *row) for table, made in rows for row in made.items()):
        artifact, colon, _ = source.partition(":")
        if colon and artifact not in artifacts:
            yield f"{key}.{table}.\"{place}\": there is no artifact '{artifact}'. {nearest(artifact, artifacts)}"


def _places(key: str, package: Package) -> Iterator[tuple[str, str]]:
    tables: dict[str, Iterable[str]] = {
        "files": package.files,
        "programs": package.programs,
        "configuration": package.configuration,
        "links": package.links,
        "folders": [f"{place}/" for place in package.folders],
    }
    for table, places in tables.items():
        yield from ((f'{key}.{table}."{place.rstrip("/")}"', place.lstrip("/")) for place in places)
