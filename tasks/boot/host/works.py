"""The work on what a boot's host runs, apart from that of boots."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.boot.specs import StandIns

if TYPE_CHECKING:
    from crosscourse.engine.places import Places


def make_stand_ins(spec: StandIns, at: Places) -> None:
    """Compile the program of our own servers."""
    from tasks.boot.host import stand_ins

    stand_ins.make(spec, at)
