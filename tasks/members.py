"""Members: files of an artifact on their way into a distribution."""

from __future__ import annotations

import msgspec


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One file of an artifact in a distribution.

    ``output``: the label of the artifact's output. ``path``: below the artifact's path; empty where the output is what
    stands at that path. ``mode``: permission bits.
    """

    output: str
    path: str = ""
    mode: int = 0o644
