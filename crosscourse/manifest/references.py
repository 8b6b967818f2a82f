"""Names in an artifact's table that have to refer to something of the manifest: what the kinds check them with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from crosscourse.errors import nearest
from crosscourse.manifest.model import Manifest
from crosscourse.manifest.problems import shown


def library_problems(key: str, libraries: Sequence[str], manifest: Manifest) -> Iterator[str]:
    """Names that are of no library."""
    known = [name for name, artifact in manifest.artifact.items() if artifact.is_library]
    for library in libraries:
        if library not in known:
            yield f"{key}: there is no library '{library}'. {nearest(library, known)}"


def program_problems(key: str, program: str, manifest: Manifest) -> Iterator[str]:
    """A name that is of no program."""
    known = [name for name, artifact in manifest.artifact.items() if artifact.is_program]
    if program not in known:
        yield f"{key}: there is no program '{program}'. {nearest(program, known)}"


def asset_problems(key: str, asset: str, manifest: Manifest) -> Iterator[str]:
    """A name that is of nothing that a program can embed."""
    known = [name for name, artifact in manifest.artifact.items() if artifact.is_asset]
    if asset not in known:
        yield f"{key}: there is nothing to embed called '{asset}'. {nearest(asset, known)}"


def tool_problems(key: str, tool: str, manifest: Manifest) -> Iterator[str]:
    """A name that is of no tool of ``[toolchain]``."""
    if tool not in manifest.toolchain:
        yield f"{key}: [toolchain] has no '{shown(tool)}'. {nearest(shown(tool), manifest.toolchain)}"
