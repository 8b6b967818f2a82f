"""What a step's work is given beside its spec: places to read and write, a log, a turn at the processors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from crosscourse.errors import CrosscourseError

if TYPE_CHECKING:
    from crosscourse.engine.capacity import Grant
    from crosscourse.engine.reads import Reads


@dataclass(frozen=True, kw_only=True)
class Places:
    """The world as a step's work sees it.

    ``scratch``: an empty folder, removed at the end. ``caches``: the user's cache folder, for the caches of compilers,
    which may decide how long the work takes and never what comes out. ``needed``: of each step that is needed its
    outputs by label, or its place under the label "". ``paths``: where more of what the spec speaks of lies.
    ``origins``: where a person wants things fetched from, by the sort of thing: only for what is known by its digest.
    ``grant``: what heavy work may use. ``reported``: what a person should read when the step is done.
    ``learned``: what was read of the source, if the work found out.
    """

    task: str
    log: Path
    scratch: Path
    caches: Path
    needed: Mapping[str, Mapping[str, Path]]
    labels: tuple[str, ...]
    show: Callable[[str], None]
    grant: Grant | None = None
    source_folder: Path | None = None
    own_place: Path | None = None
    paths: Mapping[str, Path] = field(default_factory=dict)
    origins: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    reported: list[str] = field(default_factory=list)
    learned: list[Reads] = field(default_factory=list)

    @property
    def source(self) -> Path:
        """The checkout that the step reads."""
        if self.source_folder is None:
            raise LookupError(f"{self.task} has no source")
        return self.source_folder

    @property
    def place(self) -> Path:
        """What the step makes beside its outputs: a checkout, a tool, a folder of reports."""
        if self.own_place is None:
            raise LookupError(f"{self.task} has no place")
        return self.own_place

    def output(self, label: str = "") -> Path:
        """Where to write an output; by default the only one. It is moved to its place when the work is done."""
        label = label or self.labels[0]
        if label not in self.labels:
            raise LookupError(f"{self.task} has no output {label!r}")
        path = self.outputs_folder / label
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    @property
    def outputs_folder(self) -> Path:
        """Where all outputs are written: their labels are paths in it."""
        return self.scratch / "outputs"

    def need(self, step: str, label: str = "") -> Path:
        """An output of a step that is needed (by default the only one), or its place."""
        found = self.needed[step]
        return found[label] if label else next(iter(found.values()))

    def run(self, argv: Sequence[str | Path], *, env: Mapping[str, str], cwd: Path | None = None) -> str:
        """Run a program, see ``process.run``. Its temporary files lie in the scratch folder, or as ``env`` says.

        While it runs nobody removes anything of the compilers' caches, if it is told where they are.
        """
        return self._run(argv, self.log, env, cwd)

    def ask(self, argv: Sequence[str | Path], *, env: Mapping[str, str], cwd: Path | None = None) -> str:
        """Run a program for its answer, which is not for people: the log gets it only if the program fails."""
        from crosscourse.run import process

        answer = self.scratch / "answer.log"
        try:
            return self._run(argv, answer, env, cwd)
        except process.CommandError as error:
            self.write_log(error.tail)
            raise
        finally:
            answer.unlink(missing_ok=True)

    def _run(self, argv: Sequence[str | Path], log: Path, env: Mapping[str, str], cwd: Path | None) -> str:
        from crosscourse.engine.lock import caches_in_use
        from crosscourse.run import process

        told = any(str(self.caches) in value for value in env.values())
        with caches_in_use(self.caches, shared=True) if told else nullcontext():
            return process.run(argv, log=log, env=self._with_temporary(env), cwd=cwd)

    def _with_temporary(self, env: Mapping[str, str]) -> dict[str, str]:
        """With TMPDIR: what a killed program leaves there (Go hundreds of megabytes) would else stay for ever."""
        temporary = self.scratch / "temporary"
        temporary.mkdir(exist_ok=True)
        return {"TMPDIR": str(temporary), **env}

    def status(self, text: str) -> None:
        """Say what is being done now; shown by the live view."""
        self.show(text)

    def report(self, text: str) -> None:
        """Say something that a person should read when the step is done; it goes to the log too."""
        self.reported.append(text)
        self.write_log(text)

    def write_log(self, text: str) -> None:
        """Write a line to the log."""
        with self.log.open("a", encoding="utf-8") as stream:
            stream.write(text + "\n")

    def read(self, reads: Reads) -> None:
        """Tell what of the source decided the outputs; unless told, all of it did."""
        self.learned.append(reads)


class SourceEditedError(CrosscourseError):
    """A source that was edited while something was made of it."""

    def __init__(self, task: str, folder: str, what: str) -> None:
        super().__init__(
            task,
            f"{folder} was edited while it was at work ({what}), so what came out is of neither state",
            "Nothing was recorded. Run the same command again.",
        )


class OutputMissingError(CrosscourseError):
    """A step that ended without making what it promised."""
