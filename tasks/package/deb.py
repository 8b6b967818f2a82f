"""Packages of form ``deb``, for Debian and what is made from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.package import nfpm
from tasks.package.managed import ManagedPackage
from toolchains.targets import Target

if TYPE_CHECKING:
    from crosscourse.engine.places import Places

memory = nfpm.MEMORY
# Debian reads it since 12 (https://bugs.debian.org/892664), Ubuntu since 18.04; a small board unpacks it several times
# faster than xz. Of 335 MB, two thirds of which are compressed already, it makes 264 MB in 3 s; "best" 261 MB in 12 s,
# gzip 271 MB in 8 s; of a program of 88 MB 24 MB in 1.3 s, xz 22 MB in 13 s.
COMPRESSION = "zstd:better"


def architecture(target: Target) -> str | None:
    """What Debian calls a target."""
    return target.deb or target.debian


def file_name(spec: ManagedPackage) -> str:
    """What the file is called, as Debian's tools do it (dpkg-name(1))."""
    return f"{spec.name}_{spec.version}-{spec.revision}_{spec.architecture}.deb"


def glibc(version: str) -> str:
    """What a package depends on whose programs need that version, or a newer one."""
    return f"libc6 (>= {version})"


def build(spec: ManagedPackage, at: Places) -> None:
    """Make it. Raises CommandError."""
    exact = [f"{name} (= {spec.version}-{spec.revision})" for name in spec.needs]
    settings = {
        "description": f"{spec.summary}\n{spec.description}",
        "depends": [*exact, *spec.depends],
        "deb": {"compression": COMPRESSION},
    }
    nfpm.pack("deb", settings, spec, at)
