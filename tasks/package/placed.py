"""What the artifacts of a release contribute to a distribution, at which paths."""

from __future__ import annotations

from collections.abc import Callable

from crosscourse.manifest.model import Manifest
from tasks.kinds import kind_of, step_name
from tasks.package.contents import Content
from toolchains.targets import Target


def placed(manifest: Manifest, target: Target, root: str, takes: Callable[[str], bool]) -> dict[str, Content]:
    """Path below ``root`` → file, of the artifacts that are made and whose path ``takes`` accepts."""
    found = {}
    for name, table in manifest.artifact.items():
        if table.path is None or not table.built or not takes(table.path):
            continue
        step = step_name(target, name, table)
        for member in kind_of(table).members(name, table):
            path = "/".join(filter(None, (root, table.path, member.path)))
            found[path] = Content(step=step, output=member.output, mode=member.mode)
    return found
