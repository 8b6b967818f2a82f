"""Stage 8, verify: every program of a distribution is what the target needs, down to the ELF header."""

from __future__ import annotations

from collections.abc import Iterator

from crosscourse.engine.step import Step
from crosscourse.layout import Layout
from tasks import names
from tasks.verify.report.formats import FORMATS
from tasks.verify.works import NAME, REPORTS, Verification, verify
from toolchains.targets import get_target


def steps(layout: Layout, target: str) -> Iterator[Step]:
    """The checks of one target's distribution."""
    reports = layout.report(target, "verify")
    spec = Verification(target=get_target(target).expected, package=names.package(target, "tgz"))
    yield Step(
        name=names.verify(target, "elf"),
        stage="verify",
        doc=f"every ELF file of the distribution is made for {target}",
        spec=spec,
        work=verify,
        needs=(spec.package,),
        memory=200,
        outputs={name: reports / name for name in (f"{NAME}.{ending}" for ending in FORMATS)},
        paths={REPORTS: reports},
    )
