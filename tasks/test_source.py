"""Upstream's own tests, of the packages that a source's ``test`` names: on the host, or for a target.

They are no part of a build. For a target that the host can't run, Go compiles the tests for it and calls each through
a user-mode emulator (``go help test``, "-exec").
"""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from crosscourse.engine.reasons import Inputs
from crosscourse.engine.step import Context, Step
from crosscourse.errors import CrosscourseError
from crosscourse.manifest.model import GoSettings
from crosscourse.project import Project
from crosscourse.run import process
from crosscourse.view.progress import plain_text, plural
from tasks import go_modules as modules
from tasks import toolchain
from tasks.compile.steps import recipe, source_inputs, target_inputs
from tasks.stages import tasks_of
from toolchains import go as golang
from toolchains.targets import Target, get_target, host_goarch

# MiB. A guess: linking a test program with most of a source in it takes less than linking the whole.
_MEMORY = 800

# What `go test` says of a package: "ok", "FAIL" with a time or "[build failed]", "?" without tests.
_PACKAGE = re.compile(r"^(ok|FAIL)\s+([^\s(]\S*)(?:\s+(.*))?$")
_GO_FAILURE = re.compile(r"^\s*--- FAIL: (\S+)")
# Ginkgo's summary (https://onsi.github.io/ginkgo/): "  [FAIL] A thing [It] does something".
_GINKGO_FAILURE = re.compile(r"^\s*\[(?:FAIL|PANICKED!?|TIMEDOUT|INTERRUPTED)\] (.+)$")
_MAX_NAMED = 12


class SourceTestsError(CrosscourseError):
    """Tests of a source that failed; ``found`` names them."""


class EmulatorMissingError(CrosscourseError):
    """The host can't run a target's programs, and there is no emulator for them."""

    def __init__(self, target: Target) -> None:
        super().__init__(
            f"tests for {target.name}",
            f"this machine can't run them without {target.elf.emulator}, which was not found",
            "Install it: apt-get install qemu-user-static (Debian, Ubuntu), dnf install qemu-user-static (Fedora)",
        )


def tasks(project: Project) -> Iterator[dict[str, Any]]:
    """``test-source:NAME`` on the host, ``test-source:TARGET:NAME`` for each target, and a group for each of these."""
    yield {"basename": "test-source", "name": None, "doc": "upstream's own tests of all sources, on this machine"}
    yield from tasks_of(steps(project, None))
    for target in project.targets:
        yield {"basename": f"test-source:{target}", "name": None, "doc": f"upstream's own tests for {target}"}
        yield from tasks_of(steps(project, get_target(target)))


def steps(project: Project, target: Target | None) -> Iterator[Step]:
    """A step for each source that names packages to test. ``target``: None for the host."""
    for name, source in project.manifest.source.items():
        if source.test:
            yield _step(project, target, name)


def _step(project: Project, target: Target | None, name: str) -> Step:
    source = project.source(name)
    place = f"{target.name}:{name}" if target else name

    def inputs() -> Inputs:
        go = project.manifest.go
        return {
            "recipe": recipe(__file__, golang.__file__),
            "packages": " ".join(source.test),
            "flags": shlex.join([*_flags(go), *source.test_flags]),
            **(target_inputs(target) if target else {}),
            **source_inputs(project, name),
        }

    return Step(
        name=f"test-source:{place}",
        stage="test-source",
        doc=f"upstream's own tests of {name}" + (f", for {target.name}" if target else ""),
        build=project.build,
        needs=("toolchain:go",),
        after=(f"patch:{name}",),
        inputs=inputs,
        work=lambda context: _run(project, target, name, context),
        result=lambda: "passed",
        watches=lambda: project.fingerprints.prefetch([project.checkout(name)]),
    )


def _flags(go: GoSettings) -> list[str]:
    """The release's flags of ``go build`` that a test needs.

    Without ``-trimpath``: tests find their fixtures by the path that their own file was compiled from.
    """
    tags = ["-tags", ",".join(go.tags)] if go.tags else []
    return [*(flag for flag in go.flags if flag != "-trimpath"), *tags]


def _run(project: Project, target: Target | None, name: str, context: Context) -> None:
    source, folder = project.source(name), project.checkout(name)
    goroot = toolchain.goroot(project)
    home = project.build / "home"
    home.mkdir(parents=True, exist_ok=True)
    # Ginkgo writes colours into logs too unless it is told not to.
    env = golang.environment(goroot, cache=project.cache, home=home, target=target, GINKGO_NO_COLOR="true")
    emulator = find_emulator(target, env["PATH"]) if target else None
    flags = _flags(project.manifest.go)
    if source.modules == "proxy":
        context.note("downloading modules")
        modules.download(context, ["go", "list", "-deps", "-test", *flags, *source.test], env, folder, name)
    before = project.fingerprints.get(folder)
    # Not from Go's cache of results: a step that is done again is done. Vet is for whoever writes the code.
    command: list[str | Path] = ["go", "test", "-count=1", "-vet=off", *flags]
    if emulator:
        command += ["-exec", shlex.quote(str(emulator))]
    with project.pool.hold(_MEMORY, f"{target.name if target else 'host'}:{name}", context.note):
        context.note("testing")
        try:
            said = context.run(
                [*command, *source.test_flags, *source.test], env=env | {"GOTMPDIR": str(context.scratch)}, cwd=folder
            )
        except process.CommandError as error:
            said = context.log.read_text(encoding="utf-8", errors="replace")
            failed = failures(said)
            if not failed:
                raise
            raise SourceTestsError(f"tests of '{name}'", _listed(failed), f"Its log: {context.log}") from error
    passed = packages(said)
    if not passed:
        raise SourceTestsError(
            f"tests of '{name}'", f"there are none in {' '.join(source.test)}", "Name other packages."
        )
    count = plural(len(passed), "package", "packages")
    context.tell(f"{name}: {count} passed" + (f" for {target.name}" if target else ""))
    project.fingerprints.forget(folder)
    if project.fingerprints.get(folder) != before:
        context.tell(f"{name}: the tests changed the checkout, which now counts as edited")


def find_emulator(target: Target, path: str) -> str | None:
    """The emulator that runs a target's programs, found on ``path``; None where the host itself does.

    Raises EmulatorMissingError.
    """
    if host_goarch() == target.goarch:
        return None
    for name in (target.elf.emulator, f"{target.elf.emulator}-static"):
        if found := shutil.which(name, path=path):
            return found
    raise EmulatorMissingError(target)


def packages(output: str) -> list[str]:
    """The packages that passed, by what ``go test`` printed."""
    return [match.group(2) for line in _lines(output) if (match := _PACKAGE.match(line)) and match.group(1) == "ok"]


def failures(output: str) -> list[str]:
    """What failed, by what ``go test`` printed: tests of Go and of ginkgo with their package, else whole packages."""
    found: list[str] = []
    names: dict[str, None] = {}
    for line in _lines(output):
        if test := _GO_FAILURE.match(line) or _GINKGO_FAILURE.match(line):
            names[test.group(1)] = None
        elif package := _PACKAGE.match(line):
            if package.group(1) == "FAIL":
                where, how = package.group(2), package.group(3) or ""
                found += [f"{name} ({where})" for name in names] or [f"{where} {how}".strip()]
            names = {}
    return found


def _lines(output: str) -> list[str]:
    return [plain_text(line) for line in output.splitlines()]


def _listed(failed: list[str]) -> str:
    more = f"\n  and {len(failed) - _MAX_NAMED} more" if len(failed) > _MAX_NAMED else ""
    return f"{len(failed)} failed:" + "".join(f"\n  {name}" for name in failed[:_MAX_NAMED]) + more
