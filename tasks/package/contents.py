"""What a distribution contains, in the layout of upstream's own tarballs, whatever it is packed in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from crosscourse.archive import Entry
from crosscourse.engine.spec import Spec

if TYPE_CHECKING:
    from crosscourse.engine.places import Places


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a distribution: ``output`` of ``step``, with permission bits ``mode``."""

    step: str
    output: str
    mode: int


class Distribution(Spec, frozen=True, kw_only=True):
    """What decides how a package comes out.

    ``contents``: path in the package → the file. ``epoch``: the time of every member, in seconds since 1970.
    """

    contents: dict[str, Content]
    epoch: int


def entries(spec: Distribution, at: Places) -> list[Entry]:
    """The members of a distribution, in no particular order."""
    return [
        Entry(name=path, source=at.need(content.step, content.output), mode=content.mode)
        for path, content in spec.contents.items()
    ]
