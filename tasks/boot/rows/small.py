"""The rows of a worker on a board of little memory: installed and set up as people do there, a task in a small image,
and what time and memory each process of the guest takes meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tasks.boot.report import Check, Seen, expect
from tasks.boot.rows import installed, pipeline, preflight, processes, worker
from tasks.boot.rows.course import Course, first_worker, stop
from tasks.boot.rows.unit import Unit
from tasks.boot.session import Session, start
from tasks.boot.specs import WorkerBoot

# Seconds for what reads from an SD card, by a network on USB, or unpacks to the one what came by the other.
_SLOW = 900


def checks(session: Session, spec: WorkerBoot) -> Iterator[Check]:
    """The rows, in the order in which they are tried."""
    given = spec.delivery
    assert given is not None
    course = Course(session=session, spec=spec, runner=Unit(installed=given.installed))

    def row(name: str, title: str, act: Callable[[Course], Seen], *needs: str) -> Check:
        return Check(name=name, title=title, act=lambda: act(course), needs=needs)

    yield row(
        "servers", "database, registry and web node on the host", lambda it: worker.servers(it, pipeline.small)
    )
    yield row("boot", "the guest is up", lambda it: start(it.session))
    yield from installed.install_rows(session, given)
    title = "the worker is told its web node, and that it is small"
    yield row("setup", title, lambda it: installed.setup(it, given.installed.small), "install", "servers")
    if given.installed.preflight:
        title = "it says nothing but that the machine is small"
        yield row("preflight", title, lambda it: preflight.small(it, given.installed), "setup")
    yield row("worker", "the worker is registered", lambda it: first_worker(it, seconds=_SLOW), "setup")
    yield row("check", "a resource is checked", lambda it: worker.check(it, _SLOW), "worker")
    yield row("get", "an image is fetched", _get, "check")
    yield row("task", "an unprivileged task runs", _task, "get")
    for name in pipeline.SMALL:
        yield row(name, pipeline.PROGRAMS[name][0], worker.tried(name), "task")
    yield row("processes", "what each process takes while a task runs", _processes, "task")
    yield row("stop", "the worker ends and is pruned", stop, "worker")


def _get(course: Course) -> Seen:
    return Seen(seconds=course.fly.await_build(course.fly.trigger("get"), seconds=_SLOW).seconds)


def _task(course: Course) -> Seen:
    return worker.understood(course, course.fly.await_build(course.fly.trigger("programs"), seconds=_SLOW))


def _processes(course: Course) -> Seen:
    """Look at them while a task runs, which is then told to end."""
    build = worker.begun(course, "patient")
    said = course.session.guest.run(processes.LOOK, seconds=120)
    expect(said.status == 0, "the guest's /proc", said.text)
    worker.tell_end(course, build, ("busybox", "touch"))
    worker.await_end(course, build)
    return Seen(remark=processes.table(said.text))
