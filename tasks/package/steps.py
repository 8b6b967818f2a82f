"""Stage 7, package: the distribution in the forms that a user takes away, and what of it package managers install.

A new form of either is one more module, and one more line below.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Protocol

import msgspec

from crosscourse.engine.step import Step
from crosscourse.layout import Layout
from crosscourse.manifest.model import Manifest, Release
from tasks import names
from tasks.package import deb, rpm, tgz
from tasks.package.assemble import managed, needs_glibc
from tasks.package.contents import Distribution
from tasks.package.managed import ManagedPackage
from tasks.package.placed import placed
from toolchains.targets import Target, get_target

if TYPE_CHECKING:
    from crosscourse.engine.places import Places


class Form(Protocol):
    """What a form's module has. ``memory``: the peak of making it, in MiB."""

    memory: int

    def file_name(self, release: Release, target: str, /) -> str:
        """What the package is called."""

    def build(self, spec: Distribution, at: Places, /) -> None:
        """Make it."""


class ManagedForm(Protocol):
    """What the module of a package manager's form has. ``memory``: as above."""

    memory: int

    def architecture(self, target: Target, /) -> str | None:
        """What the manager calls a target; None where it knows no such machine."""

    def file_name(self, spec: ManagedPackage, /) -> str:
        """What the package is called."""

    def glibc(self, version: str, /) -> str:
        """What a package depends on whose programs need that version, or a newer one."""

    def build(self, spec: ManagedPackage, at: Places, /) -> None:
        """Make it."""


FORMS: Mapping[str, Form] = {"tgz": tgz}
MANAGED: Mapping[str, ManagedForm] = {"deb": deb, "rpm": rpm}


def steps(manifest: Manifest, layout: Layout, target: str) -> Iterator[Step]:
    """The packages of one target."""
    yield from _distributions(manifest, layout, target)
    for name in manifest.package:
        yield from _managed(manifest, layout, get_target(target), name)


def _managed(manifest: Manifest, layout: Layout, target: Target, name: str) -> Iterator[Step]:
    for form, module in MANAGED.items():
        architecture = module.architecture(target)
        if architecture is None:
            continue
        spec = managed(manifest, target, layout.root, name, form, architecture)
        if manifest.c.glibc and needs_glibc(manifest, target, spec):
            spec = msgspec.structs.replace(spec, depends=(*spec.depends, module.glibc(manifest.c.glibc)))
        file_name = module.file_name(spec)
        yield Step(
            name=names.package(target.name, f"{name}.{form}"),
            stage="package",
            doc=file_name,
            spec=spec,
            work=module.build,
            needs=(spec.packer, *dict.fromkeys(content.step for content in spec.contents.values())),
            memory=module.memory,
            outputs={file_name: layout.dist / file_name},
        )


def _distributions(manifest: Manifest, layout: Layout, target: str) -> Iterator[Step]:
    spec = distribution(manifest, get_target(target))
    for form, module in FORMS.items():
        name = module.file_name(manifest.release, target)
        yield Step(
            name=names.package(target, form),
            stage="package",
            doc=name,
            spec=spec,
            work=module.build,
            needs=tuple(dict.fromkeys(content.step for content in spec.contents.values())),
            memory=module.memory,
            outputs={name: layout.dist / name},
        )


def distribution(manifest: Manifest, target: Target) -> Distribution:
    """What a distribution for a target is made of: what each artifact with a path contributes."""
    contents = placed(manifest, target, manifest.release.root, lambda _path: True)
    return Distribution(contents=contents, epoch=manifest.epoch)
