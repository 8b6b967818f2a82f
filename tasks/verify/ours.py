"""What of a root filesystem of Debian packages is ours, not Debian's: the rules about our own programs hold for it."""

from __future__ import annotations

import msgspec


class Ours(msgspec.Struct, frozen=True, kw_only=True):
    """Paths in a root filesystem. ``programs``: ELF files, which must be there; ``places``: files, and folders with all
    that is in them."""

    programs: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
