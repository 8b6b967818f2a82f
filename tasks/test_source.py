"""Upstream's own tests, of the packages that a source's ``test`` names: on the host, or for a target.

They are no part of a build. For a target that the host can't run, Go compiles the tests for it and calls each through
a user-mode emulator (``go help test``, "-exec").
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from crosscourse.engine.places import Places
from crosscourse.engine.shared import Shared
from crosscourse.engine.spec import Spec
from crosscourse.engine.step import SourceFolder, Step
from crosscourse.errors import CrosscourseError
from crosscourse.layout import Layout
from crosscourse.manifest.model import GoSettings, Manifest
from crosscourse.run import process
from crosscourse.view.progress import plain_text, plural
from tasks import go_modules, names
from tasks.stages import tasks_of
from toolchains import caches, go, go_room
from toolchains.emulators import find_emulator
from toolchains.targets import Target, get_target, host_goarch

# MiB. A guess: linking a test program with most of a source in it takes less than linking the whole.
_MEMORY = 800

# What `go test` says of a package: "ok", "FAIL" with a time or "[build failed]", "?" without tests.
_PACKAGE = re.compile(r"^(ok|FAIL)\s+([^\s(]\S*)(?:\s+(.*))?$")
_GO_FAILURE = re.compile(r"^\s*--- FAIL: (\S+)")
# Ginkgo's summary (https://onsi.github.io/ginkgo/): "  [FAIL] A thing [It] does something".
_GINKGO_FAILURE = re.compile(r"^\s*\[(?:FAIL|PANICKED!?|TIMEDOUT|INTERRUPTED)\] (.+)$")
# Of a whole test in Go, not of a part of one; and ginkgo's sum of a suite, which is one test in Go's eyes.
_GO_TEST = re.compile(r"^--- (PASS|SKIP): ")
_GINKGO_SUM = re.compile(r"^SUCCESS! -- (\d+) Passed \|.* (\d+) Pending \|.* (\d+) Skipped")
_MAX_NAMED = 12


class SourceTestsError(CrosscourseError):
    """Tests of a source that failed; ``found`` names them."""


class SourceTests(Spec, frozen=True, kw_only=True):
    """Tests of a source. ``target``, ``go_env``: none for the host. ``emulator``: none where this machine runs them.

    ``downloads``: whether the Go modules come from a proxy. ``import_path``: of a source without a ``go.mod``.
    """

    source: str
    packages: list[str]
    flags: list[str]
    test_flags: list[str]
    downloads: bool
    import_path: str = ""
    target: str
    go_env: dict[str, str]
    emulator: str


def tasks(manifest: Manifest, layout: Layout, targets: Sequence[str], shared: Shared) -> Iterator[dict[str, Any]]:
    """``test-source:NAME`` on the host, ``test-source:TARGET:NAME`` for each target, and a group for each of these."""
    yield {"basename": "test-source", "name": None, "doc": "upstream's own tests of all sources, on this machine"}
    yield from tasks_of(steps(manifest, layout, None), shared)
    for target in targets:
        yield {"basename": f"test-source:{target}", "name": None, "doc": f"upstream's own tests for {target}"}
        yield from tasks_of(steps(manifest, layout, get_target(target)), shared)


def steps(manifest: Manifest, layout: Layout, target: Target | None) -> Iterator[Step]:
    """A step for each source that names packages to test. ``target``: None for the host."""
    for name, source in manifest.source.items():
        if source.test:
            yield _step(manifest, layout, target, name)


def _step(manifest: Manifest, layout: Layout, target: Target | None, name: str) -> Step:
    source = manifest.source[name]
    return Step(
        name=names.source_tests(target.name if target else "", name),
        stage="test-source",
        doc=f"upstream's own tests of {name}" + (f", for {target.name}" if target else ""),
        spec=SourceTests(
            source=name,
            packages=source.test,
            flags=[*_flags(manifest.go), *go.vendor_flags(source.modules, source.import_path)],
            test_flags=source.test_flags,
            downloads=source.modules == "proxy",
            import_path=source.import_path or "",
            target=target.name if target else "",
            go_env=target.go_env if target else {},
            emulator=target.elf.emulator if target and target.goarch != host_goarch() else "",
        ),
        work=test,
        needs=(names.toolchain("go"),),
        after=(names.patch(name),),
        source=SourceFolder(name=name, path=layout.checkout(name), may_change=True),
        place=layout.checkout(name),
        result=_passed,
        memory=_MEMORY,
        turn=f"{target.name if target else 'host'}:{name}",
    )


def _passed(_spec: SourceTests, _place: Path) -> str:
    return "passed"


def _flags(go: GoSettings) -> list[str]:
    """The release's flags of ``go build`` that a test needs.

    Without ``-trimpath``: tests find their fixtures by the path that their own file was compiled from.
    """
    tags = ["-tags", ",".join(go.tags)] if go.tags else []
    return [*(flag for flag in go.flags if flag != "-trimpath"), *tags]


def test(spec: SourceTests, at: Places) -> None:
    """Run the tests. Raises SourceTestsError, EmulatorMissingError, CommandError (they can't be built)."""
    home = at.scratch / "home"
    home.mkdir()
    # Ginkgo writes colours into logs too unless it is told not to.
    env = go.environment(
        at.need(names.toolchain("go"), "program").parent.parent,
        cache=at.caches,
        home=home,
        target=spec.go_env,
        GINKGO_NO_COLOR="true",
    )
    if spec.import_path:
        env |= go.without_modules(home, spec.import_path, at.source)
    emulator = None
    if spec.emulator:
        emulator = find_emulator(spec.emulator, env["PATH"], what=f"tests for {spec.target}")
    if spec.downloads:
        at.status("downloading modules")
        go_modules.download(at, [*go.listing("-test", *spec.flags), *spec.packages], env, at.source, spec.source)
    # Not from Go's cache of results: a step that is done again is done. Vet is for whoever writes the code.
    command: list[str | Path] = ["go", "test", "-v", "-count=1", "-vet=off", *spec.flags]
    if emulator:
        command += ["-exec", shlex.quote(str(emulator))]
    # Packages first: what follows a flag that Go does not know, as of ginkgo, is the test's (go help test).
    command += [*(go.named(package, spec.import_path) for package in spec.packages), *spec.test_flags]
    at.status("testing")
    try:
        with go_room.forgetting(at.caches / caches.GO):
            said = at.run(command, env=env | {"GOTMPDIR": str(at.scratch)}, cwd=at.source)
    except process.CommandError as error:
        said = at.log.read_text(encoding="utf-8", errors="replace")
        failed = failures(said)
        if not failed:
            raise
        raise SourceTestsError(f"tests of '{spec.source}'", _listed(failed), f"Its log: {at.log}") from error
    passed = packages(said)
    if not passed:
        raise SourceTestsError(
            f"tests of '{spec.source}'", f"there are none in {' '.join(spec.packages)}", "Name other packages."
        )
    count = plural(len(passed), "package", "packages")
    done, skipped = counted(said)
    at.report(
        f"{spec.source}: {count} passed{f' for {spec.target}' if spec.target else ''}: "
        f"{plural(done, 'test', 'tests')}{f', {skipped} skipped' if skipped else ''}"
    )


def packages(output: str) -> list[str]:
    """The packages that passed, by what ``go test`` printed."""
    return [match.group(2) for line in _lines(output) if (match := _PACKAGE.match(line)) and match.group(1) == "ok"]


def counted(output: str) -> tuple[int, int]:
    """How many tests passed and how many were skipped, by what ``go test -v`` printed of a run without a failure.

    Counted are whole tests of Go; of ginkgo its specs, in place of the test of Go that runs them.
    """
    lines = _lines(output)
    whole = [match.group(1) for line in lines if (match := _GO_TEST.match(line))]
    sums = [[int(number) for number in match.groups()] for line in lines if (match := _GINKGO_SUM.match(line))]
    passed = whole.count("PASS") - len(sums) + sum(row[0] for row in sums)
    return passed, whole.count("SKIP") + sum(pending + skipped for _, pending, skipped in sums)


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
