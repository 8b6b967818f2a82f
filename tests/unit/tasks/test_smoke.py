"""Programs that are started: what is taken for a start and what is not. The programs are scripts of the shell."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from crosscourse.errors import ManifestError
from crosscourse.layout import Layout
from crosscourse.manifest.load import load_manifest
from tasks import smoke
from tasks.kinds import TABLES
from tasks.smoke import Call, SmokeError, SmokeRun
from tests.unit.places import make_places
from toolchains.emulators import EmulatorMissingError
from toolchains.targets import get_target, host_goarch

ROOT = Path(__file__).resolve().parents[3]


def call(name: str, *, status: int = 0, expect: str = "", lasts: bool = False) -> Call:
    return Call(name=name, step=name, arguments=("-v",), status=status, expect=expect, lasts=lasts)


def run(folder: Path, script: str, made: Call, *, emulator: str = "") -> list[dict[str, str]]:
    """The report of a call of a program with this text."""
    program = folder / "program"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    at = make_places(folder / "at", needed={made.step: {"": program}}, labels=("smoke.json",))
    smoke.smoke(SmokeRun(target="armv7", calls=(made,), emulator=emulator, cpu="x" if emulator else ""), at)
    found = json.loads(at.output().read_text())
    assert isinstance(found, list)
    return found


def test_one_that_starts(tmp_path: Path) -> None:
    assert run(tmp_path, "echo version 1.2 $1", call("a", expect="1.2 -v")) == [
        {"name": "a", "found": "", "said": "version 1.2 -v"}
    ]
    assert run(tmp_path, "exit 3", call("a", status=3))[0]["said"] == ""


@pytest.mark.parametrize(
    ("script", "made", "found"),
    [
        ("kill -ILL $$", call("a"), "ended by signal 4 (SIGILL)"),
        ("echo no; exit 1", call("a"), "ended with status 1; expected 0\n    no"),
        ("exit 0", call("a", status=1), "ended with status 0; expected 1\n    (it printed nothing)"),
        ("echo 1.3", call("a", expect="1.2"), "did not say '1.2', but:\n    1.3"),
        ("echo bye", call("a", lasts=True), "ended with status 0, but was to go on\n    bye"),
    ],
)
def test_one_that_does_not(tmp_path: Path, script: str, made: Call, found: str) -> None:
    with pytest.raises(SmokeError) as caught:
        run(tmp_path, script, made)
    assert f"1 of 1 do not start as they should:\n  a: {found}" in str(caught.value)


def test_one_that_lasts_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smoke, "_WATCHED", 1)
    assert run(tmp_path, "exec sleep 60", call("a", lasts=True))[0]["found"] == ""
    monkeypatch.setattr(smoke, "_LIMIT", 1)
    with pytest.raises(SmokeError, match="did not end within 1 s"):
        run(tmp_path, "exec sleep 60", call("a"))


def test_an_emulator_is_called_with_the_processor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    emulator = tmp_path / "qemu-x-static"
    emulator.write_text('#!/bin/sh\necho "$1 $2"\nshift 2\nexec "$@"\n')
    emulator.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert run(tmp_path, "echo real", call("a", expect="real"), emulator="qemu-x")[0]["said"] == "-cpu x"
    with pytest.raises(EmulatorMissingError, match="programs for armv7"):
        run(tmp_path, "echo real", call("a"), emulator="qemu-y")


@pytest.mark.parametrize("target", ["armv7", "armv6", "amd64"])
def test_what_a_manifest_says(tmp_path: Path, target: str) -> None:
    manifest = load_manifest(ROOT / "releases" / "printer.toml", patches=ROOT / "vendor-patches", tables=TABLES)
    layout = Layout(root=ROOT, release="printer", cache=tmp_path, override={})
    (step,) = smoke.steps(manifest, layout, target)
    machine = get_target(target)
    assert isinstance(step.spec, SmokeRun)
    assert step.spec.emulator == ("" if machine.goarch == host_goarch() else "qemu-arm")
    assert step.spec.cpu == {"armv7": "cortex-a9", "armv6": "arm1176", "amd64": ""}[target]
    assert set(step.needs) == {f"compile:{target}:{name}" for name in manifest.smoke}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("cprinter = { expect", "cprinters = { expect", "smoke.cprinters: there is no program 'cprinters'."),
        ("printer = { expect", "libprinter = { expect", "smoke.libprinter: there is no program 'libprinter'"),
        ('expect = "cprinter 1.0', 'expect = "{vershun}', "smoke.cprinter.expect: nothing fills in '{vershun}'"),
        ('expect = "cprinter 1.0', 'lasts = true, status = 1, expect = "', "smoke.cprinter.status: what lasts"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, old: str, new: str, expected: str) -> None:
    text = (ROOT / "releases" / "printer.toml").read_text()
    assert old in text
    path = tmp_path / "printer.toml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(ManifestError) as caught:
        load_manifest(path, patches=ROOT / "vendor-patches", tables=TABLES)
    assert expected in str(caught.value)
