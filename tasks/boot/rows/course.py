"""What the rows of any boot with a worker share: the web node on the host, and the worker in the guest that joins."""

from __future__ import annotations

import shlex
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from tasks.boot.host import registry, servers
from tasks.boot.host.kinds.values import filled
from tasks.boot.report import RowError, Seen, expect
from tasks.boot.rows.fly import Build, Fly, FlyError, OnHost
from tasks.boot.rows.pipeline import HOST
from tasks.boot.session import Session
from tasks.boot.specs import WorkerBoot

NAME = "guest"
# Seconds that the worker may take to end.
_ENDING = 60
# Seconds that it may take to be registered, in an emulated machine whose host has other work, too.
_REGISTERING = 300


class Runner(Protocol):
    """How the worker runs in the guest."""

    def prepare(self, course: Course, /) -> None:
        """Give the guest what the worker needs."""

    def start(self, course: Course, /) -> None:
        """Start it; it is not waited for."""

    def runs(self, course: Course, /) -> bool:
        """Whether it runs, or will do so without being asked."""

    def end(self, course: Course, /) -> None:
        """Ask it to end, and wait for it. Raises RowError if it does not."""

    def crash(self, course: Course, /) -> None:
        """Kill it, and have it started again, if nobody else does that."""

    def log(self, course: Course, /) -> str:
        """The end of what it said."""


@dataclass(kw_only=True)
class Course:
    """What the rows of this boot share; each part is there once its row has passed.

    ``runner``: how the worker runs. ``values``: those of the servers on the host, ``SERVER.VALUE`` → text. ``script``:
    makes the shell script that starts the worker in the guest, where that is not the distribution's program itself.
    """

    session: Session
    spec: WorkerBoot
    runner: Runner = field(default_factory=lambda: Script())  # noqa: PLW0108  # it is below
    store: registry.Registry | None = None
    node: servers.Web | None = None
    logged_in: Fly | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    triggered: dict[str, deque[Build]] = field(default_factory=dict)
    said: dict[str, list[str]] = field(default_factory=dict)
    script: Callable[[Course], str] | None = None

    @property
    def fly(self) -> Fly:
        """fly, logged in; RowError before the servers run."""
        if self.logged_in is None:
            raise RowError("the web node", "is not running")
        return self.logged_in


def start_web(course: Course) -> Fly:
    """Start the database and the web node, and log in."""
    session, spec, at, stack = course.session, course.spec, course.session.at, course.session.stack
    socket = stack.enter_context(servers.database(session.folder, session.logs, at))
    course.node = stack.enter_context(servers.web(at.need(spec.web), socket, session.folder, session.logs, at))
    fly = Fly(caller=OnHost(program=at.need(spec.fly), home=session.folder, at=at))
    fly.login(course.node.url, servers.USER, course.node.password)
    course.logged_in = fly
    return fly


def first_worker(course: Course, *, seconds: int = _REGISTERING) -> Seen:
    """Give the guest what the worker needs, and start it. ``seconds``: how long it may take to be registered."""
    put_files(course, filled(course.spec.scenario.files, course.values))
    course.runner.prepare(course)
    return start_worker(course, seconds=seconds)


def put_files(course: Course, contents: Mapping[str, str]) -> None:
    """Write files into the guest, path from its root → text."""
    for path, text in contents.items():
        place = shlex.quote(f"/{path}")
        said = course.session.guest.run(f'mkdir -p "$(dirname {place})" && printf %s {shlex.quote(text)} >{place}')
        expect(said.status == 0, f"/{path} of the guest", f"can't be written: {said.text}")


class Script:
    """The worker as a program that a script starts, with all that it is told in its environment."""

    def prepare(self, course: Course) -> None:
        """Its keys and the script."""
        node = course.node
        assert node is not None
        keys = {
            "run/tsa.pub": node.keys.host.with_suffix(".pub").read_text(encoding="utf-8"),
            "run/worker": node.keys.worker.read_text(encoding="utf-8"),
        }
        put_files(course, {**keys, "run/worker.sh": (course.script or worker_script)(course)})

    def start(self, course: Course) -> None:
        """Run the script."""
        course.session.guest.run("sh /run/worker.sh")

    def runs(self, course: Course) -> bool:
        """Whether its process is there."""
        return course.session.guest.run("kill -0 $(cat /run/worker.pid)").status == 0

    def end(self, course: Course) -> None:
        """By SIGTERM."""
        wait = (
            f"n=0; while kill -0 $p 2>/dev/null && [ $n -lt {_ENDING} ]; do n=$((n + 1)); sleep 1; done; ! kill -0 $p"
        )
        answer = course.session.guest.run(f"p=$(cat /run/worker.pid); kill -TERM $p; {wait}", seconds=_ENDING + 20)
        expect(answer.status == 0, "the worker", f"did not end within {_ENDING} s of SIGTERM")

    def crash(self, course: Course) -> None:
        """By SIGKILL; then the script again."""
        course.session.guest.run("kill -KILL $(cat /run/worker.pid); sleep 1")
        self.start(course)

    def log(self, course: Course) -> str:
        """Of its file of the log."""
        return course.session.guest.run("tail -n 15 /run/worker.log").text


def worker_script(course: Course) -> str:
    """The shell script that starts the worker in the guest."""
    session, node = course.session, course.node
    assert node is not None
    variables = {
        "CONCOURSE_NAME": NAME,
        "CONCOURSE_WORK_DIR": "/work",
        "CONCOURSE_TSA_HOST": f"{HOST}:{node.tsa_port}",
        "CONCOURSE_TSA_PUBLIC_KEY": "/run/tsa.pub",
        "CONCOURSE_TSA_WORKER_PRIVATE_KEY": "/run/worker",
        "CONCOURSE_RUNTIME": course.spec.scenario.runtime,
        "CONCOURSE_BAGGAGECLAIM_DRIVER": course.spec.scenario.volumes,
        **filled(course.spec.scenario.env, {**course.values, "root": session.top}),
    }
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())
    program = f"{session.top}/{course.spec.worker}"
    return f"{exports}setsid {program} worker >>/run/worker.log 2>&1 </dev/null &\necho $! >/run/worker.pid\n"


def start_worker(course: Course, *, seconds: int = _REGISTERING) -> Seen:
    """Start the worker and wait until it is registered, ``seconds`` at most."""
    return registered(course, lambda: course.runner.start(course), seconds=seconds)


def registered(
    course: Course, begin: Callable[[], object], *, seconds: int = _REGISTERING, earlier: Collection[int] | None = None
) -> Seen:
    """Wait until a worker is registered that ``begin`` had started; an earlier one of the same name does not count.
    ``earlier``: when those were started that do not; by default those that there are.
    """
    if earlier is None:
        earlier = {worker["start_time"] for worker in course.fly.workers()}
    begin()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = [worker for worker in course.fly.workers() if worker["start_time"] not in earlier]
        if any(worker["state"] == "running" for worker in found):
            return Seen()
        if not course.runner.runs(course):
            break
        time.sleep(1)
    raise RowError("the worker", f"did not register. The end of its log:\n{course.runner.log(course)}")


def stop(course: Course) -> Seen:
    """End the worker; the web node then forgets it."""
    course.runner.end(course)
    end = time.monotonic() + 90
    while True:
        try:
            found = course.fly.workers()
            if not found:
                return Seen()
            course.fly.call("prune-worker", "-w", NAME)
        except FlyError:
            if time.monotonic() > end:
                raise
            time.sleep(1)
