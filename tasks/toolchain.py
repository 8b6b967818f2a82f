"""Stage 1, toolchains: the pinned tools that the release names, each installed once into the user's cache folder.

So is a C compiler that comes as Debian packages, for each target that it is wanted for. A tool that was changed there
is installed again before something is made by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from crosscourse import files
from crosscourse.engine.places import Places
from crosscourse.engine.spec import Spec
from crosscourse.engine.step import Step
from crosscourse.manifest.model import CSettings
from tasks import names
from toolchains.c import compilers
from toolchains.c.compiler import LIBRARIES, Unpacked
from toolchains.targets import get_target
from toolchains.tools.pins import STAMP, Tool, get_tool, program, tool_path


class PinnedTool(Spec, frozen=True, kw_only=True):
    """A tool to install. ``folder``: what it is called in the cache folder, which tells its pin too."""

    title: str
    folder: str
    tool: Tool


def steps(toolchain: Mapping[str, str], folder: Path) -> Iterator[Step]:
    """A step for each tool of a release (name → version), installed into ``folder``.

    UnknownNameError for a version that is not pinned in tools.toml.
    """
    for name, version in toolchain.items():
        tool = get_tool(name, version)
        place = tool_path(tool, folder)
        yield Step(
            name=names.toolchain(name),
            stage="toolchain",
            doc=f"{tool.title}, pinned by hash",
            spec=PinnedTool(title=tool.title, folder=place.name, tool=tool),
            work=install,
            place=place,
            provides={"program": program(tool, folder)} if tool.program else {},
            probe=missing,
            probed=stamp,
            result=installed,
            sound=damaged,
            removed_by="nobody",
        )


class UnpackedTool(Spec, frozen=True, kw_only=True):
    """A C compiler of Debian packages to unpack. ``folder``: as above."""

    title: str
    folder: str
    compiler: Unpacked


def unpacked_steps(settings: CSettings, targets: Iterable[str], folder: Path) -> Iterator[Step]:
    """A step for each target whose C compiler is unpacked from Debian packages. Raises UnknownNameError, LockError."""
    for target in targets:
        compiler = compilers.chosen(settings).unpacked(get_target(target))
        if compiler is None:
            continue
        place = folder / f"{compiler.tool}-{files.digest_text(msgspec.json.encode(compiler).decode())[:10]}"
        yield Step(
            name=names.toolchain(compiler.tool),
            stage="toolchain",
            doc=f"{compiler.title}, of Debian packages pinned by hash",
            spec=UnpackedTool(title=compiler.title, folder=place.name, compiler=compiler),
            work=unpack,
            place=place,
            provides={"program": place / "bin" / compiler.program, LIBRARIES: place / compiler.libraries},
            probe=missing,
            probed=stamp,
            result=installed,
            sound=damaged_tree,
            removed_by="nobody",
        )


def unpack(spec: UnpackedTool, at: Places) -> None:
    """Unpack the compiler unless it is there as it was. Raises LockError, PackagesGoneError, CompilerMissingError."""
    from toolchains import caches
    from toolchains.c import unpacking

    if problem := unpacking.install(spec.compiler, at):
        at.report(f"{spec.title} was not what it was unpacked as ({problem}): unpacked again")
        caches.discard(at.caches / caches.GO)


def damaged_tree(step: Step) -> str | None:
    """What is wrong with the unpacked compiler; None if nothing."""
    from toolchains.tools import seal

    assert step.place is not None
    return seal.damage(step.place)


def install(spec: PinnedTool, at: Places) -> None:
    """Install the tool unless it is there as its pin says."""
    from crosscourse.run.environment import base_environment
    from toolchains import caches
    from toolchains.tools.installing import install_tool

    def run(argv: list[str], *, env: dict[str, str] | None = None, cwd: Path | None = None) -> None:
        at.run(argv, env=base_environment() | (env or {}), cwd=cwd)

    def report(text: str) -> None:
        at.report(text)
        # What was made by it, or of it, is not known from what is right: compilers take one version for the same.
        for name in _CACHES.get(spec.tool.name, ()):
            at.status(f"removing the cache {name}, when nothing is compiled")
            caches.discard(at.caches / name)

    install_tool(spec.tool, at.place.parent, run=run, status=at.status, report=report)
    if (cache := _cache(spec.tool, at.caches)) and (said := caches.mend(cache)):
        at.report(said)


def damaged(step: Step) -> str | None:
    """What is wrong with the installed tool, or with what it keeps; None if nothing. 0.1 s for the largest."""
    from toolchains import caches
    from toolchains.tools import seal

    assert step.place is not None
    assert isinstance(step.spec, PinnedTool)
    if problem := seal.damage(step.place):
        return problem
    cache = _cache(step.spec.tool, step.place.parents[1])
    return ", ".join(caches.damage(cache)) or None if cache else None


# Of tools that compile: what they keep in the cache folder, their own first.
_CACHES = {"go": ("go-build",), "zig": ("zig", "go-build")}


def _cache(tool: Tool, folder: Path) -> Path | None:
    """Where a tool keeps what it compiled."""
    return folder / _CACHES[tool.name][0] if tool.name in _CACHES else None


def missing(spec: PinnedTool | UnpackedTool, place: Path) -> str | None:
    """What a plan says if the tool is not there: one look at one file."""
    return None if (place / STAMP).exists() else f"{spec.title} is not in the cache folder"


def stamp(place: Path) -> tuple[Path, ...]:
    """What ``missing`` looks at."""
    return (place / STAMP,)


def installed(spec: PinnedTool | UnpackedTool, _place: Path) -> str:
    """What is made by the tool is made again when this changes."""
    return spec.folder
