"""User-mode emulators: what runs a target's programs on a machine that can't."""

from __future__ import annotations

import shutil

from crosscourse.errors import CrosscourseError


class EmulatorMissingError(CrosscourseError):
    """The host can't run a target's programs, and there is no emulator for them. ``what``: what was to be run."""

    def __init__(self, what: str, emulator: str) -> None:
        super().__init__(
            what,
            f"this machine can't run them without {emulator}, which was not found",
            "Install it: apt-get install qemu-user-static (Debian, Ubuntu), dnf install qemu-user-static (Fedora)",
        )


def find_emulator(emulator: str, path: str, *, what: str) -> str:
    """The emulator of that name, found on ``path``, by its own name or with ``-static`` behind it.

    Raises EmulatorMissingError.
    """
    for name in (emulator, f"{emulator}-static"):
        if found := shutil.which(name, path=path):
            return found
    raise EmulatorMissingError(what, emulator)
