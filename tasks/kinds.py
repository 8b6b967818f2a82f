"""The kinds of artifact: a module each, which says how one is made and what of it goes into a distribution.

A new kind is one more module, and one more line below.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from crosscourse.engine.spec import Spec
from crosscourse.manifest.boot import BootPrograms, BootWorker
from crosscourse.manifest.locks import Lock
from crosscourse.manifest.model import Artifact, Manifest, Tables
from tasks import names
from tasks.compile import c_program, generated, go_binary, settings, source_file, static_library
from tasks.members import Member
from tasks.rootfs import debian, native
from tasks.web import go_download, node_assets
from toolchains.targets import Target

if TYPE_CHECKING:
    from crosscourse.engine.places import Places

T = TypeVar("T", bound=Artifact)
S = TypeVar("S", bound=Spec)


class Kind(Protocol[T, S]):
    """What a kind's module has: ``T`` its table in a manifest, ``S`` what decides the bytes.

    ``stage``: where it is made, ``compile`` or ``rootfs``, or ``names.ONCE`` for what is the same for every target.
    ``reads_source``: whether the checkout is an input.
    ``turn_of_source``: whether artifacts of one source are made one after the other.
    """

    table: type[T]
    stage: str
    reads_source: bool
    turn_of_source: bool

    def folder(self, name: str, /) -> str:
        """The folder of a target's outputs that the labels of ``outputs`` are paths in."""

    def outputs(self, name: str, table: T, /) -> tuple[str, ...]:
        """The labels of what is made; the first is what others use it for."""

    def members(self, name: str, table: T, /) -> Iterator[Member]:
        """What of it goes into a distribution, if it has a path there."""

    def spec_of(self, manifest: Manifest, target: Target, lock: Lock, name: str, table: T, /) -> S:
        """All that decides how it comes out for a target, but the source and what is needed. ``lock``: the target's."""

    def needs(self, spec: S, /) -> tuple[str, ...]:
        """The steps whose results it is made of."""

    def build(self, spec: S, at: Places, /) -> None:
        """Make it. Raises CrosscourseError."""


KINDS: Mapping[str, Kind[Any, Any]] = {
    "go-binary": go_binary,
    "c-program": c_program,
    "static-library": static_library,
    "generated-source": generated,
    "source-file": source_file,
    "resource-type": native,
    "debian-resource-type": debian,
    "node-assets": node_assets,
    "go-download": go_download,
    "program-settings": settings,
}

TABLES = Tables(artifacts=tuple(kind.table for kind in KINDS.values()), boots=(BootPrograms, BootWorker))


def kind_of(artifact: Artifact) -> Kind[Any, Any]:
    """The kind of an artifact, by its table's tag."""
    return KINDS[str(artifact.__struct_config__.tag)]


def step_name(target: Target, name: str, artifact: Artifact) -> str:
    """The step that makes an artifact."""
    return names.of_stage(kind_of(artifact).stage, target.name, name)
