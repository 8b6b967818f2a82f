"""Copies of this project in a temporary folder beside it, in which doit is run: nothing of the user's is touched.

Only caches are shared, as by any other checkout: what a benchmark makes of its edits stays in them, and goes like
everything else there that nobody uses. A copy uses this project's environment by its Python, without the launcher
``./doit``, which would set up one of its own and needs the network for that; that is some 10 ms of each run.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.common import ROOT, Asked, Took, timed
from crosscourse import files

PARTS = ("dodo.py", "crosscourse", "tasks", "toolchains", "releases", "vendor-patches", "examples", "crosscourse.toml")
# What is fetched, not compiled. zig's holds the C library of each target.
FETCHED = ("tools", "git", "go-mod", "zig")
# A line of the plain progress: [13/16] compile:armv7:goprinter   0.1 s  from the cache
_DONE = re.compile(r"^\[ *\d+/\d+\] (\S+) +([\d.]+) s(  from the cache)?", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Done:
    """A step that a run did, in seconds."""

    name: str
    seconds: float
    from_cache: bool

    def __str__(self) -> str:
        return f"{self.name} {self.seconds:.1f} s" + (" from the cache" if self.from_cache else "")


@dataclass(frozen=True, kw_only=True)
class Copy:
    """A copy of this project. ``bytecode``: where Python keeps the bytecode of all copies."""

    folder: Path
    bytecode: Path

    @property
    def environment(self) -> dict[str, str]:
        """In which this copy's code is run, and not the one of the project that the environment was made for."""
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        return kept | {
            "PYTHONPATH": str(self.folder),
            "PYTHONPYCACHEPREFIX": str(self.bytecode),
            "CROSSCOURSE_PROGRESS": "plain",
            "CROSSCOURSE_CWD": str(self.folder),
        }

    @property
    def command(self) -> list[str]:
        """What the launcher would run, with the environment of the project that this is a copy of."""
        return [sys.executable, "-X", "utf8", str(self.folder / "crosscourse" / "start" / "main.py")]

    def doit(self, *words: str) -> Took:
        """Run doit; MeasuringError if it fails."""
        return timed([*self.command, *words], cwd=self.folder, env=self.environment)


@contextmanager
def temporary_folder(name: str) -> Iterator[Path]:
    """An empty folder beside this project (on its file system, where copies may share blocks), removed at the end."""
    with tempfile.TemporaryDirectory(dir=ROOT.parent, prefix=f"crosscourse-{name}-") as folder:
        yield Path(folder)


def make_copy(parent: Path, name: str = "crosscourse") -> Copy:
    """A copy of this project without what was built, in ``parent``."""
    folder = parent / name
    folder.mkdir()
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        elif (ROOT / part).exists():
            shutil.copy2(ROOT / part, folder / part)
    return Copy(folder=folder, bytecode=parent / "bytecode")


def doit_command() -> list[str]:
    """doit alone, of the environment in which this runs."""
    return [sys.executable, "-m", "doit"]


def shared_cache(asked: Asked) -> str:
    """The variable that makes a copy use the user's own cache folder, wherever the settings say that it is."""
    return f"cache={asked.cache}"


def empty_cache(asked: Asked, folder: Path) -> str:
    """A new cache folder in which nothing is compiled yet but everything is fetched; the variable that chooses it."""
    folder.mkdir()
    for name in FETCHED:
        (asked.cache / name).mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(asked.cache / name)
    return f"cache={folder}"


def done_steps(output: str) -> list[Done]:
    """The steps that a run of doit did, as its output tells."""
    return [
        Done(name=name, seconds=float(seconds), from_cache=bool(cached))
        for name, seconds, cached in _DONE.findall(output)
    ]


def packages(copy: Copy) -> dict[str, str]:
    """The digests of what a copy has in dist/."""
    return {path.name: files.digest(path) for path in sorted((copy.folder / "dist").iterdir()) if path.is_file()}
