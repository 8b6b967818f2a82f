"""Stage 1, toolchains: the pinned tools that the release names, each installed once into the user's cache folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from crosscourse.engine.step import Context, Step
from crosscourse.project import Project
from crosscourse.run import process
from toolchains.tools import Tool, get_tool, install_tool, is_installed, program, tool_path


def cache(project: Project) -> Path:
    """The folder of installed tools."""
    return project.cache / "tools"


def find(project: Project, name: str) -> Tool:
    """The tool that the release names; UnknownNameError for a version that is not pinned in tools.toml."""
    return get_tool(name, project.manifest.toolchain[name])


def location(project: Project, name: str) -> Path:
    """Where a tool of the release is installed."""
    return tool_path(find(project, name), cache(project))


def goroot(project: Project) -> Path:
    """GOROOT of the release's Go."""
    return program(find(project, "go"), cache(project)).parent.parent


def steps(project: Project) -> Iterator[Step]:
    """A step for each tool that the release names."""
    for name in project.manifest.toolchain:
        yield _step(project, find(project, name))


def _step(project: Project, tool: Tool) -> Step:
    path = tool_path(tool, cache(project))

    def work(context: Context) -> None:
        def run(argv: list[str], *, env: dict[str, str] | None = None, cwd: Path | None = None) -> None:
            context.run(list(argv), env=process.base_environment() | (env or {}), cwd=cwd)

        install_tool(tool, cache(project), run=run, note=context.note)

    return Step(
        name=f"toolchain:{tool.name}",
        stage="toolchain",
        doc=f"{tool.name} {tool.version}, pinned by hash",
        build=project.build,
        scope="nobody",
        work=work,
        inputs=lambda: {"version": tool.version, "pin": path.name},
        result=lambda: path.name,
        probe=lambda: (
            None if is_installed(tool, cache(project)) else f"{tool.name} {tool.version} is not in the cache folder"
        ),
    )
