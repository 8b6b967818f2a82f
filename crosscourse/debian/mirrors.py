"""Where Debian packages can be had: what the settings name, or what this machine's apt uses; then archives."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING

from crosscourse.debian import apt

if TYPE_CHECKING:
    from crosscourse.engine.places import Places

# An archive of all that was ever published has it as it was at a time, or at the last one before it that it was looked
# at, some times a day: so a day is added to when a suite was published.
_DAY = 86400
DATE = "{date}"


def of_apt(at: Places) -> str:
    """The mirror that apt is given. Raises DebianError if there is none."""
    return next(iter(at.origins.get("debian", ())), None) or apt.find_mirror(None, at)


def known(at: Places, date: int) -> list[str]:
    """URLs and folders, in the order in which they are asked. They decide nothing: what is fetched has a digest.

    ``date``: when what is fetched was published, in seconds since 1970; it is filled in for ``{date}``. Raises
    DebianError if there is none.
    """
    when = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(date + _DAY))
    archives = [place.replace(DATE, when) for place in at.origins.get("debian-archives", ())]
    first = at.origins.get("debian") or _of_machine(at, or_nothing=bool(archives))
    return [*first, *archives]


def _of_machine(at: Places, *, or_nothing: bool) -> list[str]:
    if shutil.which("apt-get") is None:
        if or_nothing:
            return []
        raise apt.DebianError(
            "Debian mirror", "this machine has no apt that knows one", 'Name one in crosscourse.toml: debian = "URL"'
        )
    try:
        return [apt.find_mirror(None, at)]
    except apt.DebianError:
        if or_nothing:
            return []
        raise
