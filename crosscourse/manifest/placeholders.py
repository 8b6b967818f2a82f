"""What ``{version}`` and the like stand for in a manifest's linker flags."""

from __future__ import annotations

import string
from collections.abc import Iterator

from crosscourse.errors import nearest
from crosscourse.manifest.model import Manifest
from crosscourse.manifest.problems import shown

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
        fields = [(field, spec, kind) for _, field, spec, kind in string.Formatter().parse(text) if field is not None]
    except ValueError as error:
        yield f"{key}: '{shown(text)}': {error}"
        return
    for name, spec, kind in sorted(set(fields), key=str):
        if name not in NAMES:
            yield f"{key}: nothing fills in '{{{shown(name)}}}'. {nearest(shown(name), NAMES)}"
        elif spec or kind:
            yield f"{key}: '{{{name}}}' is written without ':' or '!'"
