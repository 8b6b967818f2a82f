"""What kinds have in common whose artifact is one program: where it lies, and that it goes into a distribution."""

from __future__ import annotations

from collections.abc import Iterator

from crosscourse.manifest.model import Artifact
from tasks.members import Member


def folder(name: str) -> str:  # noqa: ARG001  # one signature for all kinds
    """With the other programs."""
    return "artifacts"


def outputs(name: str, table: Artifact) -> tuple[str, ...]:  # noqa: ARG001
    """The program."""
    return (name,)


def members(name: str, table: Artifact) -> Iterator[Member]:  # noqa: ARG001
    """The program."""
    yield Member(output=name, mode=0o755)
