"""What ``{version}`` and the like stand for in a manifest's linker flags."""

from __future__ import annotations

import string
from collections.abc import Iterator

from crosscourse.errors import nearest
from crosscourse.manifest.model import Manifest

NAMES = frozenset({"version", "tag", "commit", "release", "epoch"})


def fill_in(text: str, manifest: Manifest, source: str) -> str:
    """``text`` with each placeholder replaced, for an artifact made from ``source``."""
    table = manifest.source[source]
    values = {
        "tag": table.tag or "",
        "version": source_version(manifest, source) or manifest.release.version,
        "commit": table.commit or "",
        "release": manifest.release.version,
        "epoch": str(manifest.epoch),
    }
    return text.format_map(values)


def source_version(manifest: Manifest, source: str) -> str:
    """The version of a source: the one that the manifest gives it, or that of its tag; empty if there is neither."""
    table = manifest.source[source]
    return table.version or (table.tag or "").removeprefix("v")


def problems(key: str, text: str) -> Iterator[str]:
    """Placeholders of ``text`` that nothing fills in."""
    try:
        names = {field for _, field, _, _ in string.Formatter().parse(text) if field is not None}
    except ValueError as error:
        yield f"{key}: '{text}': {error}"
        return
    for name in sorted(names - NAMES):
        yield f"{key}: nothing fills in '{{{name}}}'. {nearest(name, NAMES)}"
