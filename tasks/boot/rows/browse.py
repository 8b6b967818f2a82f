"""Rows of pages that the guest serves: opened in a browser on the host, which does what a person would."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from crosscourse.manifest.boot import BROWSER
from crosscourse.manifest.browse import Browse
from crosscourse.run import process
from tasks import names
from tasks.boot.host import browser, prerequisites
from tasks.boot.host.kinds.values import filled
from tasks.boot.report import Check, RowError, Seen, expect
from tasks.boot.session import TOP, Session
from tasks.boot.specs import ProgramsBoot

# Where a guest says that its pages are; a browser finds any host at the port of this machine that leads to the guest.
HOST = "crosscourse.local"
# Seconds that all steps may take, on an emulated machine.
_LIMIT = 600


def checks(session: Session, spec: ProgramsBoot) -> Iterator[Check]:
    """A row for each page that a program of the distribution serves."""
    for name, one in spec.browse.items():
        yield Check(name=name, title=one.title, act=partial(_served, session, spec, name, one), needs=("boot",))


def _served(session: Session, spec: ProgramsBoot, name: str, one: Browse) -> Seen:
    """Start the program, look at its pages, and end it."""
    artifact, *words = one.program
    command = shlex.join([f"{TOP}/{spec.root}/{spec.paths[artifact]}", *words])
    session.guest.run(f"setsid {command} >/run/pages.log 2>&1 & echo $! >/run/pages.pid; sleep 1")
    try:
        return look(session, name, one, values={}, does={})
    except RowError as error:
        said = session.guest.run("cat /run/pages.log").text
        raise RowError(error.subject, f"{error.found}\nThe program said: {said}") from None
    finally:
        session.guest.run("kill $(cat /run/pages.pid)")


def look(
    session: Session, name: str, one: Browse, *, values: Mapping[str, str], does: Mapping[str, Callable[[], object]]
) -> Seen:
    """Do the steps. ``values``: for their texts; ``does``: what they can ask for by ``do``. Raises RowError."""
    assert session.forward is not None
    unknown = [words[0] for verb, *words in one.steps if verb == "do" and words[0] not in does]
    expect(not unknown, f"browse {name}", f"asks for {', '.join(unknown)}, which nobody does here")
    steps = filled(one.steps, {"url": f"http://{HOST}:{one.port}", **values})
    folder = session.logs / name
    folder.mkdir(exist_ok=True)
    log = folder / "steps.log"
    done: list[str] = []
    opened = _browser(session)
    with opened.running(
        str(session.forward.host), folder, json.dumps(steps), log=log, folder=session.folder
    ) as service:

        def ended() -> bool:
            lines = log.read_text(encoding="utf-8").splitlines()
            for asked in [line.partition(" ")[2] for line in lines if line.startswith("do ")]:
                if asked not in done:
                    does[asked]()
                    (folder / f"{asked}.done").touch()
                    done.append(asked)
            return any(line == "all seen" or line.startswith("FAILED") for line in lines)

        service.wait_until(ended, "did not do its steps", seconds=_LIMIT)
    said = log.read_text(encoding="utf-8").strip()
    expect(said.endswith("all seen"), f"browse {name}", process.tail_of(log))
    return Seen(remark=f"{len(one.steps)} steps")


def _browser(session: Session) -> browser.Browser:
    """The browser, which is unpacked when it is first asked for."""
    if session.browser is None:
        session.browser = _unpacked(session)
    return session.browser


def _unpacked(session: Session) -> browser.Browser:
    at = session.at
    node, playwright, chromium = map(names.toolchain, BROWSER)
    program = at.need(node, "program")
    if chromium not in session.spec.browser:
        found = prerequisites.path_of(browser.CHROMIUM)
        return browser.Browser(program=found, node=program, playwright=Path(at.need(playwright)) / "package")
    return browser.unpacked(
        node=program, playwright=at.need(playwright), chromium=at.need(chromium), folder=session.folder
    )
