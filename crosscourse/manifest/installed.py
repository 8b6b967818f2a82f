"""``[boot.installed]`` of a release manifest: packages as people install them, what is set up, what may be wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import msgspec

from crosscourse.errors import nearest
from crosscourse.manifest.model import Manifest
from crosscourse.manifest.types import DebianPackage, Line, Name, RootPath, Status, Table


class Fault(Table, frozen=True, kw_only=True):
    """``[boot.installed.fault.NAME]``: something that is made wrong in the guest, for the preflight to find.

    ``make``, ``undo``: lines for a shell. ``says``: a text that it says then; ``status``: its exit status.
    """

    make: Line
    undo: Line
    says: Line
    status: Status


class Together(Table, frozen=True, kw_only=True):
    """``[boot.installed.together]``: a web node, its database and a worker on one machine, for rows ``all-in-one``.

    ``packages``: those of the release that are installed; ``debian``: those of Debian, with what they depend on.
    ``setup``: a script for a shell, after that: it tells the web node its database and who may log in, and starts both.
    ``unit``: the web node's; ``url``: where it is then, in the guest; ``user``, ``password``: who may log in.
    """

    packages: Annotated[list[DebianPackage], msgspec.Meta(min_length=1)]
    debian: Annotated[list[DebianPackage], msgspec.Meta(min_length=1)]
    setup: str
    unit: Line
    url: Line
    user: Line
    password: Line

    def problems(self, manifest: Manifest) -> Iterator[str]:
        """What is not in the release."""
        for name in self.packages:
            if name not in manifest.package:
                found = nearest(name, manifest.package)
                yield f"boot.installed.together.packages: there is no package '{name}'. {found}"


class Installed(Table, frozen=True, kw_only=True):
    """``[boot.installed]``: what people install by apt, in a guest that has Debian's own init and apt.

    ``guest``: that guest's Debian packages. ``package``: the one of the release that is installed; ``unit``: what it
    is started as. ``expect``: a text that a unit which runs once leaves in the journal. Of a worker: ``setup``: the
    command that tells it its web node, with ``{tsa}``, ``{tsa-key}``, ``{name}`` and ``{runtime}``; ``key``: the file
    with the worker's public key, ``settings``: the file for more settings, ``drain``: one with which the unit waits
    for tasks when it is to end, ``preflight``: the command that says what is wrong with a machine; ``of-kernel``:
    texts of its lines that speak of the kernel, which in a native guest is this machine's; ``small``: words that the
    set-up is told on a small machine, ``of-small``: texts of lines that the preflight has for one. ``together``: with a
    web node beside it.
    """

    guest: Annotated[list[DebianPackage], msgspec.Meta(min_length=1)]
    package: DebianPackage
    unit: Line
    expect: Line = ""
    setup: list[Line] = []
    key: RootPath | None = None
    settings: RootPath | None = None
    drain: Line = ""
    preflight: list[Line] = []
    of_kernel: list[Line] = []
    small: list[Line] = []
    of_small: list[Line] = []
    fault: dict[Name, Fault] = {}
    together: Together | None = None

    def problems(self, manifest: Manifest) -> Iterator[str]:
        """What is not in the release."""
        if self.package not in manifest.package:
            found = nearest(self.package, manifest.package)
            yield f"boot.installed.package: there is no package '{self.package}'. {found}"
        if self.fault and not self.preflight:
            yield "boot.installed.fault: nothing finds a fault without `preflight`"
        if self.together:
            yield from self.together.problems(manifest)
