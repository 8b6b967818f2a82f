"""What a verification found, for programs."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from crosscourse.binaries.elf import ElfFacts
from tasks.verify.engine import Root, Subject, VerifyReport


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
        "rules": [{"id": rule.id, "title": rule.title, "why": rule.why, "scope": rule.scope} for rule in report.rules],
        "violations": [dataclasses.asdict(violation) for violation in report.violations],
        "root_filesystems": [_root(root) for root in report.roots],
        "files": [_file(file) for file in report.files],
    }


def _root(root: Root) -> dict[str, Any]:
    """``largest``: name and bytes, by what ``by`` says, of ``groups`` of them; ``other``: bytes in none of them."""
    return {
        "path": root.path,
        "packed": root.sizes.packed,
        "unpacked": root.sizes.unpacked,
        "members": len(root.tree.members),
        "elf_files": len(root.tree.elf),
        "by": root.sizes.by,
        "largest": [{"name": name, "size": size} for name, size in root.sizes.largest],
        "groups": root.sizes.groups,
        "other": root.sizes.other,
    }


def _file(file: Subject) -> dict[str, Any]:
    """All that is known of an own file; of Debian's, which are many, what it is made for."""
    known = {
        "path": file.path,
        "mode": f"{file.mode:04o}",
        "own": file.own,
        "elsewhere": file.elsewhere,
        "static": file.facts.static,
    }
    if not file.own:
        return known | {"machine": file.facts.machine, "class": file.facts.class_, "type": file.facts.type}
    return known | _facts(file.facts)


def _facts(facts: ElfFacts) -> dict[str, Any]:
    values = dataclasses.asdict(facts)
    values["class"] = values.pop("class_")
    del values["dynamic"]
    # JSON has no tuples: whoever reads the file back gets the same data.
    values["needed"] = list(facts.needed)
    return values
