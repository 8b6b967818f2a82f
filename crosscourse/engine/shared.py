"""What the steps of one run share: where logs go, processors and memory, fingerprints, digests of code, results."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from crosscourse import files
from crosscourse.engine.idle.seen import Seen
from crosscourse.engine.mending import Asked
from crosscourse.engine.reads import Reads
from crosscourse.engine.step import Step
from crosscourse.errors import CrosscourseError
from crosscourse.view.statuses import Statuses

if TYPE_CHECKING:
    from crosscourse.engine.cache.folder import Results
    from crosscourse.engine.capacity import Pool
    from crosscourse.engine.code.digest import Code
    from crosscourse.run.children import Children


class Fingerprints(Protocol):
    """Who tells what a folder of sources contains; see ``crosscourse.git.fingerprint``."""

    def prefetch(self, folders: Iterable[Path]) -> None:
        """Start reading folders, in the background."""

    def get(self, folder: Path) -> dict[str, str]:
        """What a folder contains, by its commit and the files that differ from it."""

    def content(self, folder: Path, fingerprint: Mapping[str, str], reads: Reads) -> dict[str, str]:
        """The content of what is read, the same for the same bytes whatever the commit."""

    def forget(self, folder: Path) -> None:
        """The folder may have changed: read it again."""


@dataclass(kw_only=True)
class Shared:
    """``build``: the folder for logs and scratch. ``cache``: the user's cache folder; ``limit``: bytes that the result
    cache is kept within. ``origins``: where a person wants things fetched from, by the sort of thing. ``statuses``:
    what the steps do. ``children``: what they started; set by the run, and kept when it has ended, so that a step
    that begins later starts nothing. ``asked``: the steps whose places were asked whether they are sound. ``seen``:
    what the run looked at. The rest is made when needed.
    """

    build: Path
    cache: Path
    limit: int
    fingerprints: Fingerprints
    make_pool: Callable[[], Pool]
    make_code: Callable[[], Code]
    make_results: Callable[[], Results]
    origins: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    statuses: Statuses = field(default_factory=Statuses)
    children: Children | None = None
    steps: dict[str, Step] = field(default_factory=dict)
    asked: Asked = field(default_factory=Asked)
    seen: Seen = field(default_factory=Seen)
    _running: set[str] = field(default_factory=set)
    _idle: threading.Condition = field(default_factory=threading.Condition)

    @cached_property
    def logs(self) -> str:
        """The folder of logs, relative to the project."""
        return files.relative(self.build / "logs")

    @cached_property
    def pool(self) -> Pool:
        """Processors and memory."""
        return self.make_pool()

    @cached_property
    def code(self) -> Code:
        """Digests of our own code."""
        return self.make_code()

    @cached_property
    def results(self) -> Results:
        """The result cache."""
        return self.make_results()

    def add(self, step: Step) -> None:
        """Make a step known to those that need it."""
        self.steps[step.name] = step

    def prefetch(self, steps: Iterable[Step]) -> None:
        """Start reading the sources of steps, all at the same time."""
        self.fingerprints.prefetch(dict.fromkeys(step.source.path for step in steps if step.source))

    def fingerprint(self, folder: Path) -> dict[str, str]:
        """What a checkout contains now; CrosscourseError if there is none, or git can't tell."""
        self.seen.tree(folder)
        if not folder.is_dir():
            raise CrosscourseError(files.relative(folder), "is not there yet")
        return self.fingerprints.get(folder)

    def content(self, folder: Path, fingerprint: Mapping[str, str], reads: Reads) -> dict[str, str]:
        """The content of what is read of a checkout."""
        return self.fingerprints.content(folder, fingerprint, reads)

    def provided(self, name: str) -> Mapping[str, Path]:
        """What a step makes: its outputs by label, and its place under the label ""."""
        step = self.steps[name]
        return {**({"": step.place} if step.place is not None else {}), **step.provides, **step.outputs}

    @cached_property
    def _all_outputs(self) -> frozenset[str]:
        return frozenset(files.relative(path) for step in self.steps.values() for path in step.outputs.values())

    def outputs(self) -> frozenset[str]:
        """The outputs of all steps, relative to the project."""
        return self._all_outputs

    def status(self, task: str, text: str) -> None:
        """What a task does now."""
        self.statuses.set(task, text)

    @contextmanager
    def at_work(self, task: str) -> Iterator[None]:
        """A task is at work in this thread for the time of the block."""
        with self._idle:
            self._running.add(task)
        try:
            with self.children.at_work() if self.children is not None else nullcontext():
                yield
        finally:
            self.statuses.clear(task)
            with self._idle:
                self._running.discard(task)
                self._idle.notify_all()

    def wait_until_idle(self, seconds: float) -> None:
        """Wait until no step is at work any more (each removes its scratch folder at its end), at most so long."""
        with self._idle:
            self._idle.wait_for(lambda: not self._running, timeout=seconds)

    def close(self) -> None:
        """At the end of a run: the result cache is kept within bounds."""
        if "results" in vars(self):  # it looks only if something was put into it
            with suppress(OSError):  # a disk that is full or read-only: nothing depends on it
                self.results.trim(self.limit)
