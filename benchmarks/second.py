"""A second checkout with a warm cache folder: ``doit build verify``, against copying all that the first one holds.

    .venv/bin/python -m benchmarks.second [release=printer] [--target armv7] [--repeat 3]

The first checkout is a copy of this project that is built with the user's own cache folder before the clock starts.
Each second one is a new copy. The baseline is ``cp -a`` of the first one's sources/, build/ and dist/. Fails unless
the packages of both are the same. Setting up the environment (.venv) is not in it.
"""

from __future__ import annotations

from benchmarks.common import Asked, MeasuringError, Took, arguments, progress, run, show, timed
from benchmarks.workspace import done_steps, make_copy, packages, shared_cache, temporary_folder
from crosscourse import files


def measure(asked: Asked) -> None:
    """Measure and print."""
    with temporary_folder("second") as parent:
        words = (*asked.words, shared_cache(asked), "build", "verify")
        first = make_copy(parent, "first")
        progress("building the first checkout, with what the caches have")
        first.doit(*words)
        ours: list[Took] = []
        copied: list[Took] = []
        for number in range(asked.repeat):
            second = make_copy(parent, f"second-{number}")
            ours.append(second.doit(*words))
            if packages(second) != packages(first):
                raise MeasuringError("second checkout", "its package is not that of the first one")
            place = parent / f"copy-{number}"
            place.mkdir()
            copied.append(timed(["cp", "-a", "sources", "build", "dist", place], cwd=first.folder))
            done = done_steps(ours[-1].output)
            cached = sum(step.from_cache for step in done)
            longest = sorted(done, key=lambda step: -step.seconds)[:5]
            progress(f"{len(done)} steps, {cached} from the cache; longest: {', '.join(map(str, longest))}")
            files.remove(second.folder)
            files.remove(place)
    show("second", ours, "cp -a", copied)


if __name__ == "__main__":
    run(arguments(__doc__), measure)
