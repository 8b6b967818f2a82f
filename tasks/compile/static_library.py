"""Kind ``static-library``: C files as an archive, with headers and a pkg-config file."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from crosscourse.manifest.locks import Lock
from crosscourse.manifest.model import Artifact, Manifest
from crosscourse.manifest.placeholders import source_version
from crosscourse.manifest.places import place_problems
from crosscourse.manifest.types import Line, Name, PkgconfigField, RelativePath
from tasks import names
from tasks.compile import c
from tasks.members import Member
from toolchains.c import compilers
from toolchains.c.builder import Generate
from toolchains.targets import Target

if TYPE_CHECKING:
    from crosscourse.engine.places import Places


class StaticLibrary(Artifact, frozen=True, kw_only=True, tag="static-library"):
    """A C library for other artifacts: ``lib<library>.a``, headers and a pkg-config file.

    ``headers``: path below ``include/`` → file of the source, or of the generated files (``{generated}/x.h``).
    """

    is_library: ClassVar[bool] = True

    library: Name
    files: list[RelativePath]
    headers: dict[RelativePath, RelativePath]
    cflags: list[Line] = []
    generate: list[Generate] = []
    pkgconfig: dict[PkgconfigField, Line] = {}

    @property
    def uses_c_compiler(self) -> bool:
        """Always."""
        return True

    def problems(self, key: str, manifest: Manifest) -> Iterator[str]:
        """Commands that are no tool of the release, headers that clash."""
        yield from place_problems((f'{key}.headers."{path}"', path) for path in self.headers)
        yield from c.generate_problems(key, self.generate, manifest)


class StaticLibraryBuild(c.CSpec, frozen=True, kw_only=True):
    """What decides how a library comes out. ``pkgconfig``: the fields of its pkg-config file."""

    name: str
    library: str
    headers: dict[str, str]
    pkgconfig: dict[str, str]


table: type[StaticLibrary] = StaticLibrary
stage = "compile"
reads_source = True
turn_of_source = False


def folder(name: str) -> str:
    """A folder of its own, which compilers are told of."""
    return f"libraries/{name}"


def outputs(name: str, table: StaticLibrary) -> tuple[str, ...]:
    """The archive, the pkg-config file, the headers."""
    return (c.archive(table.library), _description(name), *(f"include/{path}" for path in table.headers))


def members(name: str, table: StaticLibrary) -> Iterator[Member]:
    """All of it, where a distribution has it at all."""
    return (Member(output=label, path=label) for label in outputs(name, table))


def spec_of(
    manifest: Manifest, target: Target, lock: Lock, name: str, table: StaticLibrary  # noqa: ARG001  # one for all kinds
) -> StaticLibraryBuild:
    """What decides how it comes out for a target."""
    return StaticLibraryBuild(
        name=name,
        library=table.library,
        files=tuple(table.files),
        cflags=tuple(table.cflags),
        generate=tuple(table.generate),
        headers=table.headers,
        epoch=manifest.epoch,
        compiler=compilers.of(manifest.c, target),
        pkgconfig={
            "Name": name,
            "Description": name,
            "Version": source_version(manifest, table.source),
            "Cflags": "-I${includedir}",
            "Libs": f"-L${{libdir}} -l{table.library}",
            **table.pkgconfig,
        },
    )


def needs(spec: StaticLibraryBuild) -> tuple[str, ...]:
    """The steps that come before."""
    return c.needs(spec)


def build(spec: StaticLibraryBuild, at: Places) -> None:
    """Compile, and install as a prefix: ``lib``, ``include``."""
    builder = c.builder(spec, at)
    include = at.scratch / "include"
    builder.generate(spec.generate)
    for path, source in spec.headers.items():
        header = include / path
        header.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(builder.find(source), header)
        shutil.copyfile(header, at.output(f"include/{path}"))
    objects = builder.compile(spec.files, [*spec.cflags, f"-I{include}"])
    builder.archive(at.output(c.archive(spec.library)), objects)
    c.tell_reads(spec, at, builder, flags=spec.cflags, copied=spec.headers.values())
    at.output(_description(spec.name)).write_text(pkgconfig(spec.pkgconfig), encoding="utf-8")


def libraries(manifest: Manifest, target: Target, wanted: Sequence[str]) -> tuple[c.Library, ...]:
    """The libraries that an artifact names, as it links them."""
    if not wanted:
        return ()
    known = dict(manifest.of(StaticLibrary))
    return tuple(c.Library(step=names.compile(target.name, name), name=known[name].library) for name in wanted)


def _description(name: str) -> str:
    return f"lib/pkgconfig/{name}.pc"


_FIRST = ("Name", "Description", "Version", "Cflags", "Libs")


def pkgconfig(fields: Mapping[str, str]) -> str:
    """A pkg-config file (pc(5)) that finds the library wherever its folder stands."""
    head = "prefix=${pcfiledir}/../..\nlibdir=${prefix}/lib\nincludedir=${prefix}/include\n\n"
    ordered = [*(key for key in _FIRST if key in fields), *sorted(set(fields) - set(_FIRST))]
    return head + "".join(f"{key}: {fields[key]}\n" for key in ordered)
