"""Copies of this project in which a state is built: in one again and again, in another from nothing each time.

What is shared with the user's own cache folder is what was fetched, and the C library that zig makes (a minute and
more). Each side has a Go build cache and a cache of C objects of its own. The clean side's Go build cache is put back
before each build to what compiling the unchanged example leaves there: it has the standard library, and nothing that
an earlier change could have left.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs

from crosscourse import files
from tests.endtoend.conftest import Workspace, make_workspace
from tests.equals import state
from tests.equals.state import CHECKOUT, GIVEN, State

SHARED = ("tools", "git", "go-mod")
# Words by which a run refuses to make a checkout anew that was edited: what it says is about the past, not the state.
KEPT_EDITS = "has edits of yours"


@dataclass(frozen=True, kw_only=True)
class Built:
    """A build's end: exit status, result of each step, digest of each file that a step made, by step and path.

    ``text``: all that was printed; ``errors``: of it what steps failed with, or all.
    """

    code: int
    text: str
    errors: str
    steps: Mapping[str, str]
    made: Mapping[str, Mapping[str, str]]
    seconds: float

    @property
    def done(self) -> set[str]:
        """The steps that were done."""
        return {name for name, result in self.steps.items() if result in ("success", "fail")}

    @property
    def whole(self) -> set[str]:
        """The steps whose outputs are there: done, or not to be done."""
        return {name for name, result in self.steps.items() if result in ("success", "up-to-date")}

    @property
    def kept_edits(self) -> bool:
        """Whether the build ended because a checkout has edits and would have to be made anew."""
        return KEPT_EDITS in self.text


@dataclass(kw_only=True)
class Place:
    """A copy of the project with a cache folder."""

    workspace: Workspace
    cache: Path

    @property
    def root(self) -> Path:
        """The copy."""
        return self.workspace.root

    def build(self, target: str = "armv7") -> Built:
        """Build and verify."""
        started = time.monotonic()
        words = ["run", "--reporter", "json", *self._variables(target), "build", "verify"]
        outcome = self.workspace.doit(*words, expect=None)
        try:
            tasks = json.loads(outcome.out)["tasks"]
        except ValueError:
            tasks = []
        # Groups do nothing; a step has a stage, and one name more where it is of a target.
        flat = ("toolchain:", "source:", "patch:")
        steps = {
            task["name"]: task["result"]
            for task in tasks
            if task["name"].startswith(flat) or task["name"].count(":") == 2
        }
        return Built(
            code=outcome.code,
            text=outcome.text,
            errors="\n".join(f"{task['name']}: {task['error']}" for task in tasks if task["error"]) or outcome.text,
            steps=steps,
            made=made(self.root, target),
            seconds=time.monotonic() - started,
        )

    def doit(self, *words: str, target: str = "armv7", expect: int | None = 0) -> str:
        """Another command of doit; options come first."""
        return self.workspace.doit(words[0], *self._variables(target), *words[1:], expect=expect).text

    def command(self, *words: str) -> list[str]:
        """The words of a command, to be started by the caller."""
        return self.workspace.command(*self._variables("armv7"), *words)

    def _variables(self, target: str) -> tuple[str, ...]:
        return "release=printer", f"target={target}", f"cache={self.cache}"


def made(root: Path, target: str) -> dict[str, dict[str, str]]:
    """The digest and mode of each file that steps of a target made, by step."""
    found: dict[str, dict[str, str]] = {}
    build = root / "build" / "printer" / target
    places = [(path, _step(path.relative_to(build), target)) for path in build.rglob("*")]
    places += [(path, f"package:{target}:tgz") for path in (root / "dist").glob(f"*-{target}.tgz")]
    for path, step in places:
        if path.is_file():
            told = f"{path.stat().st_mode & 0o777:o} {files.digest(path)}"
            found.setdefault(step, {})[path.relative_to(root).as_posix()] = told
    return found


def _step(path: Path, target: str) -> str:
    folder, name, *_ = path.parts if len(path.parts) > 1 else (path.name, "")
    stage = {"artifacts": "compile", "libraries": "compile"}.get(folder, folder)
    return f"{stage}:{target}:{Path(name).stem if stage == 'verify' else name}"


@dataclass(kw_only=True)
class Lab:
    """A folder with two copies that share a cache folder, and one that is built from nothing each time."""

    folder: Path
    one: Place
    other: Place
    clean: Place
    first: State
    base_go: Path
    known: dict[str, Built] = field(default_factory=dict)
    builds: int = 0

    def run(self, place: Place, target: str = "armv7") -> Built:
        """Build in a place."""
        self.builds += 1
        return place.build(target)

    def build_clean(self, wanted: State, *, edited: bool, target: str = "armv7", empty_go: bool = False) -> Built:
        """Build a state with empty build folder, result cache and no checkout; known if it was built before.

        ``edited``: whether its checkout is not as the steps before make it. ``empty_go``: with an empty Go build cache.
        """
        key = f"{target} {edited} {state.digest(wanted)}"
        if key in self.known and not empty_go:
            return self.known[key]
        root = self.clean.root
        for name in ("build", "dist", "sources"):
            files.remove(root / name)
        self._empty(self.clean.cache)
        if empty_go:
            files.remove(self.clean.cache / "go-build")
        state.write(root, wanted, *GIVEN)
        if edited:
            self.clean.doit("run", "patch:printer", target=target, expect=None)
            if (root / CHECKOUT).is_dir():
                state.write(root, wanted, CHECKOUT)
        self.known[key] = self.run(self.clean, target)
        return self.known[key]

    def _empty(self, cache: Path) -> None:
        for path in (cache / "results", cache / "zig" / "local", cache / "go-build"):
            files.remove(path)
        (cache / "zig" / "local").mkdir()
        if self.base_go.is_dir():
            shutil.copytree(self.base_go, cache / "go-build")

    def restart(self, place: Place) -> None:
        """A copy as it was at first, but for what was built and the caches."""
        state.discard_edits(place.root)
        state.write(place.root, self.first, *GIVEN)

    def forget(self, place: Place) -> None:
        """A copy as it was at first, with nothing built, and empty caches."""
        for name in ("build", "dist", "sources"):
            files.remove(place.root / name)
        self._empty(place.cache)
        state.write(place.root, self.first, *GIVEN)

    def follow(self, place: Place, wanted: State, *, edited: bool) -> None:
        """Bring a copy into a state, by way of an unedited checkout."""
        self.restart(place)
        state.write(place.root, wanted, *GIVEN)
        if edited:
            place.doit("run", "patch:printer", expect=None)
            if (place.root / CHECKOUT).is_dir():
                state.write(place.root, wanted, CHECKOUT)


def make_lab(folder: Path, *, targets: Sequence[str] = ("armv7",)) -> Lab:
    """Make a lab in a folder, with the unchanged example built in each copy, in one of them for all ``targets``."""
    user = platformdirs.user_cache_path("crosscourse")
    shared, own = _cache(folder / "shared", user), _cache(folder / "clean-cache", user)
    one = Place(workspace=make_workspace(folder / "one"), cache=shared)
    other = Place(workspace=make_workspace(folder / "other"), cache=shared)
    clean = Place(workspace=make_workspace(folder / "clean"), cache=own)
    lab = Lab(folder=folder, one=one, other=other, clean=clean, first={}, base_go=folder / "base-go")
    for place, target in (*((clean, target) for target in targets), (one, targets[0])):
        built = lab.run(place, target)
        assert built.code == 0, built.text
        if place is clean:
            shutil.copytree(own / "go-build", shared / "go-build", dirs_exist_ok=True)
    lab.first = state.read(one.root)
    shutil.copytree(own / "go-build", lab.base_go)
    return lab


def _cache(folder: Path, user: Path) -> Path:
    """A cache folder in which nothing is compiled but the C library, and everything is fetched."""
    (folder / "zig" / "local").mkdir(parents=True)
    for name in (*SHARED, *(f"zig/{part}" for part in ("b", "h", "o", "tmp", "z"))):
        (user / name).mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(user / name)
    return folder
