"""The rows of everything on one machine: a web node, its database and a worker, installed by apt and set up as the
installation's documentation says, in the guest alone. Its own fly runs a pipeline; a browser on the host looks at it.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from crosscourse.manifest.boot import Try
from crosscourse.manifest.installed import Together
from tasks.boot.report import Check, Seen, expect
from tasks.boot.rows import browse, installed, preflight
from tasks.boot.rows.course import Course, registered
from tasks.boot.rows.fly import PIPELINE, Fly, InGuest, lines_with
from tasks.boot.rows.unit import Unit
from tasks.boot.session import Session, start
from tasks.boot.specs import Delivery, WorkerBoot

# Seconds that apt may take for all of it, on an emulated machine.
_INSTALLING = 1500
# Seconds that the set-up may take, which makes keys, and then the web node, which makes its tables: on an emulated
# machine.
_ANSWERING = 600
# Seconds for a first check or get, which unpacks the resource type.
_FIRST = 600
# What ends the task of the job `patient`: a file in its container.
_OVER = "/tmp/over"  # noqa: S108  # of the container
_PATIENCE = 900
# As the documentation has it, for whoever is no root; the guest has no such program.
_SUDO = """set -eu
sudo() {
    case $1 in
    -u) sudo_user=$2; shift 2; setpriv --reuid "$sudo_user" --regid "$sudo_user" --init-groups "$@" ;;
    *) "$@" ;;
    esac
}
cd /
"""


def checks(session: Session, spec: WorkerBoot) -> Iterator[Check]:
    """The rows, in the order in which they are tried."""
    given = spec.delivery
    assert given is not None
    assert given.installed.together is not None
    course = OneMachine(
        session=session,
        spec=spec,
        runner=Unit(installed=given.installed),
        given=given,
        together=given.installed.together,
    )

    def row(name: str, title: str, act: Any, *needs: str) -> Check:
        return Check(name=name, title=title, act=act, needs=needs)

    packages = ", ".join((*course.together.debian, *course.together.packages))
    yield row("boot", "the guest is up", lambda: start(session))
    yield row("system", "Debian's init has started all", lambda: installed.system(session), "boot")
    yield row("install", f"apt installs {packages}", course.install, "system")
    yield row("setup", "set up as docs/install.md says", course.setup, "install")
    yield row("web", "the web node answers, fly logs in", course.log_in, "setup")
    yield row("worker", "the worker is registered", course.first_worker, "web")
    yield row("check", "a resource is checked", course.check, "worker")
    yield row("get", "it is fetched", course.get, "check")
    yield row("task", "a task runs in it", course.task, "get")
    for name, one in spec.browse.items():
        yield row(name, one.title, partial(course.browse, name), "task")
    yield row("stop", "all of it ends", course.stop, "worker")


@dataclass(kw_only=True)
class OneMachine(Course):
    """The course of these rows."""

    given: Delivery
    together: Together

    def install(self) -> Seen:
        """By one call of apt, from the release's repository and from Debian's packages."""
        installed.add_repositories(self.session, self.given)
        words = ("install", *self.together.debian, *self.together.packages)
        installed.apt(self.session, " ".join(words), seconds=_INSTALLING)
        return Seen(remark=installed.version(self.session, self.given))

    def setup(self) -> Seen:
        """Do what the documentation says."""
        preflight.allow_kernel(self.session, self.given.installed)
        # By a person's shell: the agent's own takes programs of busybox first.
        words = shlex.join(["/usr/bin/bash", "-c", f"{_SUDO}{self.together.setup}"])
        said = self.session.guest.run(words, seconds=_ANSWERING)
        expect(said.status == 0, "set-up", f"exit status {said.status}: {said.text[-3000:]}")
        return Seen()

    def log_in(self) -> Seen:
        """Wait until the web node answers, then log in by the fly that is installed."""
        url = shlex.quote(f"{self.together.url}/api/v1/info")
        ask = f"/usr/bin/busybox wget -q -O - {url} 2>/dev/null"
        wait = f"n=0; until {ask}; do n=$((n + 1)); [ $n -lt {_ANSWERING} ] || exit 1; sleep 1; done"
        said = self.session.guest.run(wait, seconds=_ANSWERING + 20)
        expect(said.status == 0, self.together.url, f"does not answer:\n{self.journal()}")
        fly = Fly(caller=InGuest(session=self.session, program="fly"))
        fly.login(self.together.url, self.together.user, self.together.password)
        self.logged_in = fly
        return Seen(remark=f"Concourse {json.loads(said.text)['version']}")

    def journal(self) -> str:
        """The end of what all units said."""
        return self.session.guest.run("journalctl -o cat -n 30").text

    def first_worker(self) -> Seen:
        """It was started by the set-up, and tries until the web node answers."""
        seen = registered(self, lambda: None, earlier=(), seconds=_ANSWERING)
        (worker,) = self.fly.workers()
        self.fly.set_pipeline(pipeline(*next(iter(self.spec.tries.items()))))
        return Seen(remark=f"{worker['name']}, {worker['platform']}, version {worker['version']}", seconds=seen.seconds)

    def check(self) -> Seen:
        """Find a version."""
        (name,) = self.spec.tries
        self.fly.call("check-resource", "-r", f"{PIPELINE}/{name}", seconds=_FIRST)
        return Seen()

    def get(self) -> Seen:
        """Fetch it."""
        return Seen(seconds=self.fly.await_build(self.fly.trigger("get"), seconds=_FIRST).seconds)

    def task(self) -> Seen:
        """Run a program in it."""
        ended = self.fly.await_build(self.fly.trigger("task"), seconds=_FIRST)
        (said,) = lines_with(ended.said, "on ") or [""]
        machine = self.session.guest.run("uname -m").text.strip()
        expect(said == f"on {machine}", "job task", f"said {said!r}, not 'on {machine}':\n{ended.said}")
        return Seen(remark=said, seconds=ended.seconds)

    def browse(self, name: str) -> Seen:
        """Look at the pages."""
        values = {"user": self.together.user, "password": self.together.password, "pipeline": PIPELINE}
        return browse.look(
            self.session, name, self.spec.browse[name], values=values, does={"end-patient": self._end_patient}
        )

    def _end_patient(self) -> None:
        """From within its container, as a person would look into one."""
        words = ("-j", f"{PIPELINE}/patient", "-s", "patient", "--", "touch", _OVER)
        self.fly.call("hijack", *words, seconds=120)

    def stop(self) -> Seen:
        """Stop the worker, then the web node; whatever failed since the start is an error."""
        self.runner.end(self)
        unit = shlex.quote(self.together.unit)
        said = self.session.guest.run(f"systemctl stop {unit} && systemctl --failed --plain --no-legend", seconds=120)
        expect(said.status == 0 and not said.text.strip(), "systemd", f"has units that failed: {said.text}")
        return Seen()


def pipeline(name: str, one: Try) -> dict[str, Any]:
    """The pipeline. ``one``: the resource, called ``name``, that gets an image for tasks."""
    get = {"get": name, "params": one.get}

    def task(job: str, script: str) -> dict[str, Any]:
        run = {"path": "sh", "args": ["-c", script]}
        return {"task": job, "image": name, "config": {"platform": "linux", "run": run}}

    count = (
        f"n=0; while [ ! -e {_OVER} ]; do n=$((n + 1)); [ $n -lt {_PATIENCE} ] || exit 1; echo tick $n; sleep 1; done"
    )
    return {
        "resources": [{"name": name, "type": one.type, "source": one.source, "check_every": "never"}],
        "jobs": [
            {"name": "get", "plan": [get]},
            {"name": "task", "plan": [{**get, "passed": ["get"]}, task("task", "echo on $(uname -m)")]},
            {"name": "patient", "plan": [get, task("patient", f"{count}; echo the end")]},
        ],
    }
