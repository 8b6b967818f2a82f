"""What the kinds of artifact made by a C compiler have in common."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from crosscourse.engine.spec import Spec
from crosscourse.manifest import references
from crosscourse.manifest.model import Manifest
from crosscourse.run.environment import base_environment
from tasks import names
from toolchains.c import compilers
from toolchains.c.builder import Builder, Generate, commands
from toolchains.c.compiler import Compiler
from toolchains.tools.pins import load_tools

if TYPE_CHECKING:
    from crosscourse.engine.places import Places

PYTHON = "python"


class Library(msgspec.Struct, frozen=True, kw_only=True):
    """A static library that something is linked with. ``step``: makes it. ``name``: as in ``-lNAME``."""

    step: str
    name: str


class CSpec(Spec, frozen=True, kw_only=True):
    """What decides how C code comes out. ``compiler``: for the target. ``epoch``: SOURCE_DATE_EPOCH."""

    files: tuple[str, ...]
    cflags: tuple[str, ...]
    generate: tuple[Generate, ...]
    compiler: Compiler
    epoch: int


def archive(library: str) -> str:
    """The output of a static library that is linked. ``library``: as in ``-lNAME``."""
    return f"lib/lib{library}.a"


def prefix(at: Places, library: Library) -> Path:
    """The folder that a library that is needed is installed into: ``lib``, ``include``."""
    return at.need(library.step, archive(library.name)).parents[1]


def needs(spec: CSpec) -> tuple[str, ...]:
    """The tools: the compiler, and what generates files."""
    return tuple(map(names.toolchain, [*spec.compiler.tools, *sorted(set(commands(spec.generate)) - {PYTHON})]))


def builder(spec: CSpec, at: Places) -> Builder:
    """The calls of the compiler for ``spec``."""
    module = compilers.module(spec.compiler)

    def tool(name: str) -> Path:
        return at.need(names.toolchain(name), "program")

    return Builder(
        compiler=module.command(spec.compiler, tool),
        static=spec.compiler.static,
        archiver=module.archiver(spec.compiler, tool),
        env=base_environment(**module.environment(at.caches), SOURCE_DATE_EPOCH=str(spec.epoch)),
        source=at.source,
        generated=at.scratch / "generated",
        objects=at.scratch / "objects",
        run=at.run,
        program=lambda name: Path(sys.executable) if name == PYTHON else tool(name),
        status=at.status,
    )


def tell_reads(spec: CSpec, at: Places, builder: Builder, *, flags: Sequence[str], copied: Iterable[str] = ()) -> None:
    """Tell what of the source was read. ``flags``: of compiler and linker. ``copied``: files that are read by us."""
    from toolchains.c import dependencies

    templates = [step.template for step in spec.generate if step.template]
    at.read(
        dependencies.reads(
            [path for path in builder.read() if not Path(path).is_relative_to(at.scratch)],
            checkout=at.source,
            sources=spec.files,
            flags=flags,
            copied=[*templates, *copied],
            commands=[step.command for step in spec.generate if step.command],
        )
    )


def _program_problems(key: str, name: str, manifest: Manifest) -> Iterator[str]:
    """A tool that is data: there is nothing of it to run. Of one that is not pinned, its own step tells."""
    tool = load_tools().get(name, {}).get(manifest.toolchain.get(name, ""))
    if tool is not None and tool.program is None:
        yield f"{key}: '{name}' of [toolchain] is data, no program"


def generate_problems(key: str, generate: Sequence[Generate], manifest: Manifest) -> Iterator[str]:
    """Commands that are no tool of the release."""
    for index, step in enumerate(generate):
        if step.command and step.command[0] != PYTHON:
            yield from references.tool_problems(f"{key}.generate[{index}].command", step.command[0], manifest)
            yield from _program_problems(f"{key}.generate[{index}].command", step.command[0], manifest)
