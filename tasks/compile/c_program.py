"""Kind ``c-program``: C files as a static program."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from crosscourse.manifest import references
from crosscourse.manifest.locks import Lock
from crosscourse.manifest.model import Artifact, Manifest
from crosscourse.manifest.types import Line, Name, RelativePath
from tasks.compile import c, program
from tasks.compile.static_library import libraries
from toolchains.c import compilers
from toolchains.c.builder import Generate
from toolchains.targets import Target

if TYPE_CHECKING:
    from crosscourse.engine.places import Places


class CProgram(Artifact, frozen=True, kw_only=True, tag="c-program"):
    """A program compiled from C files. ``static``: whatever else is linked dynamically, this one is not: it runs where
    no C library is.
    """

    is_program: ClassVar[bool] = True

    files: list[RelativePath]
    cflags: list[Line] = []
    ldflags: list[Line] = []
    libraries: list[Name] = []
    generate: list[Generate] = []
    static: bool = False

    @property
    def uses_c_compiler(self) -> bool:
        """Always."""
        return True

    @property
    def can_be_dynamic(self) -> bool:
        """Unless it says that it can't."""
        return not self.static

    def problems(self, key: str, manifest: Manifest) -> Iterator[str]:
        """Libraries that are none, commands that are no tool of the release."""
        yield from references.library_problems(f"{key}.libraries", self.libraries, manifest)
        yield from c.generate_problems(key, self.generate, manifest)


class CProgramBuild(c.CSpec, frozen=True, kw_only=True):
    """What decides how a program comes out."""

    ldflags: tuple[str, ...]
    libraries: tuple[c.Library, ...]


table: type[CProgram] = CProgram
stage = "compile"
reads_source = True
turn_of_source = False
folder, outputs, members = program.folder, program.outputs, program.members


def spec_of(
    manifest: Manifest, target: Target, lock: Lock, name: str, table: CProgram  # noqa: ARG001  # one for all kinds
) -> CProgramBuild:
    """What decides how it comes out for a target."""
    return CProgramBuild(
        files=tuple(table.files),
        cflags=tuple(table.cflags),
        ldflags=tuple(table.ldflags),
        generate=tuple(table.generate),
        libraries=libraries(manifest, target, table.libraries),
        epoch=manifest.epoch,
        compiler=compilers.of(manifest.c, target, static=name not in manifest.dynamic),
    )


def needs(spec: CProgramBuild) -> tuple[str, ...]:
    """The steps that come before."""
    return (*c.needs(spec), *(library.step for library in spec.libraries))


def build(spec: CProgramBuild, at: Places) -> None:
    """Compile and link."""
    builder = c.builder(spec, at)
    prefixes = [c.prefix(at, library) for library in spec.libraries]
    includes = [f"-I{prefix / 'include'}" for prefix in prefixes]
    folders = [f"-L{prefix / 'lib'}" for prefix in prefixes]
    names = [f"-l{library.name}" for library in spec.libraries]
    builder.generate(spec.generate)
    objects = builder.compile(spec.files, [*spec.cflags, *includes])
    builder.link(at.output(), objects, [*folders, *names, *spec.ldflags])
    c.tell_reads(spec, at, builder, flags=[*spec.cflags, *spec.ldflags])
