"""What kinds have in common that run programs of this machine on a copy of a part of a source."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from crosscourse.errors import CrosscourseError


class AssetsError(CrosscourseError):
    """Files that were promised and not made, or made and not promised."""


def copy_inputs(source: Path, tree: Path, inputs: Sequence[str], outputs: Sequence[str]) -> None:
    """Copy the inputs, so that nothing else can be read, without what is to be made. Raises AssetsError."""
    for name in inputs:
        path, to = source / name, tree / name
        to.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            shutil.copytree(path, to, symlinks=True, dirs_exist_ok=True)
        elif path.is_file():
            shutil.copyfile(path, to)
        else:
            raise AssetsError(str(path), "is not there", "Check the artifact's `inputs` in the manifest.")
    for name in outputs:
        (tree / name).unlink(missing_ok=True)


def beside(tree: Path, outputs: Sequence[str]) -> set[str]:
    """The files that lie in the folders of the outputs, as paths in the tree."""
    return {path for place in {str(PurePosixPath(path).parent) for path in outputs} for path in _files(tree, place)}


def check_outputs(tree: Path, outputs: Sequence[str], before: set[str]) -> None:
    """Whether all that was promised was made, and nothing beside it. ``before``: what was there. Raises AssetsError.

    What is made and not promised would be in no program, and one without it does not do what it should.
    """
    found = beside(tree, outputs)
    missing = sorted(set(outputs) - found)
    more = sorted(found - before - set(outputs))
    if missing:
        raise AssetsError(", ".join(missing), "was not made", "Check `run` and `outputs` in the manifest.")
    if more:
        raise AssetsError(
            ", ".join(more), "was made, but the manifest does not say so", "Add it to the artifact's `outputs`."
        )


def _files(tree: Path, place: str) -> Iterator[str]:
    """The files that lie in a folder itself."""
    folder = tree / place
    if folder.is_dir():
        yield from (str(PurePosixPath(place) / path.name) for path in folder.iterdir() if path.is_file())
