"""Release manifests: WHAT is built, as typed data read from ``releases/*.toml``.

No component's name is known here, and no kind of artifact or boot: these bring tables of their own (``Tables``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal, TypeVar

import msgspec

from crosscourse.manifest.images import Image
from crosscourse.manifest.packages import Package, Packaging
from crosscourse.manifest.smoke import Smoke
from crosscourse.manifest.types import (
    Commit,
    DebianPackage,
    GlibcVersion,
    GoFlag,
    GoImport,
    GoPackages,
    GoTag,
    KernelModule,
    Line,
    Linking,
    Memory,
    Name,
    RelativePath,
    Suite,
    Table,
    Tag,
    Url,
    Version,
)


class Release(Table, frozen=True, kw_only=True):
    """``[release]``: what the distribution is called, and the time that every file in it carries.

    ``date`` becomes SOURCE_DATE_EPOCH (https://reproducible-builds.org/specs/source-date-epoch/),
    from 1970 to 2200.
    ``root`` is the folder inside the package. The first of ``targets`` is the default one.
    """

    name: Name
    version: Version
    title: Line
    date: Annotated[dt.datetime, msgspec.Meta(tz=True)]
    root: RelativePath
    targets: Annotated[list[Name], msgspec.Meta(min_length=1)]


class GoSettings(Table, frozen=True, kw_only=True):
    """``[go]``: what all Go artifacts of the release share, so that each package is compiled once."""

    flags: list[GoFlag] = []
    ldflags: list[Line] = []
    tags: list[GoTag] = []


class OwnCompiler(Table, frozen=True, kw_only=True):
    """A C compiler of a person's own for a target: GCC, or what is called like it.

    ``prefix``: what stands before the names of its programs, with their folder: ``/opt/x/bin/arm-linux-musleabihf-``.
    ``sysroot``: another one than its own. ``flags``: what it is told of the target. ``glibc``: whether that is its C
    library: static programs are then linked by gold.
    """

    prefix: Line
    sysroot: Line | None = None
    flags: list[Line] = []
    glibc: bool = False


class CSettings(Table, frozen=True, kw_only=True):
    """``[c]``: which C ``compiler`` all C code of the release is made by; ``own``: by target, for ``path``.

    ``linking``: how programs with C code are linked, but for those that run where no C library is. ``glibc``: of
    dynamically linked ones, the newest version whose symbols they may ask for: the release's promise.
    """

    compiler: Name = "zig"
    linking: Linking = "static"
    glibc: GlibcVersion | None = None
    own: dict[Name, OwnCompiler] = {}


class Source(Table, frozen=True, kw_only=True):
    """``[source.NAME]``: an upstream repository at a commit.

    ``url`` may be relative to the project (``examples/printer``): a folder that is turned into a git
    repository on the fly; then ``commit`` and ``tag`` are left out. ``omit``: paths that are not checked out,
    as patterns of git's sparse-checkout. ``patches``: files of ``vendor-patches``, in order.
    ``modules``: where the Go dependencies come from. ``import-path``: what its Go packages call each other by, of a
    source from before Go had modules, without a ``go.mod``. ``test``: Go packages whose own tests are run by
    ``test-source``, with the flags ``test-flags`` of ``go test``. ``why``: why this version.
    """

    url: Url
    tag: Tag | None = None
    commit: Commit | None = None
    version: Version | None = None
    omit: list[Line] = []
    patches: list[RelativePath] = []
    modules: Literal["proxy", "vendor", "none"] = "none"
    import_path: GoImport | None = None
    test: list[GoPackages] = []
    test_flags: list[GoFlag] = []
    why: str = ""


class Debian(Table, frozen=True, kw_only=True):
    """``[debian]``: the ``suite`` of Debian that root filesystems are made of; ``suites``: of targets with another one.

    ``without``: packages that are taken to be there already: what others need only to be installed.
    """

    suite: Suite
    suites: dict[Name, Suite] = {}
    without: list[DebianPackage] = []


class Artifact(Table, frozen=True, kw_only=True, tag_field="kind"):
    """``[artifact.NAME]``: one thing made from a source for a target; the base of the tables of all kinds.

    ``path``: where it stands in the distribution, below the release's root; left out for what is only an ingredient.
    ``memory``: the peak of its biggest step in MiB, for the scheduler; measured, rounded up.
    ``built``: whether it is made unless a person says otherwise.

    ``is_program``, ``is_library``, ``is_asset``: what other artifacts can use it as; ``is_embedded``: an
    asset that a program has in it byte for byte. ``is_resource_type``: whether a
    worker offers it to pipelines. ``can_be_left_out``: whether the rest of a distribution can be made
    without it. ``for_other_machines``: whether what it holds is not for the target.
    """

    is_program: ClassVar[bool] = False
    is_library: ClassVar[bool] = False
    is_asset: ClassVar[bool] = False
    is_embedded: ClassVar[bool] = False
    is_resource_type: ClassVar[bool] = False
    can_be_left_out: ClassVar[bool] = False
    for_other_machines: ClassVar[bool] = False

    source: Name
    path: RelativePath | None = None
    memory: Memory = 300
    built: bool = True

    @property
    def uses_c_compiler(self) -> bool:
        """Whether the release has to name a C compiler for it."""
        return False

    @property
    def can_be_dynamic(self) -> bool:
        """Whether it is a program that can be linked dynamically, where the settings say so."""
        return False

    @property
    def carries(self) -> Iterable[Name]:
        """Programs that it brings to where no C library is."""
        return ()

    @property
    def stand_ins(self) -> dict[RelativePath, str]:
        """What programs embed in its place where it is left out: path in the source → text."""
        return {}

    def problems(self, key: str, manifest: Manifest) -> Iterator[str]:  # noqa: ARG002  # for kinds that have some
        """What is wrong with it in its manifest, a sentence each, that types can't say. ``key``: of its table."""
        yield from ()


class Boot(Table, frozen=True, kw_only=True, tag_field="kind"):
    """``[boot]``: ``suite`` of Debian for the guest, its ``packages`` and kernel ``modules`` beside the ones that any
    guest has; ``memory`` of the guest in MiB. The base of the tables of all kinds.
    """

    suite: Suite
    packages: list[DebianPackage] = []
    modules: list[KernelModule] = []
    memory: Memory = 1024

    def problems(self, manifest: Manifest, root: Path) -> Iterator[str]:  # noqa: ARG002  # for kinds that have some
        """What is wrong with it in its manifest, a sentence each, that types can't say. ``root``: the project."""
        yield from ()


@dataclass(frozen=True, kw_only=True)
class Tables:
    """The vocabulary of manifests: the table of each kind of artifact, and of each kind of boot."""

    artifacts: tuple[type[Artifact], ...]
    boots: tuple[type[Boot], ...]


AnArtifact = TypeVar("AnArtifact", bound=Artifact)


class Manifest(Table, frozen=True, kw_only=True):
    """A whole release: toolchain versions, sources, the artifacts made from them, and what people install of those."""

    release: Release
    toolchain: dict[Name, Version]
    go: GoSettings = GoSettings()
    c: CSettings = CSettings()
    source: dict[Name, Source]
    artifact: dict[Name, Artifact]
    debian: Debian | None = None
    packaging: Packaging | None = None
    package: dict[DebianPackage, Package] = {}
    image: dict[Name, Image] = {}
    smoke: dict[Name, Smoke] = {}
    boot: Boot | None = None

    @property
    def epoch(self) -> int:
        """SOURCE_DATE_EPOCH: seconds since 1970, UTC."""
        return int(self.release.date.timestamp())

    def of(self, table: type[AnArtifact]) -> Iterator[tuple[str, AnArtifact]]:
        """The artifacts of one kind, with their names."""
        for name, artifact in self.artifact.items():
            if isinstance(artifact, table):
                yield name, artifact

    @property
    def dynamic(self) -> set[str]:
        """The programs that are linked dynamically: none that some artifact brings to where no C library is."""
        if self.c.linking == "static":
            return set()
        carried = {name for artifact in self.artifact.values() for name in artifact.carries}
        return {name for name, artifact in self.artifact.items() if artifact.can_be_dynamic} - carried
