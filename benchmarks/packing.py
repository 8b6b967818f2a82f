"""Packing alone: the work of the step that makes the tgz, against ``tar`` and ``gzip -6`` of the system.

    .venv/bin/python -m benchmarks.packing [release=printer] [--target armv7] [--repeat 3]

The release is built here if it is not. Both read the same files and write an archive of the same members. Fails unless
ours is the archive that is in dist/.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks import alone
from benchmarks.common import ROOT, Asked, MeasuringError, Took, arguments, progress, run, show, timed, timed_call
from benchmarks.workspace import temporary_folder
from crosscourse import files
from tasks import names
from tasks.package.contents import Distribution, entries


def measure(asked: Asked) -> None:
    """Measure and print."""
    progress("building what is missing")
    timed([ROOT / "doit", *asked.words, "build"], cwd=ROOT)
    step = alone.steps(asked.project, asked.target)[names.package(asked.target, "tgz")]
    (package,) = step.outputs.values()
    ours: list[Took] = []
    system: list[Took] = []
    with temporary_folder("packing") as parent:
        spec = step.spec
        assert isinstance(spec, Distribution)
        tree, archive = parent / "tree", parent / "system.tgz"
        for entry in entries(spec, alone.places(asked.project, step, parent / "entries")):
            link = tree / entry.name
            link.parent.mkdir(parents=True, exist_ok=True)
            assert isinstance(entry.source, Path)
            link.symlink_to(entry.source)
        # GNU tar reads the files behind the links, and waits for gzip.
        tar = ["tar", "--create", "--dereference", "--sort=name", "--owner=0", "--group=0", "--numeric-owner"]
        tar += [f"--mtime=@{spec.epoch}", "--use-compress-program=gzip -n -6", f"--file={archive}"]
        for number in range(asked.repeat):
            at = alone.places(asked.project, step, parent / f"ours-{number}")
            ours.append(timed_call(lambda at=at: step.work(spec, at)))  # type: ignore[misc]
            if files.digest(at.output()) != files.digest(package):
                raise MeasuringError(package.name, "was packed once more, and came out as another file")
            system.append(timed([*tar, asked.project.manifest.release.root], cwd=tree))
        sizes = (package.stat().st_size, archive.stat().st_size)
    show("packing", ours, "tar | gzip -6", system)
    print(f"sizes: {sizes[0]} and {sizes[1]} bytes, ratio {sizes[0] / sizes[1]:.3f}")


if __name__ == "__main__":
    run(arguments(__doc__), measure)
