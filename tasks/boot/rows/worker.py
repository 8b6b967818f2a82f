"""A boot of kind ``worker``: the rows of a pipeline run by a Concourse worker in the guest."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from crosscourse.manifest.boot import Registry
from tasks.boot.guest import image
from tasks.boot.host import registry
from tasks.boot.report import Check, RowError, Seen, expect
from tasks.boot.rows import installed, pipeline, preflight
from tasks.boot.rows.course import Course, Script, first_worker, registered, start_web, start_worker, stop
from tasks.boot.rows.fly import PIPELINE, Build, Ended, lines_with
from tasks.boot.rows.unit import Unit
from tasks.boot.session import Session, start
from tasks.boot.specs import WorkerBoot

# Jobs that are begun at once, in the order in which their rows ask for them; `flow` twice, for its cache.
_TOGETHER = ("programs", "flow", "flow", "unprivileged", "privileged", "fails", "put")

# Seconds that a task may take to begin, on an emulated machine that has other work.
_BEGINNING = 600


def checks(session: Session, spec: WorkerBoot) -> Iterator[Check]:
    """The rows, in the order in which they are tried."""
    given = spec.delivery
    runner = Unit(installed=given.installed) if given else Script()
    yield from rows(Course(session=session, spec=spec, runner=runner))


def rows(course: Course) -> Iterator[Check]:
    """The rows of a course."""
    session, given = course.session, course.spec.delivery

    def row(name: str, title: str, act: Callable[[Course], Seen], *needs: str) -> Check:
        return Check(name=name, title=title, act=lambda: act(course), needs=needs)

    yield row("servers", "database, registry and web node on the host", servers)
    yield row("boot", "the guest is up", lambda course: start(course.session))
    if given:
        yield from installed.install_rows(session, given)
        yield row(
            "setup", "the worker is told its web node, which is told its key", installed.setup, "install", "servers"
        )
        yield from preflight.checks(course, given.installed)
    yield row("worker", "the worker is registered", first_worker, "setup" if given else "boot", "servers")
    yield row("check", "a resource is checked", check, "worker")
    yield row("get", "an image is fetched", _get, "check")
    yield row("task", "an unprivileged task runs", _programs, "get")
    for name, (title, _) in pipeline.PROGRAMS.items():
        yield row(name, title, tried(name), "task")
    yield row("outputs", "what a task writes, the next one reads", _flow("written"), "get")
    yield row("caches", "a task's cache is there in the next build", _flow("the cache is back"), "outputs")
    yield row("refused", "an unprivileged task may not mount", _job("unprivileged"), "get")
    yield row("privileged", "a privileged task mounts", _job("privileged"), "get")
    yield row("exit-status", "a task that fails says so", _fails, "get")
    yield row("hijack", "a command in a container that is there", _hijack, "exit-status")
    yield row("put", "an image is fetched as OCI and put", _put, "get")
    yield row("restart", "a task outlives the worker's restart", _restart, "task")
    yield row("crash", "a killed worker comes back and runs a task", _crash, "task")
    if given:
        yield row("upgrade", "a task outlives an upgrade of the package", _upgrade, "task")
        if given.installed.drain:
            yield row("drain", "a worker that is to drain ends when its task has", _drain, "task")
        yield from installed.remove_rows(session, given)
    else:
        yield row("stop", "the worker ends and is pruned", stop, "worker")


def servers(course: Course, configuration: Callable[[int, Registry], dict[str, Any]] = pipeline.pipeline) -> Seen:
    """Start what runs on the host, with the image for tasks and the pipeline, made by ``configuration``."""
    session, spec, at, stack = course.session, course.spec, course.session.at, course.session.stack
    at.status("starting the servers")
    course.store = stack.enter_context(registry.running(session.folder, session.logs))
    fly = start_web(course)
    image.push(course.store, pipeline.REPOSITORY, at.need(spec.image), spec.date, at.scratch)
    fly.set_pipeline(configuration(course.store.port, spec.registry))
    return Seen()


def check(course: Course, seconds: int = 300) -> Seen:
    """Check the image's resource."""
    course.fly.call("check-resource", "-r", f"{PIPELINE}/{pipeline.IMAGE}", seconds=seconds)
    return Seen()


def _get(course: Course) -> Seen:
    """Fetch the image; then begin all the jobs that use it, which share the guest's processors."""
    ended = course.fly.await_build(course.fly.trigger("get"))
    for job in _TOGETHER:
        course.triggered.setdefault(job, deque()).append(course.fly.trigger(job))
    return Seen(seconds=ended.seconds)


def _await(course: Course, job: str) -> Ended:
    return course.fly.await_build(course.triggered[job].popleft())


def _job(job: str) -> Callable[[Course], Seen]:
    return lambda course: Seen(seconds=_await(course, job).seconds)


def _programs(course: Course) -> Seen:
    return understood(course, _await(course, "programs"))


def understood(course: Course, ended: Ended) -> Seen:
    """Keep what the programs said."""
    course.said = {line.split()[1]: line.split(maxsplit=5)[2:] for line in lines_with(ended.said, "TRIED")}
    return Seen(seconds=ended.seconds)


def tried(name: str) -> Callable[[Course], Seen]:
    """The row of a program: what it said when it was tried."""

    def act(course: Course) -> Seen:
        found = course.said.get(name)
        if found is None:
            raise RowError(name, "did not run")
        status, began, ended = found[:3]
        said = " ".join(found[3:])
        expect(status == "0", name, f"exit status {status}: {said}")
        wanted = _wanted(course, name)
        expect(wanted in said, name, f"said {said!r}, not {wanted!r}")
        return Seen(remark=said, seconds=float(ended) - float(began))

    return act


def _wanted(course: Course, name: str) -> str:
    """What a program must have said, where that is not the same everywhere."""
    if name == "dns":
        return pipeline.HOST
    return course.spec.platform if name == "platform" else ""


def _flow(text: str) -> Callable[[Course], Seen]:
    def act(course: Course) -> Seen:
        ended = _await(course, "flow")
        expect(bool(lines_with(ended.said, text)), "job flow", f"did not say {text!r}:\n{ended.said}")
        return Seen(seconds=ended.seconds)

    return act


def _fails(course: Course) -> Seen:
    return Seen(seconds=course.fly.await_failure(course.triggered["fails"].popleft(), 3).seconds)


def _hijack(course: Course) -> Seen:
    words = ["hijack", "-j", f"{PIPELINE}/fails", "-s", "fails", "--", "sh", "-c", "echo in $CROSSCOURSE; exit 0"]
    said = course.fly.call(*words)
    expect("in image" in said, "fly hijack", f"said {said!r}")
    return Seen()


def _put(course: Course) -> Seen:
    ended = _await(course, "put")
    assert course.store is not None
    manifest = course.store.get(pipeline.COPY, "latest", image.MANIFEST, image.DOCKER_MANIFEST)
    config = course.store.get(pipeline.COPY, manifest["config"]["digest"])
    found = "/".join(filter(None, (config["architecture"], config.get("variant"))))
    wanted = course.spec.platform
    expect(found == wanted, "the image that was put", f"is for {found}, not {wanted}")
    return Seen(remark=found, seconds=ended.seconds)


def _restart(course: Course) -> Seen:
    """Stop the worker in the middle of a task, start it again, and see the task through to its end."""
    started = time.monotonic()
    build = begun(course, "patient")
    course.runner.end(course)
    start_worker(course)
    _go_on(course, build)
    return Seen(seconds=time.monotonic() - started)


def begun(course: Course, job: str) -> Build:
    """A build whose task has begun to count."""
    build = course.fly.trigger(job)
    look = "pgrep -f 'tick [$]n' >/dev/null"
    wait = f"n=0; until {look}; do n=$((n + 1)); [ $n -lt {_BEGINNING} ] || exit 1; sleep 1; done"
    found = course.session.guest.run(wait, seconds=_BEGINNING + 30).status == 0
    expect(found, f"job {job}", f"its task did not start within {_BEGINNING} s")
    return build


def tell_end(course: Course, build: Build, touch: Sequence[str] = ("touch",)) -> None:
    """End the task of a build that waits for that, from within its container. ``touch``: what makes a file there."""
    words = ("-j", f"{PIPELINE}/{build.job}", "-b", build.number, "-s", build.job, "--", *touch, pipeline.OVER)
    course.fly.call("hijack", *words, seconds=120)


def _go_on(course: Course, build: Build) -> None:
    """The task of a build whose worker was away goes on, until it is told to end.

    The web node asks for it again a while after the worker is there: of one that has ended by then, however well, it
    says that there was an error ("proc not running").
    """
    course.fly.await_more(build)
    tell_end(course, build)
    await_end(course, build)


def await_end(course: Course, build: Build) -> None:
    """Wait until a build says that it has reached its end."""
    ended = course.fly.await_build(build)
    expect(bool(lines_with(ended.said, "the end")), f"job {build.job}", f"did not reach its end:\n{ended.said}")


def _crash(course: Course) -> Seen:
    registered(course, lambda: course.runner.crash(course))
    course.fly.await_build(course.fly.trigger("again"))
    return Seen()


def _upgrade(course: Course) -> Seen:
    """Install a higher version in the middle of a task, which ends when it is told to, after that."""
    assert course.spec.delivery is not None
    given, session = course.spec.delivery, course.session
    build = begun(course, "patient")
    registered(course, lambda: installed.upgrade(session, given))
    _go_on(course, build)
    course.fly.await_build(course.fly.trigger("again"))
    return Seen(remark=installed.version(session, given))


def _drain(course: Course) -> Seen:
    """End the unit in the way that waits for what runs: the task ends well, and the web node forgets the worker."""
    assert course.spec.delivery is not None
    build = begun(course, "long")
    installed.set_drain(course.session, course.spec.delivery.installed)
    course.runner.end(course)
    await_end(course, build)
    found = course.fly.workers()
    expect(not found, "the web node", f"still knows the worker, as {', '.join(one['state'] for one in found)}")
    return Seen()
