"""What ``go test`` and ginkgo print, read; and when an emulator is needed."""

from __future__ import annotations

from pathlib import Path

import pytest

from crosscourse.layout import Layout
from crosscourse.manifest.load import load_manifest
from tasks.kinds import TABLES
from tasks.test_source import SourceTests, counted, failures, packages, steps
from toolchains.targets import get_target, host_goarch

ROOT = Path(__file__).resolve().parents[3]

OUTPUT = """$ go test -count=1 ./...
go: downloading example.org/x v1.0.0
ok  \texample.org/a\t0.004s
?   \texample.org/none\t[no test files]
ok  \texample.org/b\t0.004s [no tests to run]
--- FAIL: TestOne (0.00s)
    --- FAIL: TestOne/sub (0.00s)
        one_test.go:3: ok then
FAIL
FAIL\texample.org/c\t0.005s
\x1b[38;5;9m[FAIL] \x1b[0mA thing [It] does something\x1b[0m
FAIL! -- 1 Passed | 1 Failed | 0 Pending | 0 Skipped
--- FAIL: TestSuite (0.01s)
FAIL
FAIL\texample.org/d\t0.006s
# example.org/e [example.org/e.test]
./e_test.go:3:1: undefined: nonsense
FAIL\texample.org/e [build failed]
FAIL
"""


def test_packages_that_passed() -> None:
    assert packages(OUTPUT) == ["example.org/a", "example.org/b"]


def test_what_failed_is_named() -> None:
    assert failures(OUTPUT) == [
        "TestOne (example.org/c)",
        "TestOne/sub (example.org/c)",
        "A thing [It] does something (example.org/d)",
        "TestSuite (example.org/d)",
        "example.org/e [build failed]",
    ]


VERBOSE = """=== RUN   TestOne
=== RUN   TestOne/part
--- PASS: TestOne (0.00s)
    --- PASS: TestOne/part (0.00s)
=== RUN   TestTwo
--- SKIP: TestTwo (0.00s)
PASS
ok  \texample.org/a\t0.004s
=== RUN   TestSuite
Ran 12 of 17 Specs in 0.003 seconds
\x1b[32mSUCCESS!\x1b[0m -- \x1b[32m12 Passed\x1b[0m | 0 Failed | 2 Pending | 3 Skipped
--- PASS: TestSuite (0.00s)
PASS
ok  \texample.org/b\t0.004s
"""


def test_specs_are_counted_in_place_of_the_suite() -> None:
    assert counted(VERBOSE) == (13, 6)


def test_nothing_failed() -> None:
    assert failures("ok  \texample.org/a\t0.004s\n") == []


@pytest.mark.parametrize("target", ["armv7", "arm64", "amd64"])
def test_only_another_machines_tests_need_an_emulator(tmp_path: Path, target: str) -> None:
    machine = get_target(target)
    emulator = "" if machine.goarch == host_goarch() else machine.elf.emulator
    manifest = load_manifest(ROOT / "releases" / "printer.toml", patches=ROOT / "vendor-patches", tables=TABLES)
    layout = Layout(root=ROOT, release="printer", cache=tmp_path, override={})
    (spec,) = (step.spec for step in steps(manifest, layout, machine))
    assert isinstance(spec, SourceTests)
    assert (spec.target, spec.emulator) == (target, emulator)
