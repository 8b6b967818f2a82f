"""Packages of form ``rpm``, for Fedora and what is like it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.package import nfpm
from tasks.package.managed import ManagedPackage
from toolchains.targets import Target

if TYPE_CHECKING:
    from crosscourse.engine.places import Places

memory = nfpm.MEMORY
# What Fedora's own packages have.
COMPRESSION = "zstd:better"


def architecture(target: Target) -> str | None:
    """What Fedora calls a target, if it knows any such machine."""
    return target.rpm


def file_name(spec: ManagedPackage) -> str:
    """What the file is called."""
    return f"{spec.name}-{spec.version}-{spec.revision}.{spec.architecture}.rpm"


def glibc(version: str) -> str:
    """What a package depends on whose programs need that version, or a newer one."""
    return f"glibc >= {version}"


def build(spec: ManagedPackage, at: Places) -> None:
    """Make it. Raises CommandError."""
    exact = [f"{name} = {spec.version}-{spec.revision}" for name in spec.needs]
    settings = {
        "description": spec.description,
        "depends": [*exact, *spec.depends],
        "rpm": {
            "compression": COMPRESSION,
            "summary": spec.summary[:1].upper() + spec.summary[1:],
            # Else the name of the machine that packs.
            "buildhost": "localhost",
        },
    }
    nfpm.pack("rpm", settings, spec, at, documentation="doc")
