"""Verifying alone: the work of the step that checks the tgz, against listing it with the system's ``tar`` and ``gzip``.

    .venv/bin/python -m benchmarks.verify [release=printer] [--target armv7] [--repeat 3]

The release is built here if it is not. The baseline reads the whole archive too, but not the archives in it.
"""

from __future__ import annotations

from benchmarks import alone
from benchmarks.common import ROOT, Asked, Took, arguments, progress, run, show, timed, timed_call
from benchmarks.workspace import temporary_folder
from tasks import names


def measure(asked: Asked) -> None:
    """Measure and print."""
    progress("building what is missing")
    timed([ROOT / "doit", *asked.words, "build"], cwd=ROOT)
    known = alone.steps(asked.project, asked.target)
    step = known[names.verify(asked.target, "elf")]
    (package,) = known[names.package(asked.target, "tgz")].outputs.values()
    ours: list[Took] = []
    system: list[Took] = []
    with temporary_folder("verify") as parent:
        for number in range(asked.repeat):
            at = alone.places(asked.project, step, parent / f"ours-{number}")
            ours.append(timed_call(lambda at=at: step.work(step.spec, at)))  # type: ignore[misc]
            system.append(timed(["tar", "--list", "--gzip", f"--file={package}"], cwd=parent))
    progress(at.reported[-1])
    show("verify", ours, "tar --list", system)


if __name__ == "__main__":
    run(arguments(__doc__), measure)
