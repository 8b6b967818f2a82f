"""Stage 1, toolchains: the pinned tools that the release names, each installed once into the user's cache folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from crosscourse.engine.places import Places
from crosscourse.engine.spec import Spec
from crosscourse.engine.step import Step
from tasks import names
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
            result=installed,
            removed_by="nobody",
        )


def install(spec: PinnedTool, at: Places) -> None:
    """Install the tool unless it is there."""
    from crosscourse.run.environment import base_environment
    from toolchains.tools.installing import install_tool

    def run(argv: list[str], *, env: dict[str, str] | None = None, cwd: Path | None = None) -> None:
        at.run(argv, env=base_environment() | (env or {}), cwd=cwd)

    install_tool(spec.tool, at.place.parent, run=run, status=at.status)


def missing(spec: PinnedTool, place: Path) -> str | None:
    """What a plan says if the tool is not there: one look at one file."""
    return None if (place / STAMP).exists() else f"{spec.title} is not in the cache folder"


def installed(spec: PinnedTool, _place: Path) -> str:
    """What is made by the tool is made again when this changes."""
    return spec.folder
