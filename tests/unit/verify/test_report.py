"""The report of a verification, for people and for programs."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from tasks.verify.engine import VerifyReport
from tasks.verify.report.formats import FORMATS
from tasks.verify.report.json import to_json
from tasks.verify.report.text import MOST, is_cut, summary, to_text
from tasks.verify.rules.elf import MACHINE
from tasks.verify.rules.table import RULES
from tasks.verify.verdict import verify_archive
from tests.unit.helpers_elf import X86_64, build_elf, go_block, tar
from toolchains.targets import get_target

ARMV7 = get_target("armv7").expected
GOOD = build_elf()
WRONG = build_elf(machine=X86_64, bits=64, flags=0, tags=None)


def verify(folder: Path, content: bytes) -> VerifyReport:
    path = folder / "d.tgz"
    path.write_bytes(content)
    return verify_archive(path, ARMV7, RULES)


@pytest.fixture
def bad(tmp_path: Path) -> VerifyReport:
    members = [("c/bin/[red]odd[/red]", WRONG), ("c/" + "long/" * 30 + "x", WRONG), ("c/good", GOOD)]
    return verify(tmp_path, gzip.compress(tar(*members)))


def test_summary(bad: VerifyReport, tmp_path: Path) -> None:
    assert summary(bad) == (f"d.tgz for armv7: 3 ELF files checked (ARM 1, X86_64 2), {len(RULES)} rules, 4 violations")
    one = verify(tmp_path, gzip.compress(tar(("x", GOOD))))
    assert summary(one) == f"d.tgz for armv7: 1 ELF file checked (ARM 1), {len(RULES)} rules, 0 violations"
    assert to_text(one) == summary(one)


@pytest.mark.parametrize("width", [None, 60, 100, 200])
def test_nothing_is_cut_off(bad: VerifyReport, width: int | None) -> None:
    text = to_text(bad, width=width)
    table = width is not None and width >= 100
    assert ("┃" in text) == table
    # What the table wraps is put together again, column by column.
    joined = text
    if table:
        assert max(map(len, text.splitlines()[:-1])) == width
        cells = [line.split("│")[1:-1] for line in text.splitlines() if line.startswith("│")]
        columns = ["".join(column).replace(" ", "") for column in zip(*cells, strict=True)]
        joined = "".join(columns)
    for violation in bad.violations:
        for fact in (violation.file, violation.rule, violation.found, violation.expected, violation.why):
            assert (fact.replace(" ", "") if table else fact) in joined
    assert "…" not in text
    assert text.splitlines()[-1] == summary(bad)


@pytest.mark.parametrize("width", [None, 100])
def test_of_many_violations_of_a_rule_the_first_are_shown(tmp_path: Path, width: int | None) -> None:
    """All of them are in the report for programs; and a rule that few break is shown in full."""
    many = [(f"c/{number:04}", WRONG) for number in range(500)]
    report = verify(tmp_path, gzip.compress(tar(*many, ("c/z", build_elf(interpreter="/lib/ld.so")))))
    text = to_text(report, width=width)
    rules = Counter(violation.rule for violation in report.violations)
    assert rules["machine"] == 500
    assert f"machine: and {500 - MOST} more\n" in text
    assert text.count("EM_X86_64") == MOST
    assert "c/z" in text
    assert is_cut(report)
    assert len(to_json(report)["violations"]) == len(report.violations) > 1000
    assert len(text.splitlines()) < (MOST + 3) * 10 * len(rules)


def test_as_many_as_are_shown_are_not_cut(tmp_path: Path) -> None:
    report = verify(tmp_path, gzip.compress(tar(*[(f"c/{number}", WRONG) for number in range(MOST)])))
    assert not is_cut(report)
    assert "more" not in to_text(report)


def test_json(bad: VerifyReport) -> None:
    data = to_json(bad)
    assert json.loads(json.dumps(data)) == data
    assert (data["passed"], data["target"]) == (False, "armv7")
    assert data["summary"] == {
        "files": 3, "rules": len(RULES), "violations": 4, "machines": {"EM_ARM": 1, "EM_X86_64": 2},
    }  # fmt: skip
    assert data["violations"][0] == {
        "file": "c/bin/[red]odd[/red]",
        "rule": "machine",
        "found": "EM_X86_64",
        "expected": "EM_ARM",
        "why": MACHINE.why,
    }
    last = data["files"][-1]
    assert (last["path"], last["mode"], last["class"], last["static"]) == ("c/good", "0755", 32, True)
    assert last["arm"]["cpu_arch"] == 10
    assert [rule["id"] for rule in data["rules"]] == [rule.id for rule in RULES]


def test_json_of_a_good_one_with_go(tmp_path: Path) -> None:
    data = to_json(verify(tmp_path, gzip.compress(tar(("x", build_elf(go=go_block({"GOARM": "7"})))))))
    assert data["passed"] is True
    assert data["files"][0]["go"]["settings"]["GOARM"] == "7"
    assert data == json.loads(json.dumps(data))


def test_every_format_gives_the_content_of_a_file(bad: VerifyReport) -> None:
    assert FORMATS["txt"](bad) == to_text(bad) + "\n"
    assert json.loads(FORMATS["json"](bad)) == to_json(bad)
    for render in FORMATS.values():
        assert render(bad).endswith("\n")
