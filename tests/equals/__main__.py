"""Incremental equals clean, at length: every key of the example's release, every edit, random sequences of them.

    .venv/bin/python -m tests.equals [--changes N] [--seed S] [--minutes M] [--only PATTERN] [--faults] [...]

Each change alone, from the unchanged example or the change before, in random order; a sequence after each twenty. Seed
and pattern say what is tried. Ends with 1 if anything was found.
"""

from __future__ import annotations

import argparse
import random
import re
import signal
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.equals import sequences
from tests.equals.check import Checker
from tests.equals.edits import NotHereError
from tests.equals.lab import make_lab
from tests.equals.sequences import OTHER_TARGET, Action, Change, Course

LENGTH = 12  # of a sequence
PAUSE = 20  # changes alone between sequences
# Of the clean builds one in so many has an empty Go build cache; of the changes one in so many is undone at once.
EVERY, BACK = 100, 3


@dataclass(kw_only=True)
class Run:
    """One call. ``end``: when there is no more time, by the monotonic clock. ``disturbed``: see ``sequences.make``."""

    checker: Checker
    changes: dict[str, Change]
    limit: int
    end: float
    disturbed: bool = False

    @property
    def over(self) -> bool:
        """Whether changes or time are used up."""
        return self.checker.checked >= self.limit or time.monotonic() > self.end

    def alone(self, change: Change) -> None:
        """One change in the unchanged example, and back."""
        place = self.checker.lab.one
        try:
            prepared = sequences.prepare(change, place.root)
            if prepared:
                self.check(f"before {change.name}")
            change(place.root)
        except NotHereError as error:
            print(f"not tried: {change.name}: {error}", flush=True)
            return
        failed = self.checker.failed
        self.check(change.name)
        self.checker.lab.restart(place)
        # Else the next change is made from this state, which is as good a way back.
        if self.checker.failed > failed or self.checker.checked % BACK == 0:
            self.check(f"{change.name}, undone")

    def check(self, what: str) -> None:
        """Check the first copy, and say what is found."""
        say(what, self.checker.check(what, self.checker.lab.one))
        if self.checker.checked % 10 == 0:
            print(f"{self.checker.checked} states checked, {len(self.checker.found)} findings", flush=True)

    def sequence(self, seed: int) -> None:
        """A random sequence; what is found is made as short as can be."""
        actions = sequences.make(seed, self.changes, LENGTH, disturbed=self.disturbed)
        if problems := self._run(actions, self.checker):
            say(f"sequence {seed}", problems)
            trial = Checker(lab=self.checker.lab)  # counts for nothing
            short = sequences.shrink(actions, lambda fewer: not self.over and bool(self._run(fewer, trial)))
            print(f"sequence {seed}, made short:", *short, sep="\n  ", flush=True)

    def _run(self, actions: Sequence[Action], checker: Checker) -> list[str]:
        self.checker.lab.forget(self.checker.lab.one)
        self.checker.lab.run(self.checker.lab.one)
        return Course(checker=checker, changes=self.changes).run(actions)


def say(what: str, problems: list[str]) -> None:
    """Print what was found."""
    for problem in problems:
        print(f"FOUND {what}: {problem}", flush=True)


def main() -> int:
    """Try, and print how much was tried and what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--changes", type=int, default=1000, help="how many states to check, at most")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--only", default="", help="a regular expression: of the changes only those whose name has it")
    parser.add_argument("--sequences", action="store_true", help="only sequences")
    parser.add_argument("--faults", action="store_true", help="sequences with kills and faults in between, only them")
    parser.add_argument("--folder", type=Path, help="for the copies; by default a temporary one, removed at the end")
    options = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="crosscourse-equals-", dir=options.folder) as folder:
        lab = make_lab(Path(folder), targets=("armv7", OTHER_TARGET))
        run = Run(
            checker=Checker(lab=lab, every=EVERY),
            changes=sequences.all_changes(lab.one.root),
            limit=options.changes,
            end=started + options.minutes * 60,
            disturbed=options.faults,
        )
        names = [name for name in run.changes if re.search(options.only, name)]
        random.Random(options.seed).shuffle(names)  # noqa: S311  # to be repeated
        tried = count = 0
        # A background process is deaf to SIGINT, and is told to end by SIGTERM: what was found is to be said then too.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        only_sequences = options.sequences or options.faults
        try:
            while not run.over and (names or not options.only):
                if names and not only_sequences:
                    run.alone(run.changes[names.pop()])
                    tried += 1
                if not options.only and (tried % PAUSE == 0 or only_sequences or not names):
                    run.sequence(options.seed * 1000 + count)
                    count += 1
        except KeyboardInterrupt:
            print("interrupted")
        report(run.checker, tried, count, started, options.seed)
    return 1 if run.checker.found else 0


def report(checker: Checker, alone: int, count: int, started: float, seed: int) -> None:
    """The end of the output."""
    print(
        f"seed {seed}: {alone} changes alone, {count} sequences; {checker.checked} states checked "
        f"({checker.failed} of them fail to build, {checker.refused} would lose edits), {checker.lab.builds} builds, "
        f"{time.monotonic() - started:.0f} s; {len(checker.found)} findings"
    )
    for problem in checker.found:
        print(f"- {problem}")


if __name__ == "__main__":
    raise SystemExit(main())
