"""``[smoke]``: how each program is called so that it shows that it starts; what ``./doit smoke`` does."""

from __future__ import annotations

from crosscourse.manifest.types import Argument, Line, Status, Table


class Smoke(Table, frozen=True, kw_only=True):
    """``[smoke.NAME]``: one call of the program that the artifact of that name is.

    ``arguments``: what it is called with. ``status``: what it ends with. ``expect``: what it prints among other things,
    with placeholders as ``ldflags`` have. ``lasts``: whether it ends only when it is made to.
    """

    arguments: list[Argument] = []
    status: Status = 0
    expect: Line = ""
    lasts: bool = False
