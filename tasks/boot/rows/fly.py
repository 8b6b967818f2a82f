"""The release's own command line, fly, as a person would use it against the web node."""

from __future__ import annotations

import json
import re
import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from crosscourse.run import process
from crosscourse.run.environment import base_environment
from crosscourse.view import progress
from tasks.boot.report import RowError, expect

if TYPE_CHECKING:
    from crosscourse.engine.places import Places
    from tasks.boot.session import Session

TARGET = "boot"
PIPELINE = "boot"


class FlyError(RowError):
    """fly failed. ``ending``: how it ended; ``said``: the end of what it printed."""

    def __init__(self, command: str, ending: str, said: str) -> None:
        self.ending = ending.replace("exit status 124", "exit status 124 (its time was over)")
        self.said = "\n".join(filter(None, map(progress.plain_text, said.split("\n"))))
        super().__init__(command, f"{self.ending}:\n{self.said}")


@dataclass(frozen=True, kw_only=True)
class Build:
    """A build of a job, by its number."""

    job: str
    number: str


@dataclass(frozen=True, kw_only=True)
class Ended:
    """What a build printed, and how long it took."""

    said: str
    seconds: float


class Caller(Protocol):
    """Where fly is called."""

    def call(self, words: Sequence[str | Path], seconds: int) -> str:
        """What it printed. Raises FlyError if it fails or takes longer than ``seconds``."""

    def write(self, text: str) -> str | Path:
        """A file with that text, for it to read."""


@dataclass(frozen=True, kw_only=True)
class OnHost:
    """On the host. ``home``: where it keeps its token."""

    program: Path
    home: Path
    at: Places

    def call(self, words: Sequence[str | Path], seconds: int) -> str:
        """As ``Caller`` says."""
        command = ["timeout", "-k", "5", str(seconds), self.program, *words]
        try:
            return self.at.run(command, env=base_environment(HOME=str(self.home)))
        except process.CommandError as error:
            raise FlyError(_title(words), error.found, error.tail) from None

    def write(self, text: str) -> str | Path:
        """As ``Caller`` says."""
        path = self.at.scratch / "pipeline.json"
        path.write_text(text, encoding="utf-8")
        return path


@dataclass(frozen=True, kw_only=True)
class InGuest:
    """In the guest, where it is a program on PATH."""

    session: Session
    program: str

    def call(self, words: Sequence[str | Path], seconds: int) -> str:
        """As ``Caller`` says."""
        command = shlex.join(["timeout", "-k", "5", str(seconds), self.program, *map(str, words)])
        answer = self.session.guest.run(f"HOME=/root {command}", seconds=seconds + 30)
        self.session.at.write_log(f"guest$ {command}\n{answer.text}")
        if answer.status != 0:
            raise FlyError(_title(words), f"ended with exit status {answer.status}", answer.text)
        return answer.text

    def write(self, text: str) -> str | Path:
        """As ``Caller`` says."""
        path = "/run/pipeline.json"
        answer = self.session.guest.run(f"printf %s {shlex.quote(text)} >{path}")
        expect(answer.status == 0, path, answer.text)
        return path


def _title(words: Sequence[str | Path]) -> str:
    """A call, for people: its command alone. The words before it say which web node (``-t boot``)."""
    return f"fly {words[2]}"


@dataclass(frozen=True, kw_only=True)
class Fly:
    """fly, logged in."""

    caller: Caller

    def call(self, *words: str | Path, seconds: int = 60) -> str:
        """What fly printed. Raises FlyError if it fails or takes longer than ``seconds``."""
        return self.caller.call(["-t", TARGET, *words], seconds)

    def login(self, url: str, user: str, password: str) -> None:
        """Log in to the web node."""
        self.call("login", "-c", url, "-u", user, "-p", password)

    def workers(self) -> list[dict[str, Any]]:
        """The workers that the web node knows."""
        found: list[dict[str, Any]] = json.loads(self.call("workers", "--json"))
        return found

    def set_pipeline(self, configuration: dict[str, Any]) -> None:
        """Set the pipeline and let it run."""
        path = self.caller.write(json.dumps(configuration, indent=1))
        self.call("set-pipeline", "-n", "-p", PIPELINE, "-c", path)
        self.call("unpause-pipeline", "-p", PIPELINE)

    def first_build(self, job: str, *, seconds: int = 60) -> Build:
        """The first build of a job, which begins by itself. Raises RowError if it does not within ``seconds``."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if json.loads(self.call("builds", "-j", f"{PIPELINE}/{job}", "--json")):
                return Build(job=job, number="1")
            time.sleep(1)
        raise RowError(f"job {job}", f"did not begin within {seconds} s")

    def trigger(self, job: str) -> Build:
        """Begin a build of a job; it is not waited for."""
        said = self.call("trigger-job", "-j", f"{PIPELINE}/{job}")
        found = re.search(r"#(\d+)", said)
        expect(found is not None, "fly trigger-job", f"named no build: {said!r}")
        assert found is not None
        return Build(job=job, number=found.group(1))

    def await_more(self, build: Build, *, seconds: int = 120) -> None:
        """Wait until a build that runs says more than it has said by now. Raises RowError if it does not."""
        end = time.monotonic() + seconds
        before = self._said(build)
        while time.monotonic() < end:
            if self._said(build) != before:
                return
        raise RowError(f"job {build.job}", f"said nothing for {seconds} s but:\n{before[-1000:]}")

    def _said(self, build: Build) -> str:
        """What a build that runs has said so far; fly would go on watching."""
        try:
            return self.call("watch", "-j", f"{PIPELINE}/{build.job}", "-b", build.number, seconds=5)
        except FlyError as error:
            return error.said

    def await_build(self, build: Build, *, seconds: int = 600) -> Ended:
        """Wait for a build to end. Raises FlyError if it does not succeed."""
        said = self.call("watch", "-j", f"{PIPELINE}/{build.job}", "-b", build.number, seconds=seconds)
        return Ended(said=said, seconds=self._took(build))

    def await_failure(self, build: Build, status: int, *, seconds: int = 600) -> Ended:
        """Wait for a build whose task must fail with that exit status. Raises RowError if it ends in another way."""
        wanted = f"exit status {status}"
        try:
            said = self.await_build(build, seconds=seconds).said
        except FlyError as error:
            expect(error.ending.endswith(wanted), f"job {build.job}", f"{error.ending}, not {wanted}:\n{error.said}")
            return Ended(said=error.said, seconds=self._took(build))
        raise RowError(f"job {build.job}", f"succeeded, expected {wanted}:\n{said}")

    def _took(self, build: Build) -> float:
        found = json.loads(self.call("builds", "-j", f"{PIPELINE}/{build.job}", "--json"))
        times = {row["name"]: row["end_time"] - row["start_time"] for row in found if row.get("end_time")}
        return float(times[build.number])


def lines_with(text: str, start: str) -> list[str]:
    """The lines of a build's output that begin with ``start``."""
    lines = [progress.plain_text(line).strip() for line in text.split("\n")]
    return [line for line in lines if line.startswith(start)]
