"""Packages of form ``tgz``: a tarball like upstream's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.package.contents import Distribution, entries

if TYPE_CHECKING:
    from crosscourse.engine.places import Places
    from crosscourse.manifest.model import Release

# MiB: files are read and packed piece by piece.
memory = 200


def file_name(release: Release, target: str) -> str:
    """What the file is called."""
    return f"{release.name}-{release.version}-linux-{target}.tgz"


def build(spec: Distribution, at: Places) -> None:
    """Pack."""
    from crosscourse import archive

    output = at.output()
    at.status(f"packing {output.name}")
    archive.write_tgz(output, entries(spec, at), epoch=spec.epoch)
    output.chmod(0o644)
    at.write_log(f"{output.name}: {output.stat().st_size} bytes")
