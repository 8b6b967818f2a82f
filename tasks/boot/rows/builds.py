"""The rows of a worker on which a task builds an image: an image of the release, in a container, of a Dockerfile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from crosscourse.formats import oci, oci_reading
from crosscourse.manifest.boot import Registry
from tasks.boot.guest import image
from tasks.boot.host import registry
from tasks.boot.report import Check, Seen, expect
from tasks.boot.rows import pipeline
from tasks.boot.rows.course import Course, first_worker, start_web, stop
from tasks.boot.rows.fly import PIPELINE, lines_with
from tasks.boot.rows.pipeline import IMAGE, task
from tasks.boot.session import Session, start
from tasks.boot.specs import WorkerBoot

BUILDER = "builder"
REPOSITORY = "crosscourse/builder"
SAID = "made by a RUN of the Dockerfile"
# Seconds: the builder copies what it stores more than once, on an emulated disk.
_LIMIT = 2700

# Where the build finds the registry: it speaks to one without TLS only where that is on its own machine, so there it is
# passed on from (containerd 1.2, remotes/docker/resolver.go: `strings.HasPrefix(base.Host, "localhost:")`).
_PASSED_ON = 5000

# Of an image that is in the registry, and without COPY: BuildKit of 2019 copies by an image of its own, which is on
# Docker Hub only (frontend/dockerfile/dockerfile2llb/convert.go: `DefaultCopyImage`).
DOCKERFILE = f"""FROM localhost:{_PASSED_ON}/{pipeline.REPOSITORY}
RUN ["/bin/busybox", "sh", "-c", "echo '{SAID}' >/made"]
"""


def checks(session: Session, spec: WorkerBoot) -> Iterator[Check]:
    """The rows, in the order in which they are tried."""
    course = Course(session=session, spec=spec)
    yield Check(name="servers", title="database, registry and web node on the host", act=lambda: _servers(course))
    yield Check(name="boot", title="the guest is up", act=lambda: start(session))
    yield Check(
        name="worker",
        title="the worker is registered",
        act=lambda: first_worker(course),
        needs=("boot", "servers"),
    )
    yield Check(
        name="build",
        title="a task builds an image of a Dockerfile, and another one runs in it",
        act=lambda: _build(course),
        needs=("worker",),
    )
    yield Check(name="stop", title="the worker ends and is pruned", act=lambda: stop(course), needs=("worker",))


def configuration(port: int, understood: Registry) -> dict[str, Any]:
    """The pipeline. ``port``: of the registry on the host's loopback."""
    resources = [
        pipeline.resource(IMAGE, port, pipeline.REPOSITORY, understood),
        pipeline.resource(BUILDER, port, REPOSITORY, understood),
    ]
    write = f"set -e; cat >source/Dockerfile <<'END'\n{DOCKERFILE}END\n"
    pass_on = f"busybox nc -ll -p {_PASSED_ON} -e busybox nc {pipeline.HOST} {port} </dev/null >/dev/null 2>&1 &"
    build = task(
        "build",
        f"{pass_on} exec build",
        image=BUILDER,
        privileged=True,
        inputs=[{"name": "source"}],
        outputs=[{"name": "image"}, {"name": "rootfs"}],
        params={"REPOSITORY": "crosscourse/built", "CONTEXT": "source"},
    )
    run = {
        "task": "run",
        "image": "rootfs",
        "config": {"platform": "linux", "run": {"path": "/bin/busybox", "args": ["cat", "/made"]}},
    }
    plan = [{"get": IMAGE}, {"get": BUILDER}, task("write", write, outputs=[{"name": "source"}]), build, run]
    return {"resources": resources, "jobs": [{"name": "build", "plan": plan}]}


def push(store: registry.Registry, repository: str, archive: Path) -> None:
    """Put the image of an archive into the registry. Raises RegistryError, ImageError."""
    found = oci_reading.read_image(archive)
    for blob in (found.config, *found.layers):
        store.put_blob(repository, _content(blob))
    store.put_manifest(repository, "latest", found.manifest.media_type, _content(found.manifest))


def _content(blob: oci.Blob) -> bytes:
    if isinstance(blob.content, bytes):
        return blob.content
    with oci.opened(blob.content) as stream:
        return bytes(stream.read())


def _servers(course: Course) -> Seen:
    session, spec, at, stack = course.session, course.spec, course.session.at, course.session.stack
    at.status("starting the servers")
    course.store = stack.enter_context(registry.running(session.folder, session.logs))
    fly = start_web(course)
    image.push(course.store, pipeline.REPOSITORY, at.need(spec.image), spec.date, at.scratch)
    push(course.store, REPOSITORY, at.need(spec.builder))
    fly.set_pipeline(configuration(course.store.port, spec.registry))
    return Seen()


def _build(course: Course) -> Seen:
    for name in (IMAGE, BUILDER):
        course.fly.call("check-resource", "-r", f"{PIPELINE}/{name}", seconds=300)
    ended = course.fly.await_build(course.fly.trigger("build"), seconds=_LIMIT)
    expect(bool(lines_with(ended.said, SAID)), "job build", f"did not say {SAID!r}:\n{ended.said}")
    return Seen(seconds=ended.seconds)
