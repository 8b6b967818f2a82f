"""Packing alone: the work of the step that makes the tgz, against ``tar`` and ``gzip -6`` of the system.

    .venv/bin/python -m benchmarks.packing [release=printer] [--target armv7] [--repeat 3]

The release is built before, in a copy of this project with the user's own cache folder. Both read the same files and
write an archive of the same members. Fails unless ours is the archive that is in dist/.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks import alone
from benchmarks.common import Asked, MeasuringError, Took, arguments, open_copy, progress, run, show, timed, timed_call
from benchmarks.workspace import make_copy, shared_cache, temporary_folder
from crosscourse import files
from tasks import names
from tasks.package.contents import Distribution, entries


def measure(asked: Asked) -> None:
    """Measure and print."""
    with temporary_folder("packing") as parent:
        copy = make_copy(parent)
        progress("building, with what the caches have")
        copy.doit(*asked.words, shared_cache(asked), "build")
        project = open_copy(copy.folder, asked.words, cache=str(asked.cache))
        step = alone.steps(project, asked.target)[names.package(asked.target, "tgz")]
        spec = step.spec
        assert isinstance(spec, Distribution)
        (package,) = step.outputs.values()
        ours: list[Took] = []
        system: list[Took] = []
        tree, archive = parent / "tree", parent / "system.tgz"
        for entry in entries(spec, alone.places(project, step, parent / "entries")):
            link = tree / entry.name
            link.parent.mkdir(parents=True, exist_ok=True)
            assert isinstance(entry.source, Path)
            link.symlink_to(entry.source)
        # GNU tar reads the files behind the links, and waits for gzip.
        tar = ["tar", "--create", "--dereference", "--sort=name", "--owner=0", "--group=0", "--numeric-owner"]
        tar += [f"--mtime=@{spec.epoch}", "--use-compress-program=gzip -n -6", f"--file={archive}"]
        for number in range(asked.repeat):
            at = alone.places(project, step, parent / f"ours-{number}")
            ours.append(timed_call(lambda at=at: step.work(spec, at)))  # type: ignore[misc]
            if files.digest(at.output()) != files.digest(package):
                raise MeasuringError(package.name, "was packed once more, and came out as another file")
            system.append(timed([*tar, project.manifest.release.root], cwd=tree))
        sizes = (package.stat().st_size, archive.stat().st_size)
    show("packing", ours, "tar | gzip -6", system)
    print(f"sizes: {sizes[0]} and {sizes[1]} bytes, ratio {sizes[0] / sizes[1]:.3f}")


if __name__ == "__main__":
    run(arguments(__doc__), measure)
