"""The release's own command line, fly, as a person would use it against the web node."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crosscourse.run import process
from crosscourse.run.environment import base_environment
from crosscourse.view import progress
from tasks.boot.host.servers import USER, Web
from tasks.boot.report import RowError, expect

if TYPE_CHECKING:
    from crosscourse.engine.places import Places

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


@dataclass(frozen=True, kw_only=True)
class Fly:
    """fly, logged in. ``home``: where it keeps its token."""

    program: Path
    home: Path
    at: Places

    def call(self, *words: str | Path, seconds: int = 60) -> str:
        """What fly printed. Raises FlyError if it fails or takes longer than ``seconds``."""
        command = ["timeout", "-k", "5", str(seconds), self.program, "-t", TARGET, *words]
        try:
            return self.at.run(command, env=base_environment(HOME=str(self.home)))
        except process.CommandError as error:
            raise FlyError(f"fly {words[0]}", error.found, error.tail) from None

    def login(self, web: Web) -> None:
        """Log in to the web node."""
        self.call("login", "-c", web.url, "-u", USER, "-p", web.password)

    def workers(self) -> list[dict[str, Any]]:
        """The workers that the web node knows."""
        found: list[dict[str, Any]] = json.loads(self.call("workers", "--json"))
        return found

    def set_pipeline(self, configuration: dict[str, Any], folder: Path) -> None:
        """Set the pipeline and let it run."""
        path = folder / "pipeline.json"
        path.write_text(json.dumps(configuration, indent=1), encoding="utf-8")
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

    def await_build(self, build: Build, *, seconds: int = 300) -> Ended:
        """Wait for a build to end. Raises FlyError if it does not succeed."""
        said = self.call("watch", "-j", f"{PIPELINE}/{build.job}", "-b", build.number, seconds=seconds)
        return Ended(said=said, seconds=self._took(build))

    def await_failure(self, build: Build, status: int, *, seconds: int = 300) -> Ended:
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
