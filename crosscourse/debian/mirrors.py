"""Where Debian packages can be had: what the settings name, what this machine's apt uses, Debian's own, archives."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING

from crosscourse.debian import apt

if TYPE_CHECKING:
    from crosscourse.engine.places import Places

# https://deb.debian.org/: redirects to a mirror nearby.
DEFAULT = "http://deb.debian.org/debian"
# https://snapshot.debian.org/: all that was ever published, as it was at a time (or at the last one before it that it
# was looked at, some times a day: so a day is added to when a suite was published).
SNAPSHOT = "https://snapshot.debian.org/archive/debian"
_DAY = 86400


def of_apt(at: Places) -> str:
    """The mirror that apt is given. Raises DebianError if there is none."""
    return next(iter(at.origins.get("debian", ())), None) or apt.find_mirror(None, at)


def known(at: Places, date: int) -> list[str]:
    """URLs and folders, in the order in which they are asked. They decide nothing: what is fetched has a digest.

    ``date``: when what is fetched was published, in seconds since 1970.
    """
    first = at.origins.get("debian") or [*_of_machine(at), DEFAULT]
    when = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(date + _DAY))
    return [*first, *at.origins.get("debian-archives", ()), f"{SNAPSHOT}/{when}"]


def _of_machine(at: Places) -> list[str]:
    if shutil.which("apt-get") is None:
        return []
    try:
        return [apt.find_mirror(None, at)]
    except apt.DebianError:
        return []
