"""Stage 8, verify: every program of a distribution is what the target needs, down to the ELF header."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from crosscourse.engine.step import Step
from crosscourse.layout import Layout
from crosscourse.manifest.model import Manifest
from tasks import names
from tasks.compile.go_binary import GoBinary
from tasks.package.steps import distribution
from tasks.rootfs.debian import DebianResourceType
from tasks.rootfs.native import ROOTFS
from tasks.verify.ours import Ours
from tasks.verify.report.formats import FORMATS
from tasks.verify.works import NAME, PROJECT, REPORTS, Verification, verify
from toolchains.c import compilers
from toolchains.targets import Target, get_target


def steps(manifest: Manifest, layout: Layout, target: str) -> Iterator[Step]:
    """The checks of one target's distribution, and of its images."""
    described = get_target(target)
    # glibc has functions for memory with NEON, beside others (its sysdeps/arm/armv7/multiarch).
    compiler = compilers.of(manifest.c, described)
    expected = msgspec.structs.replace(
        described.expected, chooses=compiler.glibc, glibc=None if compiler.static else manifest.c.glibc
    )
    yield _step(
        layout,
        Verification(
            name=NAME,
            target=expected,
            package=names.package(target, "tgz"),
            packaged=packaged(manifest, described),
            embedded=embedded(manifest),
            elsewhere=elsewhere(manifest),
        ),
        f"every ELF file of the distribution is made for {target}, and its root filesystems lack nothing",
    )
    for name in manifest.image:
        yield _step(
            layout,
            Verification(
                name=f"{name}.image",
                target=expected,
                package=names.image(target, name),
                packaged={name: of_image(manifest, name)},
                embedded={},
                elsewhere=(),
                image=name,
            ),
            f"the root filesystem of the image {name} for {target} lacks nothing",
        )


def _step(layout: Layout, spec: Verification, doc: str) -> Step:
    reports = layout.report(spec.target.name, "verify")
    return Step(
        name=names.verify(spec.target.name, spec.name),
        stage="verify",
        doc=doc,
        spec=spec,
        work=verify,
        needs=(spec.package, *sorted({step for steps in spec.embedded.values() for step in steps})),
        memory=200,
        outputs={name: reports / name for name in (f"{spec.name}.{ending}" for ending in FORMATS)},
        paths={REPORTS: reports, PROJECT: layout.root},
    )


def of_image(manifest: Manifest, name: str) -> Ours:
    """What of an image is ours, not Debian's."""
    image = manifest.image[name]
    top = f"{image.prefix.strip('/')}/{manifest.release.root}"
    programs = (
        f"{top}/{table.path}"
        for table in manifest.artifact.values()
        if table.is_program and table.built and table.path is not None and image.takes(table.path)
    )
    return Ours(programs=tuple(programs), places=(top, *image.files, *image.programs))


def packaged(manifest: Manifest, target: Target) -> dict[str, Ours]:
    """The root filesystems of a distribution that are made of Debian packages, and what in each is ours."""
    contents = distribution(manifest, target).contents
    found = {}
    for table in manifest.artifact.values():
        path = f"{manifest.release.root}/{table.path}/{ROOTFS}"
        if isinstance(table, DebianResourceType) and path in contents:
            places = (*table.copies, *table.files, *table.data)
            found[path] = Ours(programs=tuple(table.programs), places=places)
    return found


def embedded(manifest: Manifest) -> dict[str, tuple[str, ...]]:
    """The programs of a distribution that embed files, and the steps that make these."""
    found = {}
    for _, table in manifest.of(GoBinary):
        assets = {asset: manifest.artifact[asset] for asset in table.assets}
        steps = tuple(names.once(asset) for asset, made in assets.items() if made.built and made.is_embedded)
        if steps and table.path is not None and table.built:
            found[f"{manifest.release.root}/{table.path}"] = steps
    return found


def elsewhere(manifest: Manifest) -> tuple[str, ...]:
    """The places in a distribution of what is for other machines than its target."""
    tables = (table for table in manifest.artifact.values() if table.for_other_machines and table.path is not None)
    return tuple(f"{manifest.release.root}/{table.path}" for table in tables)
