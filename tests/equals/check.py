"""What has to hold after any change, and what is said where it does not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.equals import state
from tests.equals.lab import Built, Lab, Place


@dataclass(kw_only=True)
class Checker:
    """Builds, compares, counts. ``every``: each so manieth clean build has an empty Go build cache; 0 for none."""

    lab: Lab
    every: int = 0
    checked: int = 0
    refused: int = 0
    failed: int = 0
    found: list[str] = field(default_factory=list)

    def check(self, what: str, place: Place, target: str = "armv7") -> list[str]:
        """Build in a place and from nothing; returns what differs, as lines."""
        incremental = self.lab.run(place, target)
        now, edited = state.read(place.root), state.is_edited(place.root)
        self.checked += 1
        self.failed += incremental.code != 0
        if incremental.kept_edits:
            self.refused += 1
            return []
        empty_go = bool(self.every) and self.checked % self.every == 0
        clean = self.lab.build_clean(now, edited=edited, target=target, empty_go=empty_go)
        problems = list(compare(incremental, clean))
        if incremental.code == 0 and incremental.done:
            again = self.lab.run(place, target)
            problems += [f"{step} is done again by a second run" for step in sorted(again.done)]
            if again.made != incremental.made:
                problems.append("a second run changed what was made")
        if state.read(place.root) != now:
            problems.append("building changed the sources")
        self.found += [f"{what}: {problem}" for problem in problems]
        return problems


def compare(incremental: Built, clean: Built) -> Iterator[str]:
    """How what a build made differs from what a clean one made of the same state."""
    if incremental.code != clean.code:
        yield f"exit status {incremental.code}, clean {clean.code}:\n{incremental.errors}\nclean:\n{clean.errors}"
    for step in sorted(incremental.whole & clean.whole):
        ours, theirs = incremental.made.get(step, {}), clean.made.get(step, {})
        how = incremental.steps[step]
        for path in sorted(ours.keys() | theirs.keys()):
            if path not in ours:
                yield f"{path} is missing ({step}: {how})"
            elif path not in theirs:
                yield f"{path} is left over ({step}: {how})"
            elif ours[path] != theirs[path]:
                yield f"{path} differs ({step}: {how})"
    if incremental.code == clean.code == 0 and incremental.steps.keys() != clean.steps.keys():
        yield f"other steps: {sorted(incremental.steps.keys() ^ clean.steps.keys())}"
