"""The pipeline that a worker runs in a boot: small jobs, each of which shows one thing that a container needs.

Pure data, in the terms of https://concourse-ci.org/docs (resources, jobs, steps, task configuration).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from crosscourse.manifest.boot import Registry

# The host's loopback, as qemu's user-mode network shows it to the guest.
HOST = "10.0.2.2"
# A name that the guest's own name server knows.
NAME = "host.crosscourse.test"
IMAGE = "image"
REPOSITORY = "crosscourse/image"
COPY = "crosscourse/copy"
TICKS = 25
# What ends the task of the job `patient`: a file in its container.
OVER = "/tmp/over"  # noqa: S108  # of the container
_PATIENCE = 900

# A line of output for each program: its name, its exit status, when it began and ended (in seconds), what it said.
_TRY = """
set -f
try() {
    name=$1; shift
    read -r began _ </proc/uptime
    said=$("$@" 2>&1 </dev/null); status=$?
    read -r ended _ </proc/uptime
    echo "TRIED $name $status $began $ended $(echo $said)"
}
"""

PROGRAMS = {
    "glibc-dynamic": ("a program linked dynamically against glibc", "dash -c 'echo dynamic'"),
    "glibc-static": ("a program linked statically against glibc", "busybox uname -sm"),
    "musl-static": ("threads in C, static, musl", "/opt/threads-c"),
    "go": ("threads in Go", "/opt/threads-go"),
    "perl": ("Perl", 'perl -e \'print "perl $^V", -e "/etc/passwd" ? "" : die\''),
    "python": (
        "threads in Python",
        "python3 -c 'import threading as t, sys; s = []; "
        "w = [t.Thread(target=s.append, args=(i,)) for i in range(8)]; [x.start() for x in w]; [x.join() for x in w]; "
        'assert len(s) == 8; print("python", sys.version.split()[0])\'',
    ),
    "dns": (
        "a name is looked up",
        f"/opt/look-up {NAME}",
    ),
    "platform": ("the image is the right one of its index", "cat /etc/crosscourse-platform"),
    "user": (
        "files that root made are root's",
        "sh -c 'touch /tmp/mine && [ -O /tmp/mine ] && [ -O /etc/passwd ] && id'",
    ),
}

# Those of them that need nothing but themselves, and the shell that is beside them.
SMALL = ("glibc-static", "musl-static", "go", "platform")
BUSYBOX = ("busybox", "sh")

_PATIENT = (
    f"n=0; while [ ! -e {OVER} ]; do n=$((n + 1)); [ $n -lt {_PATIENCE} ] || exit 1; echo tick $n; sleep 1; done; "
    "echo the end"
)


def task(
    name: str,
    script: str,
    *,
    image: str = IMAGE,
    shell: Sequence[str] = ("sh",),
    privileged: bool = False,
    **more: Any,
) -> dict[str, Any]:
    """A task step that runs a shell script in the image."""
    path, *words = shell
    config = {"platform": "linux", "run": {"path": path, "args": [*words, "-c", script]}, **more}
    return {"task": name, "image": image, "privileged": privileged, "config": config}


def pipeline(port: int, understood: Registry) -> dict[str, Any]:
    """The whole pipeline. ``port``: of the registry on the host's loopback. ``understood``: by the type for images."""
    get = {"get": IMAGE}
    unfetched = {"skip_download": True} if understood.skip_download else {}
    jobs: dict[str, list[dict[str, Any]]] = {
        "get": [get],
        "programs": [get, task("programs", _tries(PROGRAMS))],
        "flow": [
            get,
            task("write", "echo written >made/file; ls -ld made", outputs=[{"name": "made"}]),
            task(
                "read",
                "cat made/file; [ ! -e cache/file ] || echo 'the cache is back'; echo kept >cache/file",
                inputs=[{"name": "made"}],
                caches=[{"path": "cache"}],
            ),
        ],
        "privileged": [
            get,
            task(
                "mount",
                "set -e; mkdir /tmp/there; mount -t tmpfs none /tmp/there; grep /tmp/there /proc/mounts",
                privileged=True,
            ),
        ],
        "unprivileged": [
            get,
            task("mount", "mkdir /tmp/there; ! mount -t tmpfs none /tmp/there && ! dmesg >/dev/null && echo refused"),
        ],
        "fails": [get, task("fails", "echo failing; exit 3")],
        "put": [
            get,
            {"get": "oci", "resource": IMAGE, "params": {"format": "oci"}},
            task("look", "cat oci/digest; ls -l oci/image.tar", inputs=[{"name": "oci"}]),
            {"put": "copy", "params": {"image": "oci/image.tar"}, "get_params": unfetched},
        ],
        "again": [get, task("again", "echo again")],
        "long": [
            get,
            task("long", f"n=0; while [ $n -lt {TICKS} ]; do n=$((n + 1)); echo tick $n; sleep 1; done; echo the end"),
        ],
        "patient": [get, task("patient", _PATIENT)],
    }
    copy = resource("copy", port, COPY, understood)
    return _configuration([resource(IMAGE, port, REPOSITORY, understood), copy], jobs)


def small(port: int, understood: Registry) -> dict[str, Any]:
    """The pipeline for a small machine, whose image has no shell but busybox's. For the rest see ``pipeline``."""
    get = {"get": IMAGE}
    jobs: dict[str, list[dict[str, Any]]] = {
        "get": [get],
        "programs": [get, task("programs", _tries(SMALL), shell=BUSYBOX)],
        "patient": [get, task("patient", _PATIENT, shell=BUSYBOX)],
    }
    return _configuration([resource(IMAGE, port, REPOSITORY, understood)], jobs)


def _tries(programs: Iterable[str]) -> str:
    tries = "\n".join(f"try {name} {PROGRAMS[name][1]}" for name in programs)
    return f"{_TRY}\n{tries}\nexit 0"


def _configuration(resources: list[dict[str, Any]], jobs: Mapping[str, list[dict[str, Any]]]) -> dict[str, Any]:
    return {
        "resources": resources,
        "jobs": [{"name": name, "plan": plan, "serial": True} for name, plan in jobs.items()],
    }


def resource(name: str, port: int, repository: str, understood: Registry) -> dict[str, Any]:
    """A resource of an image in the registry on the host."""
    source: dict[str, Any] = {"repository": f"{HOST}:{port}/{repository}", "tag": "latest"}
    if understood.insecure:
        source["insecure"] = True
    # The web node's own schedule is not waited for.
    return {"name": name, "type": "registry-image", "check_every": understood.check_every, "source": source}
