"""``./doit smoke:TARGET``: each program of a release is started, under user-mode emulation where the host can't run it.

``verify`` reads headers. That a program starts at all, that no instruction of a newer processor is on its way to say
what its version is, only a run shows. How each is called is said by ``[smoke]`` of the manifest.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from crosscourse.engine.spec import Spec
from crosscourse.engine.step import Step
from crosscourse.errors import CrosscourseError
from crosscourse.layout import Layout
from crosscourse.manifest import placeholders
from crosscourse.manifest.model import Manifest
from crosscourse.run.environment import base_environment
from tasks import names
from toolchains.c import compilers
from toolchains.c.compiler import LIBRARIES
from toolchains.targets import get_target, host_goarch

if TYPE_CHECKING:
    from crosscourse.engine.places import Places

# Seconds: what a program may take to end by itself, emulated and beside a build; what one that lasts is watched for.
_LIMIT, _WATCHED = 120, 3
# What timeout(1) ends with when it had to end the program.
_TIMED_OUT = 124
_REPORT = "smoke.json"


class SmokeError(CrosscourseError):
    """Programs that do not start as they should; ``found`` names each."""


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A call of a program. ``step``: what makes it; the rest as in the manifest."""

    name: str
    step: str
    arguments: tuple[str, ...]
    status: int
    expect: str
    lasts: bool


class SmokeRun(Spec, frozen=True, kw_only=True):
    """What decides the outcome beside the programs.

    ``emulator``: none where this machine runs them; ``cpu``: what it is told to be. ``libraries``: of dynamically
    linked programs, the step that has the C library that they were linked with; empty where this machine's has to do.
    """

    target: str
    calls: tuple[Call, ...]
    emulator: str
    cpu: str
    libraries: str = ""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a call. ``found``: what was wrong; empty if nothing was. ``said``: its first line."""

    name: str
    found: str
    said: str


def steps(manifest: Manifest, layout: Layout, target: str) -> Iterator[Step]:
    """The step that starts all programs of one target; none where the manifest says nothing of it."""
    calls = tuple(_calls(manifest, target))
    if not calls:
        return
    described = get_target(target)
    emulator = "" if described.goarch == host_goarch() else described.elf.emulator
    dynamic = bool(emulator) and not compilers.of(manifest.c, described).static
    compiler = compilers.chosen(manifest.c).unpacked(described) if dynamic else None
    libraries = names.toolchain(compiler.tool) if compiler else ""
    yield Step(
        name=names.smoke(target),
        stage="smoke",
        doc=f"each program starts, and says what it should, as {described.title}",
        spec=SmokeRun(
            target=target,
            calls=calls,
            emulator=emulator,
            cpu=described.elf.emulated_cpu or "",
            libraries=libraries,
        ),
        work=smoke,
        needs=(*dict.fromkeys(call.step for call in calls), *filter(None, [libraries])),
        memory=300,
        outputs={_REPORT: layout.report(target, "smoke") / _REPORT},
    )


def _calls(manifest: Manifest, target: str) -> Iterator[Call]:
    for name, table in manifest.smoke.items():
        artifact = manifest.artifact[name]
        yield Call(
            name=name,
            step=names.compile(target, name),
            arguments=tuple(table.arguments),
            status=table.status,
            expect=placeholders.fill_in(table.expect, manifest, artifact.source),
            lasts=table.lasts,
        )


def smoke(spec: SmokeRun, at: Places) -> None:
    """Start each program. Raises SmokeError with all that do not start, EmulatorMissingError."""
    from toolchains.emulators import find_emulator

    before: list[str | Path] = []
    if spec.emulator:
        path = os.environ.get("PATH", os.defpath)
        before = [find_emulator(spec.emulator, path, what=f"programs for {spec.target}")]
        before += ["-cpu", spec.cpu] if spec.cpu else []
        before += ["-L", at.need(spec.libraries, LIBRARIES)] if spec.libraries else []
    outcomes = []
    for index, call in enumerate(spec.calls):
        at.status(f"starting {call.name} ({index + 1} of {len(spec.calls)})")
        outcomes.append(_outcome(call, before, at))
    wrong = [outcome for outcome in outcomes if outcome.found]
    if wrong:
        listed = "".join(f"\n  {outcome.name}: {outcome.found}" for outcome in wrong)
        raise SmokeError(
            f"programs for {spec.target}",
            f"{len(wrong)} of {len(outcomes)} do not start as they should:{listed}",
            f"What each printed: {at.log}",
        )
    at.output().write_text(json.dumps(msgspec.to_builtins(outcomes), indent=1) + "\n", encoding="utf-8")
    how = f"under {spec.emulator}{f' -cpu {spec.cpu}' if spec.cpu else ''}" if spec.emulator else "on this machine"
    at.report(f"{len(outcomes)} programs for {spec.target} start {how}")


def _outcome(call: Call, before: list[str | Path], at: Places) -> Outcome:
    from crosscourse.run.process import CommandError

    seconds = _WATCHED if call.lasts else _LIMIT
    words = ["timeout", "--signal=KILL", str(seconds), *before, at.need(call.step), *call.arguments]
    status: int | None = 0
    try:
        said = at.run(words, env=base_environment(HOME=str(at.scratch)), cwd=at.scratch)
    except CommandError as error:
        said, status = error.tail, error.status
    return Outcome(name=call.name, found=_wrong(call, status, said), said=next(iter(said.strip().splitlines()), ""))


def _wrong(call: Call, status: int | None, said: str) -> str:
    """What is wrong with what came of a call, in words; empty if nothing is."""
    import signal

    ended = status in (_TIMED_OUT, 128 + signal.SIGKILL, -signal.SIGKILL)
    if call.lasts:
        return "" if ended else f"ended with status {status}, but was to go on\n    {_last(said)}"
    if ended:
        return f"did not end within {_LIMIT} s"
    if status is not None and status > 128:  # as a shell says that of a signal
        return f"ended by signal {status - 128} ({_signal(status - 128)})\n    {_last(said)}"
    if status is not None and status < 0:
        return f"ended by signal {-status} ({_signal(-status)})\n    {_last(said)}"
    if status != call.status:
        return f"ended with status {status}; expected {call.status}\n    {_last(said)}"
    return "" if call.expect in said else f"did not say {call.expect!r}, but:\n    {_last(said)}"


def _signal(number: int) -> str:
    import signal

    return signal.Signals(number).name if number in {each.value for each in signal.Signals} else "unknown"


def _last(said: str) -> str:
    return (said.strip().splitlines() or ["(it printed nothing)"])[-1]
