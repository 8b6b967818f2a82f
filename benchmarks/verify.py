"""Verifying alone: the work of the step that checks the tgz, against listing it with the system's ``tar`` and ``gzip``.

    .venv/bin/python -m benchmarks.verify [release=printer] [--target armv7] [--repeat 3]

The archive is built before, in a copy of this project with the user's own cache folder. The baseline reads the whole
archive too, but not the archives in it.
"""

from __future__ import annotations

from benchmarks import alone
from benchmarks.common import Asked, Took, arguments, open_copy, progress, run, show, timed, timed_call
from benchmarks.workspace import make_copy, shared_cache, temporary_folder
from tasks import names


def measure(asked: Asked) -> None:
    """Measure and print."""
    with temporary_folder("verify") as parent:
        copy = make_copy(parent)
        progress("building, with what the caches have")
        copy.doit(*asked.words, shared_cache(asked), "build")
        project = open_copy(copy.folder, asked.words, cache=str(asked.cache))
        known = alone.steps(project, asked.target)
        step = known[names.verify(asked.target, "elf")]
        (package,) = known[names.package(asked.target, "tgz")].outputs.values()
        ours: list[Took] = []
        system: list[Took] = []
        for number in range(asked.repeat):
            at = alone.places(project, step, parent / f"ours-{number}")
            ours.append(timed_call(lambda at=at: step.work(step.spec, at)))  # type: ignore[misc]
            system.append(timed(["tar", "--list", "--gzip", f"--file={package}"], cwd=parent))
    progress(at.reported[-1])
    show("verify", ours, "tar --list", system)


if __name__ == "__main__":
    run(arguments(__doc__), measure)
