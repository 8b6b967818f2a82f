"""Stage 7, package: the distribution in the forms that a user takes away.

A new form is one more module, and one more line below.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Protocol

from crosscourse.engine.step import Step
from crosscourse.layout import Layout
from crosscourse.manifest.model import Manifest, Release
from tasks import names
from tasks.kinds import kind_of, step_name
from tasks.package import tgz
from tasks.package.contents import Content, Distribution
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


FORMS: Mapping[str, Form] = {"tgz": tgz}


def steps(manifest: Manifest, layout: Layout, target: str) -> Iterator[Step]:
    """The packages of one target."""
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
    contents = {}
    for name, table in manifest.artifact.items():
        if table.path is None or not table.built:
            continue
        place = f"{manifest.release.root}/{table.path}"
        step = step_name(target, name, table)
        for member in kind_of(table).members(name, table):
            path = f"{place}/{member.path}" if member.path else place
            contents[path] = Content(step=step, output=member.output, mode=member.mode)
    return Distribution(contents=contents, epoch=manifest.epoch)
