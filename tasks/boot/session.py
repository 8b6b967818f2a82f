"""One boot: the distribution in an emulated machine, the rows that are tried there, and the report."""

from __future__ import annotations

import json
import tarfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crosscourse import files
from crosscourse.engine.step import Context
from crosscourse.errors import CrosscourseError
from crosscourse.manifest.boot import BootPrograms, BootWorker, Scenario
from crosscourse.project import Project
from tasks.boot import paths
from tasks.boot.guest import disk, machine
from tasks.boot.host.place import run_folder
from tasks.boot.rows import programs, rows
from toolchains.targets import Target

# Seconds. A machine that is emulated on slow hardware may take several times what is usual.
START_LIMIT = 300
LIMIT = 1500
_ROOM = 16 * disk.MIB
_WORK = 16 << 30


class BootError(CrosscourseError):
    """A boot in which not every row passed; ``found`` is the report."""


@dataclass(kw_only=True)
class Session:
    """What the rows of one boot share. ``folder``: for sockets and servers. ``logs``: what is kept."""

    project: Project
    target: Target
    scenario: Scenario | None
    context: Context
    folder: Path
    logs: Path
    stack: ExitStack = field(default_factory=ExitStack)
    started: machine.Guest | None = None

    @property
    def guest(self) -> machine.Guest:
        """The running guest; RowError before it runs."""
        if self.started is None:
            raise rows.RowError("the guest", "is not running")
        return self.started

    @property
    def top(self) -> str:
        """The distribution's folder in the guest."""
        return f"{programs.TOP}/{self.project.manifest.release.root}"


def run(project: Project, target: Target, name: str, scenario: Scenario | None, context: Context) -> None:
    """Boot, try, report. Raises BootError unless every row passed."""
    logs = paths.report_folder(project, target, name)
    files.remove(logs)
    logs.mkdir(parents=True)
    started = time.monotonic()
    with run_folder(project, context) as folder, ExitStack() as stack:
        session = Session(
            project=project, target=target, scenario=scenario, context=context, folder=folder, logs=logs, stack=stack
        )
        found = rows.try_all(list(_checks(session)), context.note, until=started + LIMIT)
        if session.started is not None and not rows.succeeded(found):
            time.sleep(2)  # the worker's log is copied to the host every second
    _report(session, context.task, found, time.monotonic() - started)


def _report(session: Session, task: str, found: Sequence[rows.Row], seconds: float) -> None:
    project, target, context = session.project, session.target, session.context
    title = f"{task}: {project.manifest.release.title}, {_conditions(session)} on an emulated {target.emulated.cpu}"
    text = rows.to_text(title, found, seconds)
    files.write_text(session.logs / "report.json", json.dumps(rows.to_json(title, found, seconds), indent=2) + "\n")
    files.write_text(session.logs / "report.txt", text + "\n")
    if not rows.succeeded(found):
        raise BootError(task, "not every row passed\n" + text, f"Logs of all that ran: {session.logs}")
    context.tell(text)


def _conditions(session: Session) -> str:
    if session.scenario is None:
        return "its programs"
    scenario = session.scenario
    return f"runtime {scenario.runtime}, cgroup v{scenario.cgroup}, {scenario.volumes} volumes"


def _checks(session: Session) -> Iterator[rows.Check]:
    boot = session.project.manifest.boot
    if isinstance(boot, BootWorker):
        from tasks.boot.rows import worker

        yield from worker.checks(session, boot)
    elif isinstance(boot, BootPrograms):
        yield rows.Check(name="boot", title="the guest is up", act=lambda: start(session))
        yield from programs.checks(boot, lambda: session.guest, session.project.manifest)


def start(session: Session) -> rows.Seen:
    """Start the guest with the distribution; its kernel's version is the remark."""
    project, context = session.project, session.context
    boot = project.manifest.boot
    assert boot is not None
    context.note("making the disks")
    disks = [
        machine.Disk(name="root", image=paths.system(project, session.target).root),
        machine.Disk(name="distribution", image=distribution_disk(project, session.target, context)),
    ]
    if isinstance(boot, BootWorker):
        work = context.scratch / "work.ext4"
        disk.make_ext4(work, size=_WORK, label="work", context=context)
        disks.append(machine.Disk(name="work", image=work, shared=False))
    cgroup = session.scenario.cgroup if session.scenario else 2
    context.note("starting the machine")
    session.started = session.stack.enter_context(
        machine.running(
            session.target.emulated,
            paths.system(project, session.target),
            disks,
            memory=boot.memory,
            arguments=f"crosscourse.cgroup={cgroup}",
            folder=session.folder,
            logs=session.logs,
            seconds=START_LIMIT,
        )
    )
    return rows.Seen(remark=session.guest.run("uname -sr").text.strip())


def distribution_disk(project: Project, target: Target, context: Context) -> Path:
    """A disk with the distribution, unpacked as a user would."""
    folder = context.scratch / "distribution"
    # Python before 3.11.4 has no filters, and later ones warn without; the package is our own either way.
    safe: dict[str, Any] = {"filter": "tar"} if hasattr(tarfile, "tar_filter") else {}
    with tarfile.open(project.package_file(target.name)) as package:
        package.extractall(folder, **safe)  # noqa: S202  # made by the stage before
    image = context.scratch / "distribution.ext4"
    disk.make_ext4(image, size=disk.size_of(folder, room=_ROOM), label="distribution", context=context, folder=folder)
    return image
