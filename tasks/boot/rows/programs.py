"""A boot of kind ``programs``: programs of the distribution, run in the guest one after the other."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

from crosscourse.manifest.boot import BootProgram
from tasks.boot.report import Check, Seen, expect
from tasks.boot.rows import browse
from tasks.boot.session import TOP, Session, start

if TYPE_CHECKING:
    from tasks.boot.specs import ProgramsBoot


def checks(session: Session, spec: ProgramsBoot) -> Iterator[Check]:
    """A row for each program, and for each page that one serves."""
    yield Check(name="boot", title="the guest is up", act=lambda: start(session))
    yield from _each(session, spec)
    yield from browse.checks(session, spec)


def _each(session: Session, spec: ProgramsBoot) -> Iterator[Check]:
    for name, program in spec.programs.items():
        artifact, *words = program.command
        place = f"{TOP}/{spec.root}/{spec.paths[artifact]}"
        yield _check(session, name, program, [place, *words])


def _check(session: Session, name: str, program: BootProgram, words: list[str]) -> Check:
    def act() -> Seen:
        answer = session.guest.run(shlex.join(words))
        said = answer.text.strip()
        expect(answer.status == program.status, words[0], f"exit status {answer.status}, not {program.status}: {said}")
        expect(program.expect in said, words[0], f"printed {said!r}, without {program.expect!r}")
        return Seen(remark=said.splitlines()[0] if said else "")

    return Check(name=name, title=shlex.join(program.command), act=act, needs=("boot",))
