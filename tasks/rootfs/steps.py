"""Stage 6, rootfs: the root filesystems of resource types."""

from __future__ import annotations

from collections.abc import Iterator

from crosscourse.engine.step import Step
from crosscourse.layout import Layout
from crosscourse.manifest.model import Manifest
from tasks import artifacts
from toolchains.targets import get_target


def steps(manifest: Manifest, layout: Layout, target: str) -> Iterator[Step]:
    """A step for each resource type of the release, for one target."""
    return artifacts.steps(manifest, layout, get_target(target), "rootfs")
