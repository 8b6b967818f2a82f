"""One call of the command: seed and time, what was tried, what was found."""

from __future__ import annotations

import random
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from tests.attack.ground import Ground, problems, tail
from tests.attack.processes import Ended

_PROGRESS = re.compile(r"^\[[ \d]+/\d+\] \S+ +[\d.]+ s|^\d+ tasks")
_OFTEN = re.compile(r"/\S+crosscourse-attack-\w+|\d+|[0-9a-f]{10,}")


@dataclass(kw_only=True)
class Session:
    """``end``: when there is no more time, by the monotonic clock. ``only``: the one case that is tried, if not None.

    ``counts``: how often what happened, in words; ``messages``: what failed runs said; ``done``: cases so far;
    ``remedies``: what was followed, and worked; ``names``: of what there are several sorts, only these. ``first``: the
    number to begin with. ``part``: of so many processes that share the cases, which one this is.
    """

    ground: Ground
    kind: str
    seed: int
    count: int
    end: float
    only: int | None = None
    counts: Counter[str] = field(default_factory=Counter)
    messages: Counter[str] = field(default_factory=Counter)
    remedies: Counter[str] = field(default_factory=Counter)
    names: Sequence[str] = ()
    first: int = 0
    part: tuple[int, int] = (0, 1)
    done: int = 0
    found: list[str] = field(default_factory=list)

    @property
    def over(self) -> bool:
        """Whether there is no more time, or nothing left to try; a line now and then says how far it is."""
        if self.done % 50 == 0 and self.done:
            self.say(f"{self.done} tried")
        if time.monotonic() > self.end:
            print(f"no more time after {self.done}", flush=True)
            return True
        return self.done >= self.count or (self.only is not None and self.done > self.only)

    def wanted(self, number: int) -> bool:
        """Whether a case is to be tried."""
        if self.only is not None:
            return number == self.only
        return number >= self.first and number % self.part[1] == self.part[0]

    def cases(self) -> Iterator[tuple[int, random.Random]]:
        """The numbers of the cases, each with chance of its own, as long as there is time."""
        while not self.over:
            if self.wanted(self.done):
                yield self.done, self.chance(self.done)
            self.done += 1

    def note(self, cause: str, ended: Ended) -> None:
        """Keep what a run that failed said, for a look at it: the first lines of it that are no progress."""
        if ended.code:
            lines = [line for line in ended.text.splitlines() if line.strip() and not _PROGRESS.match(line)]
            self.messages[f"{cause}: {' | '.join(re.sub(_OFTEN, '?', line) for line in lines[:3])}"[:400]] += 1

    def chance(self, number: int) -> random.Random:
        """What is by chance in a case; the same for the same seed."""
        return random.Random(f"{self.kind} {self.seed} {number}")  # noqa: S311  # to be repeated

    def judge(self, number: int, what: str, ended: Ended, more: Iterable[str] = ()) -> bool:
        """Tell what is wrong with a run that was attacked; whether nothing is."""
        found = [*problems(ended), *more]
        for problem in found:
            self.tell(number, what, problem, ended.text)
        return not found

    def check(self, number: int, what: str) -> bool:
        """Build undisturbed, tell what is wrong, and start anew then; whether nothing is."""
        self.counts["checks"] += 1
        ended, found = self.ground.undisturbed()
        for problem in found:
            self.tell(number, what, problem, ended.text)
        if found:
            self.ground.renew()
            ended, found = self.ground.undisturbed(600)
            assert not found, f"not even anew: {found}\n{ended.text}"
        return not found

    def tell(self, number: int, what: str, problem: str, text: str) -> None:
        """Tell of something that must not be, and how to try it again."""
        again = f"python -m tests.attack {self.kind} --seed {self.seed} --case {number}"
        line = f"{what}: {problem}  [{again}]"
        self.found.append(line)
        print(f"FOUND {line}\n{tail(text)}", end="", flush=True)

    def say(self, first: str) -> None:
        """A line on how far it is."""
        counts = ", ".join(f"{count} {what}" for what, count in sorted(self.counts.items()))
        print(f"{self.kind}: {first}; {counts}; {len(self.found)} findings", flush=True)
