"""Runs of single steps without doit: what was recorded is kept between them, as doit keeps it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crosscourse.engine.cache.folder import Folder
from crosscourse.engine.capacity import Pool
from crosscourse.engine.code.digest import Code
from crosscourse.engine.job import Job, Record
from crosscourse.engine.shared import Shared
from crosscourse.engine.spec import Spec
from crosscourse.engine.step import Step
from crosscourse.git.fingerprint import Fingerprints
from tests.unit.engine.works import WORKED

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What a run did with a step. ``worked``: whether its work was done; ``cached``: whether its outputs were taken."""

    reasons: list[str]
    worked: bool
    cached: bool
    reported: list[str]

    @property
    def idle(self) -> bool:
        """Whether there was nothing to do."""
        return not self.reasons


@dataclass(kw_only=True)
class Place:
    """A project folder with its records. ``code``: where the modules of works are read."""

    root: Path
    cache: Path
    code: Path = ROOT
    records: dict[str, Record] = field(default_factory=dict)

    def share(self, *steps: Step) -> Shared:
        """What a new run shares."""
        shared = make_shared(self.root, self.cache, self.code)
        for step in steps:
            shared.add(step)
        return shared

    def job(self, step: Step, *others: Step, shared: Shared | None = None) -> Job:
        """A step of a new run, checked; ``others``: what else there is."""
        job = Job(step=step, shared=shared or self.share(step, *others))
        with suppress(FileNotFoundError):
            os.chdir(self.root)
        results = {need: self.records.get(need, {}).get("result", "") for need in step.needs}
        job.reasons = job.why(json.loads(json.dumps(self.records.get(step.name, {}))), results)
        return job

    def run(self, step: Step, *others: Step) -> Ran:
        """A new run of one step, as doit has it: check, do, record."""
        job = self.job(step, *others)
        if job.reasons:
            self.records[step.name] = job.do()
            job.shared.close()
        elif job.changed:
            self.records[step.name] = job.record
        return Ran(
            reasons=job.reasons,
            worked=bool(job.reasons) and WORKED in job.log.read_text(encoding="utf-8"),
            cached=job.from_cache,
            reported=job.reported,
        )


def make_shared(root: Path, cache: Path, code: Path = ROOT) -> Shared:
    """What a run in ``root`` shares; the code of works is that of the tests."""
    return Shared(
        build=root / "build",
        cache=cache,
        limit=10**9,
        fingerprints=Fingerprints(),
        make_pool=lambda: Pool(slots=1, memory=100, processors=1),
        make_code=lambda: Code(code, root / "build" / "code.json", ("tests",)),
        make_results=lambda: Folder(cache / "results"),
    )


def make_step(name: str, spec: Spec, work: Callable[..., None], *outputs: Path, **more: Any) -> Step:
    """A step of outputs that are labelled by their file names."""
    labelled = {path.name: path for path in outputs}
    return Step(name=name, stage="test", doc=name, spec=spec, work=work, outputs=labelled, **more)


def make_checkout(folder: Path, **texts: str) -> Path:
    """A git work tree with a file of each name, committed; returns it."""
    folder.mkdir(parents=True)
    for name, text in texts.items():
        (folder / name).write_text(text)
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "first")
    return folder


def git(folder: Path, *words: str) -> str:
    """Git as a person would call it."""
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@t", *words]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()
