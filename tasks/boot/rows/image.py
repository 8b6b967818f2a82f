"""The rows of a worker in a container of the release's own image: it registers from within, and a pipeline runs."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Iterator

from crosscourse.formats import oci_reading
from tasks.boot.guest import bundle, native_needs
from tasks.boot.host.kinds.values import filled
from tasks.boot.report import Check, Seen, expect
from tasks.boot.rows import worker
from tasks.boot.rows.course import NAME, Course
from tasks.boot.rows.pipeline import HOST
from tasks.boot.session import TOP, Session
from tasks.boot.specs import IMAGE_ROOT, WorkerBoot

# With a container end all processes in it, so nothing of it outlives the worker.
_NOT_IN_A_CONTAINER = ("restart", "crash", "stop")
# Seconds that a worker may take to end after its stop signal.
_ENDING = 90


def checks(session: Session, spec: WorkerBoot) -> Iterator[Check]:
    """The rows, in the order in which they are tried."""
    course = Course(session=session, spec=spec, script=script)
    for check in worker.rows(course):
        if check.name not in _NOT_IN_A_CONTAINER:
            yield check
    yield Check(
        name="stop",
        title="the image's stop signal: the worker retires, and is gone",
        act=lambda: _stop(course),
        needs=("worker",),
    )


def script(course: Course) -> str:
    """The shell script that starts the container in the guest: the image under a layer of its own, and its runtime."""
    session, spec, node = course.session, course.spec, course.node
    assert node is not None
    settings = oci_reading.settings_of(oci_reading.read_image(session.at.need(spec.package)))
    lacking = session.spec.machine is None and not native_needs.look().whole
    container = bundle.configuration(
        settings,
        ["worker"],
        env={
            "CONCOURSE_NAME": NAME,
            "CONCOURSE_TSA_HOST": f"{HOST}:{node.tsa_port}",
            "CONCOURSE_RUNTIME": spec.scenario.runtime,
            "CONCOURSE_BAGGAGECLAIM_DRIVER": spec.scenario.volumes,
            **filled(spec.scenario.env, course.values),
        },
        binds={
            "/concourse-keys": f"{bundle.BUNDLE}/keys",
            "/etc/resolv.conf": "/etc/resolv.conf",
            "/etc/hosts": "/etc/hosts",
            **{place: f"{bundle.BUNDLE}/volume-{number}" for number, place in enumerate(settings.get("Volumes", {}))},
        },
        without=(bundle.RESOURCE,) if lacking else (),
    )
    runtime = f"{session.top.removeprefix(f'{TOP}/{IMAGE_ROOT}')}/{spec.oci_runtime}"
    program = shlex.quote(f"{TOP}/{IMAGE_ROOT}{runtime}")
    volumes = " ".join(f"volume-{number}" for number, _ in enumerate(settings.get("Volumes", {})))
    return f"""set -eu
mkdir -p {bundle.BUNDLE}
cd {bundle.BUNDLE}
mkdir -p upper work rootfs keys {volumes}
cp /run/tsa.pub keys/tsa_host_key.pub
cp /run/worker keys/worker_key
mount -t overlay -o lowerdir={TOP}/{IMAGE_ROOT},upperdir=upper,workdir=work overlay rootfs
{_stand_before(runtime) if lacking else ""}
cat >config.json <<'CONFIGURATION'
{json.dumps(container)}
CONFIGURATION
setsid {program} --root /run/container run worker >>/run/worker.log 2>&1 </dev/null &
echo $! >/run/worker.pid
"""


def _stand_before(runtime: str) -> str:
    """Put what ``files/native-runtime`` is for before the runtime in the container."""
    library = "rootfs/usr/lib/crosscourse"
    place = shlex.quote(f"rootfs{runtime}")
    return (
        f"mkdir -p {library}; cp -p {place} {library}/oci-runtime; cp /usr/lib/crosscourse/runtime {library}/runtime\n"
        f"rm {place}; cp {library}/runtime {place}; chmod 755 {place}"
    )


def _stop(course: Course) -> Seen:
    """What `docker stop` does."""
    session = course.session
    settings = oci_reading.settings_of(oci_reading.read_image(session.at.need(course.spec.package)))
    signal = str(settings.get("StopSignal", "SIGTERM")).removeprefix("SIG")
    wait = f"n=0; while kill -0 $p 2>/dev/null && [ $n -lt {_ENDING} ]; do n=$((n + 1)); sleep 1; done; ! kill -0 $p"
    answer = session.guest.run(f"p=$(cat /run/worker.pid); kill -{signal} $p; {wait}", seconds=_ENDING + 20)
    said = session.guest.run("tail -n 5 /run/worker.log").text
    expect(answer.status == 0, "the container", f"did not end within {_ENDING} s of {signal}. Its log ends:\n{said}")
    end = time.monotonic() + 30
    while (left := course.fly.workers()) and time.monotonic() < end:
        time.sleep(1)
    expect(not left, "the worker", f"is {left[0]['state'] if left else ''}, though it has ended")
    return Seen()
