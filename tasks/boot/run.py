"""One boot: the distribution in an emulated machine, the rows that are tried there, and the report."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from crosscourse import files
from crosscourse.errors import CrosscourseError
from tasks.boot import report, specs
from tasks.boot.host.place import run_folder
from tasks.boot.rows import all_in_one, browse, builds, image, installed, programs, small, types, worker
from tasks.boot.session import Session, start

if TYPE_CHECKING:
    from crosscourse.engine.places import Places

_ROWS = {
    "worker": worker,
    "types": types,
    "image": image,
    "builds": builds,
    "all-in-one": all_in_one,
    "small": small,
}
# Seconds for all rows. A machine that is emulated on slow hardware may take several times what is usual.
LIMIT = 2400
# More of them where packages are installed: dpkg reads and writes hundreds of megabytes, twice.
_INSTALLING = 2400


class BootError(CrosscourseError):
    """A boot in which not every row passed; ``found`` is the report."""


def run(spec: specs.Boot, at: Places) -> None:
    """Boot, try, report. Raises BootError unless every row passed."""
    logs = at.place
    files.remove(logs)
    logs.mkdir(parents=True)
    started = time.monotonic()
    more = _INSTALLING if spec.delivery else 0
    with run_folder(at) as folder, ExitStack() as stack:
        session = Session(spec=spec, at=at, folder=folder, logs=logs, stack=stack)
        found = report.try_all(list(_checks(session)), at.status, until=started + LIMIT + more)
        if session.started is not None and not report.succeeded(found):
            time.sleep(2)  # the worker's log is copied to the host every second
    _report(session, found, time.monotonic() - started)


def _report(session: Session, found: Sequence[report.Row], seconds: float) -> None:
    spec, at = session.spec, session.at
    title = f"{at.task}: {spec.title}, {_conditions(spec)} {_where(spec)}"
    text = report.to_text(title, found, seconds)
    for folder in (session.logs, at.outputs_folder):  # a report of failure is no output, and is kept all the same
        files.write_text(folder / "report.json", json.dumps(report.to_json(title, found, seconds), indent=2) + "\n")
        files.write_text(folder / "report.txt", text + "\n")
    if not report.succeeded(found):
        raise BootError(at.task, "not every row passed\n" + text, f"Logs of all that ran: {session.logs}")
    at.report(text)


def _where(spec: specs.Boot) -> str:
    return "in name spaces of this machine" if spec.machine is None else f"on an emulated {spec.machine.title}"


def _conditions(spec: specs.Boot) -> str:
    if spec.delivery and not isinstance(spec, specs.WorkerBoot):
        return f"its package {spec.delivery.installed.package}"
    if not isinstance(spec, specs.WorkerBoot):
        return "its programs"
    scenario = spec.scenario
    how = "installed, " if spec.delivery else ""
    return f"{how}runtime {scenario.runtime}, cgroup v{scenario.cgroup}, {scenario.volumes} volumes"


def _checks(session: Session) -> Iterator[report.Check]:
    spec = session.spec
    if isinstance(spec, specs.WorkerBoot):
        yield from _ROWS[spec.scenario.rows].checks(session, spec)
    elif isinstance(spec, specs.UnitBoot):
        assert spec.delivery is not None
        yield from installed.checks(session, spec.delivery)
    elif isinstance(spec, specs.ProgramsBoot):
        yield report.Check(name="boot", title="the guest is up", act=lambda: start(session))
        yield from programs.checks(spec, lambda: session.guest)
        yield from browse.checks(session, spec)
