"""A comment at the end of a file: what is done again, and how long that takes, against bare ``go build`` calls.

    .venv/bin/python -m benchmarks.edit [release=printer] [--target armv7] [--repeat 3] [--file SOURCE/PATH]

In a copy of this project with the user's own cache folder. The bare calls are those of the Go programs that were made
again, one after the other, after another comment in the same place; with the same caches, and Go's own defaults.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks import alone
from benchmarks.common import NOTHING, Asked, MeasuringError, Took, arguments, open_copy, progress, run, show
from benchmarks.edits import comment, edited, file_to_edit
from benchmarks.workspace import Done, done_steps, make_copy, packages, shared_cache, temporary_folder
from crosscourse.project import Project

LEAF = {"concourse": "concourse/fly/main.go", "printer": "printer/cmd/goprinter/main.go"}


def measure(asked: Asked) -> None:
    """Measure and print."""
    with temporary_folder("edit") as parent:
        copy = make_copy(parent)
        words = (*asked.words, shared_cache(asked), "build", "verify")
        progress("building, with what the caches have")
        copy.doit(*words)
        project = open_copy(copy.folder, asked.words, cache=str(asked.cache))
        file = file_to_edit(project, copy, asked.options.file, LEAF)
        if not file.exists():
            raise MeasuringError(str(asked.options.file), "is not there")
        before = packages(copy)
        ours: list[Took] = []
        bare: list[Took] = []
        for number in range(asked.repeat):
            with edited(file, comment()):
                ours.append(copy.doit(*words))
                if packages(copy) != before:
                    raise MeasuringError(file.name, "a comment was added, and the package is another one")
            done = done_steps(ours[-1].output)
            progress(f"done: {', '.join(map(str, done)) or 'nothing'}")
            copy.doit(*words)
            with edited(file, comment()):
                bare.append(_bare(project, asked.target, done, parent / f"bare-{number}"))
    show("edit", ours, "bare go build", bare if all(took.wall for took in bare) else ())


def _bare(project: Project, target: str, done: list[Done], scratch: Path) -> Took:
    total = NOTHING
    names = {step.name for step in done if not step.from_cache}
    for build in alone.go_builds(project, target, scratch):
        if build.step in names:
            total += build.time()
    return total


if __name__ == "__main__":
    parser = arguments(__doc__)
    parser.add_argument("--file", help=f"the file to edit (default: {', '.join(LEAF.values())})")
    run(parser, measure)
