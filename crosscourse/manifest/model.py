"""Release manifests: WHAT is built, as typed data read from ``releases/*.toml``.

The kinds of artifact are the vocabulary of a manifest; no component's name is known here.
Types are checked by msgspec; when it refuses a file, ``manifest_check`` lists every problem at once.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import msgspec

from crosscourse.errors import ManifestError
from crosscourse.manifest.boot import AnyBoot
from crosscourse.manifest.types import Commit, GoPackage, Name, RelativePath, Table


class Release(Table, frozen=True, kw_only=True):
    """``[release]``: what the distribution is called, and the time that every file in it carries.

    ``date`` becomes SOURCE_DATE_EPOCH (https://reproducible-builds.org/specs/source-date-epoch/).
    ``root`` is the folder inside the package. The first of ``targets`` is the default one.
    """

    name: Name
    version: str
    title: str
    date: Annotated[dt.datetime, msgspec.Meta(tz=True)]
    root: RelativePath
    targets: Annotated[list[Name], msgspec.Meta(min_length=1)]


class GoSettings(Table, frozen=True, kw_only=True):
    """``[go]``: what all Go artifacts of the release share, so that each package is compiled once."""

    flags: list[str] = []
    ldflags: list[str] = []
    tags: list[str] = []


class Source(Table, frozen=True, kw_only=True):
    """``[source.NAME]``: an upstream repository at a commit.

    ``url`` may be relative to the project (``examples/printer``): a folder that is turned into a git
    repository on the fly; then ``commit`` and ``tag`` are left out. ``omit``: paths that are not checked out,
    as patterns of git's sparse-checkout. ``patches``: files of ``vendor-patches``, in order.
    ``modules``: where the Go dependencies come from. ``test``: Go packages whose own tests are run by ``test-source``,
    with the flags ``test-flags`` of ``go test``. ``why``: why this version.
    """

    url: str
    tag: str | None = None
    commit: Commit | None = None
    version: str | None = None
    omit: list[str] = []
    patches: list[RelativePath] = []
    modules: Literal["proxy", "vendor", "none"] = "none"
    test: list[GoPackage] = []
    test_flags: list[str] = []
    why: str = ""


class Generate(Table, frozen=True, kw_only=True):
    """One step that makes a file before C code is compiled: a template filled in, or a command run.

    ``output``: the file, relative to the folder of generated files (which is on the include path).
    ``template`` with ``replace``: a file of the source, copied with each key replaced by its value.
    ``content``: the file's text itself. ``command``: a program with arguments, run in the folder of generated files;
    the program is a tool of ``[toolchain]`` or ``python``; ``{source}`` stands for the checkout.
    """

    output: RelativePath
    template: RelativePath | None = None
    replace: dict[str, str] = {}
    content: str | None = None
    command: list[str] | None = None


class Artifact(Table, frozen=True, kw_only=True, tag_field="kind"):
    """``[artifact.NAME]``: one thing made from a source for a target.

    ``path``: where it stands in the distribution, below the release's root; left out for what is only an ingredient.
    ``memory``: the peak of its biggest step in MiB, for the scheduler; measured, rounded up.
    """

    source: str
    path: RelativePath | None = None
    memory: int = 300


class GoBinary(Artifact, frozen=True, kw_only=True, tag="go-binary"):
    """A program linked by Go. ``cgo``: with C code. ``libraries``: static libraries that it links."""

    package: str
    directory: RelativePath = "."
    cgo: bool = False
    tags: list[str] = []
    ldflags: list[str] = []
    libraries: list[str] = []
    cflags: list[str] = []
    external_ldflags: list[str] = []


class CProgram(Artifact, frozen=True, kw_only=True, tag="c-program"):
    """A program compiled from C files and linked statically."""

    files: list[RelativePath]
    cflags: list[str] = []
    ldflags: list[str] = []
    libraries: list[str] = []
    generate: list[Generate] = []


class StaticLibrary(Artifact, frozen=True, kw_only=True, tag="static-library"):
    """A C library for other artifacts: ``lib<library>.a``, headers and a pkg-config file.

    ``headers``: path below ``include/`` → file of the source, or of the generated files (``{generated}/x.h``).
    """

    library: Name
    files: list[RelativePath]
    headers: dict[str, RelativePath]
    cflags: list[str] = []
    generate: list[Generate] = []
    pkgconfig: dict[str, str] = {}


class ResourceType(Artifact, frozen=True, kw_only=True, tag="resource-type"):
    """A Concourse resource type: a root filesystem and its metadata, made natively.

    ``programs``: path in the root filesystem → name of the artifact. ``files``: path → text.
    ``folders``: path → octal mode. ``links``: path → where it points.
    ``data``: path → ``tool:path``, a file or folder of a data package of ``[toolchain]``.
    ``metadata``: written to resource_metadata.json.
    """

    programs: dict[str, str]
    files: dict[str, str] = {}
    folders: dict[str, str] = {}
    links: dict[str, str] = {}
    data: dict[str, str] = {}
    metadata: dict[str, str | bool]


AnyArtifact: TypeAlias = GoBinary | CProgram | StaticLibrary | ResourceType


class Manifest(Table, frozen=True, kw_only=True):
    """A whole release: toolchain versions, sources, and the artifacts made from them."""

    release: Release
    toolchain: dict[Name, str]
    go: GoSettings = GoSettings()
    source: dict[Name, Source]
    artifact: dict[Name, AnyArtifact]
    boot: AnyBoot | None = None

    @property
    def epoch(self) -> int:
        """SOURCE_DATE_EPOCH: seconds since 1970, UTC."""
        return int(self.release.date.timestamp())


def load_manifest(path: Path, *, patches: Path) -> Manifest:
    """Read and check a manifest.

    ``patches``: the folder of vendor patches, where each one that is named must be.
    Raises ManifestError with every problem of the file.
    """
    import msgspec.toml

    from crosscourse.manifest import problems as manifest_check

    try:
        data = msgspec.toml.decode(path.read_bytes())
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        raise ManifestError(str(path), [f"not valid TOML: {error}"]) from None
    try:
        manifest = msgspec.convert(data, Manifest)
    except msgspec.ValidationError as error:
        problems = manifest_check.type_problems(data, Manifest) or [str(error)]
        raise ManifestError(str(path), problems) from None
    problems = manifest_check.reference_problems(manifest, patches)
    if problems:
        raise ManifestError(str(path), problems)
    return manifest


def schema() -> dict[str, object]:
    """The JSON schema of a manifest (https://json-schema.org/draft/2020-12), for editors."""
    made = msgspec.json.schema(Manifest)
    made["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    made["title"] = "crosscourse release manifest"
    return made
