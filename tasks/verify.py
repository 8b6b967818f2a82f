"""Stage 7, verify: every program of a distribution is what the target needs, down to the ELF header."""

from __future__ import annotations

import json
from collections.abc import Iterator

import msgspec

from crosscourse import files
from crosscourse.errors import CrosscourseError
from crosscourse.project import Project
from crosscourse.reasons import Inputs
from crosscourse.step import Context, Step
from tasks.compile import recipe
from toolchains.targets import get_target


class VerificationError(CrosscourseError):
    """A distribution that breaks a rule; ``found`` is the table of all violations."""


def steps(project: Project, target: str) -> Iterator[Step]:
    """The checks of one target's distribution."""
    yield _elf(project, target)


def _elf(project: Project, target: str) -> Step:
    from tasks import checks, inspect, report, rules
    from toolchains import elf, gobuildinfo

    code = (checks.__file__, inspect.__file__, rules.__file__, elf.__file__, gobuildinfo.__file__)

    machine = get_target(target)
    output = project.build / target / "verify" / "elf.json"
    package = project.package_file(target)

    def inputs() -> Inputs:
        profile = {key: str(value) for key, value in msgspec.to_builtins(machine.elf).items()}
        return {"rules": recipe(*code), "target": profile}

    def work(context: Context) -> None:
        context.note(f"reading {package.name}")
        result = checks.verify_archive(package, machine)
        files.write_text(output, json.dumps(report.to_json(result), indent=2) + "\n")
        context.say(report.to_text(result))
        if result.violations:
            raise VerificationError(package.name, report.to_text(result), "Each row says why its rule exists.")

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
