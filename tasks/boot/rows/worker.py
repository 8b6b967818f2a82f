"""A boot of kind ``worker``: the rows of a pipeline run by a Concourse worker in the guest."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator

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

    yield row("servers", "database, registry and web node on the host", _servers)
    yield row("boot", "the guest is up", lambda course: start(course.session))
    if given:
        yield from installed.install_rows(session, given)
        yield row(
            "setup", "the worker is told its web node, which is told its key", installed.setup, "install", "servers"
        )
        yield from preflight.checks(course, given.installed)
    yield row("worker", "the worker is registered", first_worker, "setup" if given else "boot", "servers")
    yield row("check", "a resource is checked", _check, "worker")
    yield row("get", "an image is fetched", _get, "check")
    yield row("task", "an unprivileged task runs", _programs, "get")
    for name, (title, _) in pipeline.PROGRAMS.items():
        yield row(name, title, _tried(name), "task")
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


def _servers(course: Course) -> Seen:
    session, spec, at, stack = course.session, course.spec, course.session.at, course.session.stack
    at.status("starting the servers")
    course.store = stack.enter_context(registry.running(session.folder, session.logs))
    fly = start_web(course)
    image.push(course.store, pipeline.REPOSITORY, at.need(spec.image), spec.date, at.scratch)
    fly.set_pipeline(pipeline.pipeline(course.store.port, spec.registry))
    return Seen()


def _check(course: Course) -> Seen:
    course.fly.call("check-resource", "-r", f"{PIPELINE}/{pipeline.IMAGE}", seconds=180)
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
    ended = _await(course, "programs")
    course.said = {line.split()[1]: line.split(maxsplit=5)[2:] for line in lines_with(ended.said, "TRIED")}
    return Seen(seconds=ended.seconds)


def _tried(name: str) -> Callable[[Course], Seen]:
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
    build = _begun(course, "long")
    course.runner.end(course)
    start_worker(course)
    _await_end(course, build)
    return Seen(seconds=time.monotonic() - started)


def _begun(course: Course, job: str) -> Build:
    """A build whose task has begun to count."""
    build = course.fly.trigger(job)
    wait = (
        "n=0; while [ $n -lt 60 ] && ! pgrep -f 'tick [$]n' >/dev/null; do n=$((n + 1)); sleep 1; done; [ $n -lt 60 ]"
    )
    expect(course.session.guest.run(wait, seconds=90).status == 0, f"job {job}", "its task did not start within 60 s")
    return build


def _await_end(course: Course, build: Build) -> None:
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
    build = _begun(course, "patient")
    registered(course, lambda: installed.upgrade(session, given))
    # The web node asks for the task again a while after the worker is there: of one that has ended by then it says that
    # there was an error.
    course.fly.await_more(build)
    words = ["-j", f"{PIPELINE}/patient", "-b", build.number, "-s", "patient", "--", "touch", pipeline.OVER]
    course.fly.call("hijack", *words)
    _await_end(course, build)
    course.fly.await_build(course.fly.trigger("again"))
    return Seen(remark=installed.version(session, given))


def _drain(course: Course) -> Seen:
    """End the unit in the way that waits for what runs: the task ends well, and the web node forgets the worker."""
    assert course.spec.delivery is not None
    build = _begun(course, "long")
    installed.set_drain(course.session, course.spec.delivery.installed)
    course.runner.end(course)
    _await_end(course, build)
    found = course.fly.workers()
    expect(not found, "the web node", f"still knows the worker, as {', '.join(one['state'] for one in found)}")
    return Seen()
