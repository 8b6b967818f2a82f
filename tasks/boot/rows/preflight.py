"""Rows of the preflight of a worker's package: a good guest gives it nothing to say, and each fault its line."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from crosscourse.manifest.installed import Fault, Installed
from crosscourse.view import progress
from tasks.boot.guest.machine import Answer
from tasks.boot.report import Check, Seen, expect
from tasks.boot.rows.course import Course
from tasks.boot.session import Session

_DO_NOT_COUNT = "keep no unit from starting here"


@dataclass(kw_only=True)
class _Preflight:
    """The command, and what it says in this guest even without a fault: its exit status and lines."""

    session: Session
    installed: Installed
    allowed: list[str]
    status: int = 0
    usual: list[str] = field(default_factory=list)

    def run(self) -> Answer:
        return self.session.guest.run(shlex.join(self.installed.preflight), seconds=120)

    def good(self) -> Seen:
        """Nothing is said but what may be."""
        said, command = self.run(), self.installed.preflight[0]
        self.usual, self.status = said.text.splitlines(), said.status
        wrong = [line for line in self.usual if not any(text in line for text in self.allowed)]
        expect(not wrong, command, "said of a good guest:\n" + "\n".join(wrong))
        expect(bool(self.usual) or said.status == 0, command, f"exit status {said.status}, not 0")
        if said.status > 1:
            _start_all_the_same(self.session, self.installed)
        if self.session.spec.machine is not None:
            return Seen(remark="\n".join(self.usual))
        lines = progress.plural(len(self.usual), "line", "lines")
        return Seen(remark=f"{lines} of this machine's own kernel, which {_DO_NOT_COUNT}" if self.usual else "")

    def bad(self, name: str, fault: Fault) -> Seen:
        """The fault is made, found, and undone."""
        made = self.session.guest.run(fault.make)
        expect(made.status == 0, name, f"can't be made: {made.text}")
        try:
            said = self.run()
        finally:
            undone = self.session.guest.run(fault.undo)
        expect(undone.status == 0, name, f"can't be undone: {undone.text}")
        lines = [line for line in said.text.splitlines() if line not in self.usual]
        found = [line for line in lines if fault.says in line]
        expect(len(lines) == 1 and bool(found), name, f"not one line with {fault.says!r}, but:\n" + "\n".join(lines))
        # What is usual here counts, too.
        wanted = max(fault.status, self.status)
        expect(said.status == wanted, name, f"exit status {said.status}, not {wanted}")
        return Seen(remark=f"{fault.status}: {found[0]}")


def checks(course: Course, installed: Installed) -> Iterator[Check]:
    """A row without a fault, and one for each."""
    if not installed.preflight:
        return
    preflight = _preflight(course, installed)
    yield Check(name="preflight", title="a good machine: nothing is said", act=preflight.good, needs=("setup",))
    for name, fault in installed.fault.items():
        yield Check(name=name, title="found, and told", act=partial(preflight.bad, name, fault), needs=("preflight",))


def _preflight(course: Course, installed: Installed, more: Sequence[str] = ()) -> _Preflight:
    """In a native guest something may be said of what is the host's; ``more``: texts of other lines that may be."""
    of_host = installed.of_kernel if course.session.spec.machine is None else []
    return _Preflight(session=course.session, installed=installed, allowed=[*of_host, *more])


def small(course: Course, installed: Installed) -> Seen:
    """What is said of a small machine: nothing, but that it is small."""
    return _preflight(course, installed, installed.of_small).good()


def allow_kernel(session: Session, installed: Installed) -> None:
    """Let the unit start where its preflight minds what is this machine's kernel's, in a native guest."""
    if session.spec.machine is not None or not installed.preflight:
        return
    said = session.guest.run(shlex.join(installed.preflight), seconds=120)
    if any(text in said.text for text in installed.of_kernel):
        _start_all_the_same(session, installed)


def _start_all_the_same(session: Session, installed: Installed) -> None:
    """Let the unit start in a guest that its preflight refuses."""
    folder = f"/run/systemd/system/{installed.unit}.d"
    text = "[Service]\nExecStartPre=\n"
    script = f"mkdir -p {folder} && printf %s {shlex.quote(text)} >{folder}/native.conf && systemctl daemon-reload"
    said = session.guest.run(script)
    expect(said.status == 0, installed.unit, said.text)
