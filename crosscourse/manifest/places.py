"""Paths of one tree that can't all be there: one twice, or one below what is no folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath


def place_problems(places: Iterable[tuple[str, str]]) -> Iterator[str]:
    """What is wrong with ``places``: the key that names each, and its path in the tree, clean and relative.

    A path that ends with '/' is a folder, which others may be in.
    """
    given = list(places)
    owners: dict[str, str] = {}
    closed: dict[str, str] = {}
    for key, place in given:
        path = place.rstrip("/")
        if path in owners:
            yield f"{key}: '{path}' is taken by {owners[path]}"
            continue
        owners[path] = key
        if not place.endswith("/"):
            closed[path] = key
    for path, key in owners.items():
        above = next((parent for parent in map(str, PurePosixPath(path).parents) if parent in closed), None)
        if above is not None:
            yield f"{key}: '{path}' is below '{above}', which {closed[above]} makes, and that is no folder for others"
