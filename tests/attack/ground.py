"""Where attacks happen: a copy of the project and a cache folder in one folder, with all that a run may write to.

Home and temporary folder are empty ones beside the copy, so that a file out of place is seen. Programs (Go, zig) are a
copy of a warm cache's, as are compilers' caches: a build from nothing takes two seconds.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from crosscourse import files
from tests.attack import person
from tests.attack.processes import Ended, Running
from tests.endtoend.conftest import ROOT, Workspace, make_workspace
from tests.equals import lab, state

TARGET = "armv7"
BUILD = ("build", "verify")
# Seconds: nothing of the example takes a tenth of it, unless zig's C library is made anew.
LIMIT = 120.0
DERIVED = ("build", "dist", "sources")
# What may be left: a killed export's scratch, which the next one removes.
LEFT = ("dist/CACHEDIR.TAG", "build/printer/tmp/patch-export")
PLACES = ("home", "tmp", "outside", "attack", "cache")
# Of a warm cache; the rest is made by the first build.
WARM = ("tools", "zig", "go-build", "go-mod")
LAUNCHER = ("doit", "requirements.txt", "setup.cfg", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md")
PROGRAMS = ("cmp", "readlink", "dirname", "tail", "grep", "sed", "true", "sleep")
_TRACEBACK = re.compile(r"Traceback \(most recent|^Fatal Python error|^Exception ignored in", re.MULTILINE)


@dataclass(kw_only=True)
class Ground:
    """A copy of the project with what surrounds it. ``wanted``: what an undisturbed build makes.

    ``launcher``: whether runs go through ``./doit``, as a person's do. ``work``: a person's, in the checkout.
    """

    folder: Path
    workspace: Workspace
    launcher: bool
    wanted: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    work: person.Work | None = None
    given: Mapping[str, list[int]] = field(default_factory=dict)
    runs: int = 0

    @property
    def root(self) -> Path:
        """The copy of the project."""
        return self.workspace.root

    @property
    def cache(self) -> Path:
        """The cache folder."""
        return self.folder / "cache"

    @property
    def checkout(self) -> Path:
        """The checkout of the example's source."""
        return self.root / state.CHECKOUT

    @property
    def spare(self) -> Path:
        """The cache folder's copy, from which damage is undone."""
        return self.folder / "spare"

    def start(self, *words: str, env: Mapping[str, str] | None = None) -> Running:
        """Start a command of doit; options first."""
        self.runs += 1
        first, *rest = words
        variables = ("release=printer", f"target={TARGET}", f"cache={self.cache}")
        typed = [first, *variables, *rest] if first not in BUILD else [*variables, first, *rest]
        command = [str(self.root / "doit"), *typed] if self.launcher else self.workspace.command(*typed)
        kept = self.workspace.environment(**(env or {}))
        return Running(command, folder=self.root, env=kept, output=self.folder / "output")

    def run(self, *words: str, limit: float = LIMIT, env: Mapping[str, str] | None = None) -> Ended:
        """Run a command of doit to its end."""
        return self.start(*words, env=env).finish(limit)

    def made(self) -> dict[str, dict[str, str]]:
        """What is there of what a build makes."""
        return lab.made(self.root, TARGET)

    # --- what must hold

    def undisturbed(self, limit: float = LIMIT) -> tuple[Ended, list[str]]:
        """Build and verify without any disturbance: the run, and what is wrong."""
        ended = self.run(*BUILD, limit=limit)
        found = list(problems(ended))
        if ended.code != 0:
            found.append(f"the build afterwards ends with {ended.code}")
        else:
            found += self._differences()
            found += self._litter()
        return ended, [*found, *self.out_of_place(), *self.lost()]

    def _differences(self) -> Iterator[str]:
        now = {path: told for step in self.made().values() for path, told in step.items()}
        wanted = {path: told for step in self.wanted.values() for path, told in step.items()}
        for path in sorted(now.keys() | wanted.keys()):
            if now.get(path) != wanted.get(path):
                what = "is missing" if path not in now else "is left over" if path not in wanted else "differs"
                yield f"{path} {what}"

    def _litter(self) -> Iterator[str]:
        """What an undisturbed run does not leave."""
        places = ("build/**/*.partial", "build/printer/tmp/*", "dist/*", "dist/.*", "sources/printer/*", "sources/*")
        wanted = {*LEFT, state.CHECKOUT, "sources/printer", *self._packages()}
        for place in places:
            for path in self.root.glob(place):  # hidden ones too
                name = path.relative_to(self.root).as_posix()
                if name not in wanted:
                    yield f"{name} is left over"

    def _packages(self) -> list[str]:
        return [path for step in self.wanted.values() for path in step if path.startswith("dist/")]

    def out_of_place(self) -> list[str]:
        """Files that were made or changed outside of the places for it."""
        known = {self.root.name, self.workspace.bin.name, *PLACES, "spare", "output"}
        found = [f"{path.name} was made in {self.folder}" for path in self.folder.iterdir() if path.name not in known]
        for place in ("home", "tmp"):
            found += [f"{path} was made" for path in (self.folder / place).iterdir() if path.name != ".cache"]
        if (self.folder / "outside" / "precious").read_bytes() != b"precious\n":
            found.append("a file outside was changed")
        now = _given(self.root)
        names = sorted(path for path in now.keys() | self.given.keys() if now.get(path) != self.given.get(path))
        return found + [f"{name} of the project was changed" for name in names]

    def lost(self) -> list[str]:
        """What of a person's is lost."""
        return list(person.lost(self.checkout, self.work)) if self.work else []

    # --- states to start from

    def put_work(self) -> None:
        """Let a person work in the checkout, which must be there and unedited."""
        self.work = person.put(self.checkout)

    def forget(self, *names: str) -> None:
        """Remove what was derived, by default all of it with the person's work."""
        for name in names or DERIVED:
            files.remove(self.root / name)
        if not self.checkout.exists():
            self.work = None

    def forget_results(self) -> None:
        """Empty the result cache."""
        files.remove(self.cache / "results")

    def renew(self) -> None:
        """After a failure: everything anew, the cache folder from its copy where there is one."""
        self.forget()
        if self.spare.is_dir():
            files.remove(self.cache)
            shutil.copytree(self.spare, self.cache, symlinks=True)
        else:
            self.forget_results()
        for place in ("home", "tmp"):
            for path in (self.folder / place).iterdir():
                files.remove(path)
        (self.folder / "outside" / "precious").write_text("precious\n")
        self.given = _given(self.root)


def problems(ended: Ended) -> Iterator[str]:
    """What no run may show, however it was attacked."""
    if ended.hung:
        yield f"hangs: killed after {ended.seconds:.0f} s"
    if _TRACEBACK.search(ended.text):
        yield "a traceback"
    for process in ended.left:
        yield f"left running: {process}"


def make_ground(folder: Path, *, warm: Path, launcher: bool, own_tools: bool = False, linked: bool = False) -> Ground:
    """Make a ground in a folder, everything built. ``warm``: a cache folder with tools and what compilers keep.

    ``own_tools``: tools are copied, not linked, to be damaged. ``linked``: all of it is linked, which is quick.
    """
    for name in PLACES:
        (folder / name).mkdir(parents=True)
    (folder / "outside" / "precious").write_text("precious\n")
    workspace = make_workspace(folder / "crosscourse")
    for program in PROGRAMS:
        found = shutil.which(program)
        assert found, program
        (workspace.bin / program).symlink_to(found)
    env = {"HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp"), "PYTHONDONTWRITEBYTECODE": "1"}
    ground = Ground(
        folder=folder, launcher=launcher, workspace=Workspace(root=workspace.root, bin=workspace.bin, env=env)
    )
    links = WARM if linked else () if own_tools else ("tools",)
    _warm(ground.cache, warm, links)
    if launcher:
        for name in LAUNCHER:
            shutil.copy2(ROOT / name, ground.root / name)
        env["PYTHON"] = os.path.realpath(sys.executable)  # there is none on PATH
        made = ground.workspace.environment(CROSSCOURSE_SETUP_ONLY="yes")
        subprocess.run([str(ground.root / "doit")], cwd=ground.root, env=made, check=True)
    for _ in range(2):  # the second makes what the first one, with all to do, doesn't load
        first = ground.run(*BUILD, limit=600)
        assert first.code == 0, first.text
        assert not first.left, first.left
    ground.wanted = ground.made()
    ground.given = _given(ground.root)
    if own_tools:
        shutil.copytree(ground.cache, ground.spare, symlinks=True)
    return ground


def _warm(cache: Path, warm: Path, links: Sequence[str]) -> None:
    for name in WARM:
        if name in links:
            (warm / name).mkdir(parents=True, exist_ok=True)
            (cache / name).symlink_to(warm / name)
        elif (warm / name).is_dir():
            shutil.copytree(warm / name, cache / name, symlinks=True)


def _given(root: Path) -> dict[str, list[int]]:
    """Every file of the copy that no run may change, by what the kernel says of it."""
    found = {}
    for base, folders, names in os.walk(root):
        if Path(base) == root:
            folders[:] = [name for name in folders if name not in (*DERIVED, ".venv")]
        folders[:] = [name for name in folders if name not in ("__pycache__", "crosscourse.egg-info")]
        for name in names:
            path = Path(base, name)
            found[path.relative_to(root).as_posix()] = files.signature(path, link=True)
    return found


def tail(text: str, lines: int = 12) -> str:
    """The end of what a run printed, indented."""
    return "".join(f"    | {line}\n" for line in text.strip().splitlines()[-lines:])
