"""A boot of kind ``worker`` whose rows are resource types: each is checked, got and put, against servers."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import msgspec

from crosscourse.manifest.boot import Try
from tasks.boot.host.kinds import start as kinds
from tasks.boot.host.kinds.values import filled, unknown
from tasks.boot.report import Check, Seen, expect
from tasks.boot.rows.course import Course, first_worker, start_web, stop
from tasks.boot.rows.fly import PIPELINE, lines_with
from tasks.boot.rows.pipeline import HOST
from tasks.boot.session import Session, start
from tasks.boot.specs import WorkerBoot

# Seconds that a row waits at most.
_LIMIT = 900
_LOOK = "look"


def checks(session: Session, spec: WorkerBoot) -> Iterator[Check]:
    """The rows, in the order in which they are tried: all checks, all gets, what was got, all puts."""
    course = Types(session=session, spec=spec)

    def row(name: str, title: str, act: Callable[[], Seen], *needs: str) -> Check:
        return Check(name=name, title=title, act=act, needs=needs)

    yield row("servers", "web node, and what types are tried against, on the host", course.start)
    yield row("boot", "the guest is up", lambda: start(session))
    yield row("worker", "the worker is registered", lambda: first_worker(course), "boot", "servers")
    for name, one in spec.tries.items():
        yield row(f"{name}-check", f"{one.title}: checked", partial(course.check, name), "worker")
    for name, one in spec.tries.items():
        yield row(f"{name}-get", f"{one.title}: got", partial(course.get, name), f"{name}-check")
    yield row("files", "in what was got are the files that were served", course.look, f"{spec.scenario.image}-get")
    for name, one in spec.tries.items():
        if one.put is not None:
            title = f"{one.title}: put{', and got again' if one.again else ''}"
            yield row(f"{name}-put", title, partial(course.put, name), f"{name}-get")
    yield row("stop", "the worker ends and is pruned", lambda: stop(course), "worker")


@dataclass(kw_only=True)
class Types(Course):
    """The course of these rows. A get begins by itself when its check has found a version, a put after its get; if a
    person triggered them, the web node would check once more. ``got``: what passed.

    One check, one get and one put run at a time: the container of a check that takes longer than five minutes is
    removed (upstream's atc/exec/check_step.go).
    """

    got: list[str] = field(default_factory=list)

    def start(self) -> Seen:
        """Start the web node and the servers, and set the pipeline."""
        session, spec, at = self.session, self.spec, self.session.at
        at.status("starting the servers")
        fly = start_web(self)
        stand_ins = at.need(spec.stand_ins)
        running = kinds.running(
            spec.servers, address=HOST, stand_ins=stand_ins, folder=session.folder, logs=session.logs, at=at
        )
        self.values = session.stack.enter_context(running)
        wrong = unknown(msgspec.to_builtins((spec.tries, spec.scenario)), self.values)
        expect(not wrong, "servers", f"have no {', '.join(wrong)}")
        fly.set_pipeline(pipeline(spec.tries, self.values))
        return Seen()

    def check(self, name: str) -> Seen:
        """Check, and wait for it."""
        self.fly.call("check-resource", "-r", f"{PIPELINE}/{name}", seconds=_LIMIT)
        return Seen()

    def get(self, name: str) -> Seen:
        """Wait for the get that began when a version was found."""
        seen = self._job(name)
        self.got.append(name)
        return seen

    def put(self, name: str) -> Seen:
        """Wait for the put that began after the get."""
        return self._job(_copy(name))

    def _job(self, name: str) -> Seen:
        build = self.fly.first_build(name)
        return Seen(seconds=self.fly.await_build(build, seconds=_LIMIT).seconds)

    def look(self) -> Seen:
        """Compare the files that were got with what they must contain, by one task for all."""
        tries = {name: self.spec.tries[name] for name in self.got}
        look = look_job(tries, self.spec.scenario.image or "")
        self.fly.set_pipeline(pipeline(self.spec.tries, self.values, look))
        ended = self.fly.await_build(self.fly.first_build(_LOOK), seconds=_LIMIT)
        wrong = wrong_files(
            filled({name: one.got for name, one in tries.items()}, self.values), contents_of(ended.said)
        )
        expect(not wrong, "what was got", "is not what was served:\n" + "\n".join(wrong))
        count = sum(len(one.got) for one in tries.values())
        return Seen(remark=f"{count} files of {sum(bool(one.got) for one in tries.values())} resources")


def wrong_files(wanted: Mapping[str, Mapping[str, str]], found: Mapping[str, str]) -> list[str]:
    """A sentence for each file that lacks its text. ``wanted``: by resource and path; ``found``: by both in one."""
    return [
        f"{name}/{path} has {found.get(f'{name}/{path}', '')[:200]!r}, without {text!r}"
        for name, files in wanted.items()
        for path, text in files.items()
        if text not in found.get(f"{name}/{path}", "")
    ]


def contents_of(said: str) -> dict[str, str]:
    """What the task of ``look_job`` printed: path → what is in the file, or why it can't be read."""
    rows = [
        [base64.b64decode(word).decode(errors="replace") for word in line.split()[1:]]
        for line in lines_with(said, "FILE ")
    ]
    return {path: "".join(content) for path, *content in rows}


def _copy(name: str) -> str:
    return f"{name}-copy"


def pipeline(
    tries: Mapping[str, Try], values: Mapping[str, str], look: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The pipeline: for each a resource and a job that gets it; for what is put another resource and job, after that.

    ``look``: one job more.
    """
    resources, jobs = [], []
    for name, one in tries.items():
        get = {"get": name, "params": one.get, "trigger": True}
        resources.append({"name": name, "type": one.type, "source": one.source})
        jobs.append({"name": name, "plan": [get], "serial_groups": ["gets"]})
        if one.put is not None:
            copy = _copy(name)
            put = {"put": copy, "params": one.put, **({"get_params": one.get} if one.again else {"no_get": True})}
            resources.append({"name": copy, "type": one.type, "source": {**one.source, **one.put_source}})
            jobs.append({"name": copy, "plan": [{**get, "passed": [name]}, put], "serial_groups": ["puts"]})
    # The web node's own schedule is not waited for.
    resources = [{**resource, "check_every": "never"} for resource in resources]
    found: dict[str, Any] = filled({"resources": resources, "jobs": jobs}, values)
    return {**found, "jobs": [*found["jobs"], *([look] if look else [])]}


def look_job(tries: Mapping[str, Try], image: str) -> dict[str, Any]:
    """A job that prints what is in the files that ``tries`` speak of. ``image``: the try whose get is an image."""
    wanted = {name: one for name, one in tries.items() if one.got}
    gets = [
        {"get": name, "params": one.get, "trigger": True}
        for name, one in tries.items()
        if name in wanted or name == image
    ]
    paths = [f"{name}/{path}" for name, one in wanted.items() for path in one.got]
    script = (
        'for path; do echo "FILE $(printf %s "$path" | base64 -w 0) $(head -c 4000 "$path" 2>&1 | base64 -w 0)"; done'
    )
    task = {
        "task": _LOOK,
        "image": image,
        "config": {
            "platform": "linux",
            "run": {"path": "sh", "args": ["-c", script, "sh", *paths]},
            "inputs": [{"name": name} for name in wanted],
        },
    }
    return {"name": _LOOK, "plan": [*gets, task]}
