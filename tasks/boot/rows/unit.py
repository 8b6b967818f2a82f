"""The worker as a unit of systemd, as its package has it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from crosscourse.manifest.installed import Installed
from tasks.boot.report import expect
from tasks.boot.rows.course import Course

# Seconds that the unit may take to start, with its preflight, and to end: as long as tasks, if it waits for them.
_STARTING, _ENDING = 180, 240


@dataclass(frozen=True, kw_only=True)
class Unit:
    """The unit that is installed."""

    installed: Installed

    @property
    def _name(self) -> str:
        return shlex.quote(self.installed.unit)

    def prepare(self, course: Course) -> None:
        """The scenario's settings, after those of the package."""
        scenario = course.spec.scenario
        lines = {"CONCOURSE_BAGGAGECLAIM_DRIVER": scenario.volumes, **scenario.env}
        text = "".join(f"{name}={value}\n" for name, value in lines.items())
        said = course.session.guest.run(f"printf %s {shlex.quote(text)} >>{self.installed.settings}")
        expect(said.status == 0, str(self.installed.settings), said.text)

    def start(self, course: Course) -> None:
        """By systemctl."""
        said = course.session.guest.run(f"systemctl start {self._name}", seconds=_STARTING)
        expect(said.status == 0, self.installed.unit, f"did not start: {said.text}{self.log(course)}")

    def runs(self, course: Course) -> bool:
        """Whether it runs, or waits for its next try."""
        said = course.session.guest.run(f"systemctl is-active {self._name}").text.strip()
        return said in ("active", "activating", "deactivating")

    def end(self, course: Course) -> None:
        """By systemctl, which waits."""
        said = course.session.guest.run(f"systemctl stop {self._name}", seconds=_ENDING)
        expect(said.status == 0, self.installed.unit, f"did not end within {_ENDING} s: {said.text}")

    def crash(self, course: Course) -> None:
        """By SIGKILL; systemd starts it again after a while."""
        course.session.guest.run(f"systemctl kill --kill-whom=main --signal=SIGKILL {self._name}")

    def log(self, course: Course) -> str:
        """Of the journal."""
        return course.session.guest.run(f"journalctl -u {self._name} -o cat -n 15").text
