"""Stage 8, verify: every program of a distribution is what the target needs, down to the ELF header."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from crosscourse import files
from crosscourse.engine.reasons import Inputs
from crosscourse.engine.step import Context, Step
from crosscourse.errors import CrosscourseError
from crosscourse.project import Project
from tasks.compile.steps import recipe
from toolchains.targets import get_target

# What decides the verdict. Named, not imported: reading archives and ELF files is costly to load, and rarely needed.
_HERE = Path(__file__).resolve().parent
_CODE = (
    *(str(_HERE / name) for name in ("rules.py", "engine.py")),
    *(
        str(_HERE.parents[1] / "crosscourse" / "binaries" / name)
        for name in ("archives.py", "elf.py", "gobuildinfo.py")
    ),
)


class VerificationError(CrosscourseError):
    """A distribution that breaks a rule; ``found`` is the table of all violations."""


def steps(project: Project, target: str) -> Iterator[Step]:
    """The checks of one target's distribution."""
    yield _elf(project, target)


def _elf(project: Project, target: str) -> Step:

    machine = get_target(target)
    output = project.build / target / "verify" / "elf.json"
    package = project.package_file(target)

    def inputs() -> Inputs:
        profile = {key: str(value) for key, value in msgspec.to_builtins(machine.elf).items()}
        return {"rules": recipe(*_CODE), "target": profile | machine.go_env}

    def work(context: Context) -> None:
        from tasks.verify import report
        from tasks.verify import rules as checks

        context.note(f"reading {package.name}")
        result = checks.verify_archive(package, machine)
        files.write_text(output, json.dumps(report.to_json(result), indent=2) + "\n")
        if result.violations:
            context.say(report.to_text(result))
            width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
            raise VerificationError(package.name, report.to_text(result, width=width))
        context.tell(report.summary(result))

    return Step(
        name=f"verify:{target}:elf",
        stage="verify",
        doc=f"every ELF file of {package.name} is made for {target}",
        build=project.build,
        inputs=inputs,
        work=work,
        needs=(f"package:{target}:tgz",),
        outputs=(output,),
    )
