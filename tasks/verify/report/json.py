"""What a verification found, for programs."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from crosscourse.binaries.elf import ElfFacts
from tasks.verify.engine import VerifyReport


def render(report: VerifyReport) -> str:
    """The whole report as the content of a file."""
    return json.dumps(to_json(report), indent=2) + "\n"


def to_json(report: VerifyReport) -> dict[str, Any]:
    """The whole report, facts of every file included, as what json.dumps takes; in the order of the archive."""
    return {
        "archive": report.archive,
        "target": report.target,
        "passed": not report.violations,
        "summary": {
            "files": len(report.files),
            "rules": len(report.rules),
            "violations": len(report.violations),
            "machines": report.machines,
        },
        "rules": [{"id": rule.id, "title": rule.title, "why": rule.why} for rule in report.rules],
        "violations": [dataclasses.asdict(violation) for violation in report.violations],
        "files": [
            {"path": file.path, "mode": f"{file.mode:04o}", "static": file.facts.static, **_facts(file.facts)}
            for file in report.files
        ],
    }


def _facts(facts: ElfFacts) -> dict[str, Any]:
    values = dataclasses.asdict(facts)
    values["class"] = values.pop("class_")
    # JSON has no tuples: whoever reads the file back gets the same data.
    values["needed"] = list(facts.needed)
    return values
