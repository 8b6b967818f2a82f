"""The work of verify: one package against the rules."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

from crosscourse import files
from crosscourse.engine.spec import Spec
from crosscourse.errors import CrosscourseError
from tasks.verify.ours import Ours
from toolchains.targets import Expected

if TYPE_CHECKING:
    from crosscourse.engine.places import Places

# The name of the reports on a distribution; where those of a failure are kept; the project.
NAME = "elf"
REPORTS = "reports"
PROJECT = "project"


class VerificationError(CrosscourseError):
    """A distribution that breaks a rule; ``found`` is the table of violations."""


class Verification(Spec, frozen=True, kw_only=True):
    """What decides the verdict beside the package (the step that makes it) and the code of the rules.

    ``packaged``: the root filesystems in it that are made of Debian packages, and what in each is ours. ``embedded``:
    programs in it, and the steps whose outputs each embeds. ``elsewhere``: the places in it of what is for other
    machines. ``name``: of the reports, before the end that says their form. ``image``: of an image, what its root
    filesystem is called.
    """

    name: str = NAME
    target: Expected
    package: str
    packaged: dict[str, Ours]
    embedded: dict[str, tuple[str, ...]]
    elsewhere: tuple[str, ...]
    image: str = ""


def verify(spec: Verification, at: Places) -> None:
    """Check the package, and write the whole report in every form. Raises VerificationError."""
    from tasks.verify.report import text
    from tasks.verify.report.formats import FORMATS
    from tasks.verify.rules.table import RULES
    from tasks.verify.verdict import verify_archive

    package = at.need(spec.package)
    at.status(f"reading {package.name}")
    # Nothing may be named after where it was made, whoever makes it wherever.
    host = (str(at.paths[PROJECT]), str(at.caches))
    embedded = {
        program: {label: place for step in steps for label, place in at.needed[step].items()}
        for program, steps in spec.embedded.items()
    }
    result = verify_archive(
        package,
        spec.target,
        RULES,
        packaged=spec.packaged,
        embedded=embedded,
        elsewhere=spec.elsewhere,
        host=host,
        image=spec.image,
    )
    reports = {f"{spec.name}.{ending}": render(result) for ending, render in FORMATS.items()}
    for name, content in reports.items():
        at.output(name).write_text(content, encoding="utf-8")
    if result.violations:
        # To be read in full, though a step that fails has no outputs.
        for name, content in reports.items():
            files.write_text(at.paths[REPORTS] / name, content)
        at.write_log(text.to_text(result))
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        remedy = f"All of them: {files.relative(at.paths[REPORTS] / spec.name)}.json" if text.is_cut(result) else ""
        raise VerificationError(package.name, text.to_text(result, width=width), remedy)
    at.report(text.summary(result))
