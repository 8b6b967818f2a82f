"""Undoing an edit in a source's core: how long until the same package is there again, against the edit itself.

    .venv/bin/python -m benchmarks.undo [release=printer] [--target armv7] [--repeat 3] [--file SOURCE/PATH]

In a copy of this project with the user's own cache folder: a variable is added to a file of Go (a new file, if it is
not there), ``doit build verify``; the edit is undone, ``doit build verify``; once more with nothing to do. Fails unless
the package differs after the edit, and is the same as before after the undo.
"""

from __future__ import annotations

from benchmarks.common import Asked, MeasuringError, Took, arguments, open_copy, progress, run, show
from benchmarks.edits import declaration, edited, file_to_edit
from benchmarks.workspace import done_steps, make_copy, packages, shared_cache, temporary_folder

CORE = {"concourse": "concourse/atc/builds.go", "printer": "printer/cmd/goprinter/main.go"}


def measure(asked: Asked) -> None:
    """Measure and print."""
    with temporary_folder("undo") as parent:
        copy = make_copy(parent)
        words = (*asked.words, shared_cache(asked), "build", "verify")
        progress("building, with what the caches have")
        copy.doit(*words)
        file = file_to_edit(open_copy(copy.folder, asked.words), copy, asked.options.file, CORE)
        before = packages(copy)
        edits: list[Took] = []
        undone: list[Took] = []
        idle: list[Took] = []
        for _ in range(asked.repeat):
            with edited(file, declaration(file)):
                edits.append(copy.doit(*words))
                if packages(copy) == before:
                    raise MeasuringError(file.name, "was edited, but the package is the same", "Choose another --file.")
            undone.append(copy.doit(*words))
            if packages(copy) != before:
                raise MeasuringError(file.name, "the edit was undone, but the package is another one than before it")
            idle.append(copy.doit(*words))
            for name, took in (("edit", edits[-1]), ("undo", undone[-1])):
                progress(f"{name}: {', '.join(map(str, done_steps(took.output)))}")
    show("undo", undone, "edit", edits)
    show("undo", undone, "nothing to do", idle)


if __name__ == "__main__":
    parser = arguments(__doc__)
    parser.add_argument("--file", help=f"the file to edit (default: {', '.join(CORE.values())})")
    run(parser, measure)
