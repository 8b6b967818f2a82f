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

# The name of the reports, before the end that says their form; where those of a failure are kept; the project.
NAME = "elf"
REPORTS = "reports"
PROJECT = "project"


class VerificationError(CrosscourseError):
    """A distribution that breaks a rule; ``found`` is the table of all violations."""


class Verification(Spec, frozen=True, kw_only=True):
    """What decides the verdict beside the package (the step that makes it) and the code of the rules.

    ``packaged``: the root filesystems in it that are made of Debian packages, and what in each is ours. ``elsewhere``:
    the places in it of what is for other machines.
    """

    target: Expected
    package: str
    packaged: dict[str, Ours]
    elsewhere: tuple[str, ...]


def verify(spec: Verification, at: Places) -> None:
    """Check the package, and write the whole report in every form. Raises VerificationError with all violations."""
    from tasks.verify.report import text
    from tasks.verify.report.formats import FORMATS
    from tasks.verify.rules.table import RULES
    from tasks.verify.verdict import verify_archive

    package = at.need(spec.package)
    at.status(f"reading {package.name}")
    # Nothing may be named after where it was made, whoever makes it wherever.
    host = (str(at.paths[PROJECT]), str(at.caches))
    result = verify_archive(package, spec.target, RULES, packaged=spec.packaged, elsewhere=spec.elsewhere, host=host)
    reports = {f"{NAME}.{ending}": render(result) for ending, render in FORMATS.items()}
    for name, content in reports.items():
        at.output(name).write_text(content, encoding="utf-8")
    if result.violations:
        # To be read in full, though a step that fails has no outputs.
        for name, content in reports.items():
            files.write_text(at.paths[REPORTS] / name, content)
        at.write_log(text.to_text(result))
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        raise VerificationError(package.name, text.to_text(result, width=width))
    at.report(text.summary(result))
