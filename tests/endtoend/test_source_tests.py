"""``test-source``: upstream's own tests, here those of the printer example, on the host and for a target."""

from __future__ import annotations

import shutil

import pytest

from tests.endtoend.conftest import Workspace

TEST = "sources/printer/printer/cmd/goprinter/main_test.go"
needs_emulator = pytest.mark.skipif(
    not (shutil.which("qemu-arm") or shutil.which("qemu-arm-static")), reason="no emulator for 32-bit ARM"
)


def run(workspace: Workspace, *words: str, expect: int = 0) -> str:
    return workspace.doit("release=printer", *words, expect=expect).text


def test_passes_and_is_done_once(built: Workspace) -> None:
    assert "printer: 1 package passed: 1 test\n" in run(built, "test-source")
    assert "Up to date" in run(built, "test-source:printer")
    assert "go test -v -count=1" in (built.root / "build/printer/logs/test-source-printer.log").read_text()
    assert built.build().done == set()
    packages = 'test = ["./cmd/goprinter"]'
    built.edit("releases/printer.toml", packages, f'{packages}\ntest-flags = ["-test.short"]')
    assert "flags changed" in run(built, "plan", "test-source")
    assert built.build().done == set()


def test_a_failure_is_named(built: Workspace) -> None:
    built.edit(TEST, 'version != "unknown"', 'version == "unknown"')
    text = run(built, "test-source", expect=1)
    assert "tests of 'printer': 1 failed:" in text
    assert "TestVersionIsSetByTheLinker (crosscourse.example/printer/cmd/goprinter)" in text
    assert "build/printer/logs/test-source-printer.log" in text
    assert "Traceback" not in text
    built.edit(TEST, 'version == "unknown"', 'version != "unknown"')
    run(built, "test-source")


def test_what_does_not_compile_is_named(built: Workspace) -> None:
    built.edit(TEST, "t.Errorf", "nonsense")
    assert "crosscourse.example/printer/cmd/goprinter [build failed]" in run(built, "test-source", expect=1)


def test_packages_without_tests(built: Workspace) -> None:
    (built.root / TEST).unlink()
    assert "there are none in ./cmd/goprinter" in run(built, "test-source", expect=1)


@needs_emulator
def test_for_a_target_under_emulation(built: Workspace) -> None:
    for name in ("qemu-arm", "qemu-arm-static"):
        if found := shutil.which(name):
            (built.bin / name).unlink(missing_ok=True)
            (built.bin / name).symlink_to(found)
    try:
        assert "printer: 1 package passed for armv7: 1 test" in run(built, "test-source:armv7:printer")
    finally:
        for name in ("qemu-arm", "qemu-arm-static"):
            (built.bin / name).unlink(missing_ok=True)


def test_without_an_emulator(built: Workspace) -> None:
    text = run(built, "test-source:armv7", expect=1)
    assert "qemu-arm, which was not found" in text
    assert "apt-get install qemu-user-static" in text


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("./cmd/goprinter", "cmd/goprinter", "source.printer.test[0]: expected a Go package of its source"),
        ("./cmd/goprinter", "./../x", "source.printer.test[0]: expected a Go package of its source"),
        ('test = ["./cmd/goprinter"]', 'test-flags = ["-v"]', "source.printer.test-flags: there is no"),
    ],
)
def test_manifest_is_checked(built: Workspace, old: str, new: str, expected: str) -> None:
    text = (built.root / "releases/printer.toml").read_text()
    where = 'test = ["./cmd/goprinter"]'
    (built.root / "releases/printer.toml").write_text(text.replace(where, where.replace(old, new)))
    assert expected in run(built, "list", expect=3)
