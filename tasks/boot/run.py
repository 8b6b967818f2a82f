"""One boot: the distribution in an emulated machine, the rows that are tried there, and the report."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, TypeVar

from crosscourse import files
from crosscourse.errors import CrosscourseError
from tasks.boot import report, specs
from tasks.boot.host.place import run_folder
from tasks.boot.session import Session

if TYPE_CHECKING:
    from crosscourse.engine.places import Places

B = TypeVar("B", bound=specs.Boot)
# Seconds for all rows. A machine that is emulated on slow hardware may take several times what is usual.
LIMIT = 2400
# More of them where packages are installed: dpkg reads and writes hundreds of megabytes, twice.
_INSTALLING = 2400


class BootError(CrosscourseError):
    """A boot in which not every row passed; ``found`` is the report."""


def run(spec: B, at: Places, checks: Callable[[Session, B], Iterator[report.Check]]) -> None:
    """Boot, try what ``checks`` has, report. Raises BootError unless every row passed."""
    logs = at.place
    files.remove(logs)
    logs.mkdir(parents=True)
    started = time.monotonic()
    more = _INSTALLING if spec.delivery else 0
    with run_folder(at) as folder, ExitStack() as stack:
        session = Session(spec=spec, at=at, folder=folder, logs=logs, stack=stack)
        found = report.try_all(list(checks(session, spec)), at.status, until=started + LIMIT + more)
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
