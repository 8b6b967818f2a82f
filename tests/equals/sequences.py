"""Random sequences of changes, undone now and then, with what else happens to outputs and caches in between."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from crosscourse import files
from tests.equals import sources, state, tables
from tests.equals.check import Checker
from tests.equals.disturbances import DISTURBANCES
from tests.equals.edits import NotHereError
from tests.equals.lab import Place
from tests.equals.sources import PatchChange, SourceChange
from tests.equals.state import CHECKOUT, EXAMPLE, GIVEN, State
from tests.equals.tables import TableChange

Change: TypeAlias = "TableChange | SourceChange | PatchChange"
# One action, as data, so that a sequence can be printed, and done again: what, of which, where in a list.
Action: TypeAlias = tuple[str, str, float]
OTHER_TARGET = "arm64"


def all_changes(root: Path) -> dict[str, Change]:
    """Every change of the example's release, by name. ``root``: the project, unchanged."""
    found: list[Change] = [*tables.manifest_changes(root), *tables.target_changes(root), *sources.PATCH_CHANGES]
    found += sources.source_changes(CHECKOUT)
    found += [one for one in sources.source_changes(EXAMPLE) if one.title not in sources.ONLY_CHECKOUT]
    return {change.name: change for change in found}


def prepare(change: Change, root: Path) -> bool:
    """Do what has to be there for a change alone; says whether there was anything. Raises NotHereError."""
    needs = sources.NEEDS.get(change.title, ()) if isinstance(change, SourceChange) else ()
    for need in needs:
        assert isinstance(change, SourceChange)
        sources.EDITS[need](root / change.folder)
    return bool(needs)


def make(seed: int, changes: Mapping[str, Change], length: int, *, disturbed: bool = False) -> list[Action]:
    """A sequence: half of it edits of files, in the checkout or in the example, the rest whatever there is.

    ``disturbed``: with runs in between that are killed, or meet faults of the file system.
    """
    choice = random.Random(seed)  # noqa: S311  # to be repeated
    folder = choice.choice((CHECKOUT, CHECKOUT, EXAMPLE))
    edits = [name for name, change in changes.items() if isinstance(change, SourceChange) and change.folder == folder]
    others = [name for name, change in changes.items() if not isinstance(change, SourceChange)]
    made: list[Action] = []
    while len(made) < length:
        whats, weights = ["edit", "table", "undo", *EVENTS, "target"], [10, 4, 4, *(1 for _ in EVENTS), 1]
        if disturbed:
            whats += DISTURBANCES
            weights += [8 for _ in DISTURBANCES]
        what = choice.choices(whats, weights)[0]
        name = {"edit": edits, "table": others}.get(what, [""])
        made.append(("change" if what in ("edit", "table") else what, choice.choice(name), choice.random()))
    return made


@dataclass(kw_only=True)
class Course:
    """A sequence under way in the first copy of a checker's lab."""

    checker: Checker
    changes: Mapping[str, Change]
    undo: list[tuple[Change, State]] = field(default_factory=list)

    def run(self, actions: Sequence[Action]) -> list[str]:
        """Do them, and check after each; ends at the first problem. Returns what was found."""
        for number, action in enumerate(actions):
            if not self._do(action):
                continue
            problems = self._check(" ← ".join(map(_say, reversed(actions[: number + 1]))), action)
            if problems:
                return problems
        return []

    @property
    def place(self) -> Place:
        """The copy that is changed."""
        return self.checker.lab.one

    def _do(self, action: Action) -> bool:
        what, name, where = action
        if what == "change":
            return self._change(self.changes[name])
        if what == "undo":
            return self._undo()
        if what in EVENTS:
            return EVENTS[what](self.place, where)
        if what in DISTURBANCES:
            DISTURBANCES[what](self.place, where)
        return True

    def _change(self, change: Change) -> bool:
        before = state.read(self.place.root)
        try:
            change(self.place.root)
        except NotHereError:
            return False
        self.undo.append((change, before))
        return True

    def _undo(self) -> bool:
        if not self.undo:
            return False
        change, before = self.undo.pop()
        if isinstance(change, SourceChange) and change.folder == CHECKOUT:
            state.at_our_commit(self.place.root)
            state.write(self.place.root, before, CHECKOUT)
        else:
            state.write(self.place.root, before, *GIVEN)
        return True

    def _check(self, title: str, action: Action) -> list[str]:
        checker, target = self.checker, OTHER_TARGET if action[0] == "target" else "armv7"
        refused = checker.refused
        found = checker.check(title, self.place, target)
        if checker.refused > refused and not found:
            # The change would have had an edited checkout made anew: without it, all is as before.
            self._undo()
            found = checker.check(f"undone: {title}", self.place)
        if action[0] == "other checkout" and not found:
            wanted, edited = state.read(self.place.root), state.is_edited(self.place.root)
            checker.lab.follow(checker.lab.other, wanted, edited=edited)
            found = checker.check(f"in another checkout: {title}", checker.lab.other)
        return found


def shrink(actions: Sequence[Action], fails: Callable[[Sequence[Action]], bool]) -> list[Action]:
    """The actions without those that are not needed for it to fail, tried one by one from the end."""
    kept = list(actions)
    for index in reversed(range(len(kept))):
        fewer = kept[:index] + kept[index + 1 :]
        if fails(fewer):
            kept = fewer
    return kept


def _say(action: Action) -> str:
    what, name, where = action
    return name or (f"{what} {where:.2f}" if what in (*EVENTS, *DISTURBANCES) else what)


def _outputs(place: Place) -> list[Path]:
    build = place.root / "build" / "printer"
    found = [
        path for folder in ("artifacts", "libraries", "rootfs", "verify") for path in build.glob(f"*/{folder}/**/*")
    ]
    return sorted(path for path in [*found, *place.root.glob("dist/*.tgz")] if path.is_file())


def _pick(paths: Iterator[Path] | Sequence[Path], where: float) -> Path | None:
    found = sorted(path for path in paths if path.is_file())
    return found[int(where * len(found))] if found else None


def _remove(path: Path | None) -> bool:
    if path is None:
        return False
    files.remove(path)
    return True


def _damage(path: Path | None) -> bool:
    """One byte of a file, its size the same."""
    if path is None or not (content := bytearray(path.read_bytes())):
        return False
    content[len(content) // 2] ^= 1
    mode = path.stat().st_mode
    path.chmod(0o644)
    path.write_bytes(bytes(content))
    path.chmod(mode)
    return True


def _touch(place: Place) -> bool:
    for path in [*_outputs(place), *(place.root / CHECKOUT).rglob("*.*")]:
        if path.is_file() and ".git" not in path.parts:
            path.touch()
    return True


def _clean(place: Place) -> bool:
    place.doit("clean", expect=None)  # a manifest may be refused
    return True


def _all_damaged(paths: Iterator[Path]) -> bool:
    return bool([path for path in paths if _damage(path)])  # all of them


def _results_removed(place: Place) -> bool:
    files.remove(place.cache / "results")
    return True


# What happens beside changes: none of it may make a difference. Each says whether it could be done.
EVENTS: Mapping[str, Callable[[Place, float], bool]] = {
    "touch": lambda place, _where: _touch(place),
    "clean": lambda place, _where: _clean(place),
    "output removed": lambda place, where: _remove(_pick(_outputs(place), where)),
    "output damaged": lambda place, where: _damage(_pick(_outputs(place), where)),
    "entry removed": lambda place, where: _remove(_pick(place.cache.glob("results/entries/*/*"), where)),
    "entry damaged": lambda place, where: _damage(_pick(place.cache.glob("results/entries/*/*"), where)),
    "blob removed": lambda place, where: _remove(_pick(place.cache.glob("results/blobs/*/*"), where)),
    "blob damaged": lambda place, where: _damage(_pick(place.cache.glob("results/blobs/*/*"), where)),
    "all blobs damaged": lambda place, _where: _all_damaged(place.cache.glob("results/blobs/*/*")),
    "reads removed": lambda place, where: _remove(_pick(place.cache.glob("results/reads/*/*"), where)),
    "result cache removed": lambda place, _where: _results_removed(place),
    "other checkout": lambda _place, _where: True,
}
