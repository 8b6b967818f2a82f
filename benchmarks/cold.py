"""Compiling all artifacts of a target with empty caches, against bare ``go build`` calls one after the other.

    .venv/bin/python -m benchmarks.cold [release=printer] [--target armv7] [--repeat 3] [--ours-only | --floor-only]

Both use the same sources, modules, flags, tools and pages to embed, which are there before the clock starts, and each
an empty Go build cache, ours an empty result cache too. Ours also compiles the C artifacts in that time. The bare calls
are what a person would type: the same flags, and Go's own defaults for how it uses processors and memory.

CPU seconds divided by the processors that are granted are a floor: no order of the same work takes less.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from benchmarks import alone
from benchmarks.common import NOTHING, Asked, Took, arguments, median, open_copy, progress, run, show
from benchmarks.workspace import Copy, done_steps, empty_cache, make_copy, temporary_folder
from crosscourse import files
from crosscourse.engine.capacity import granted_processors


def measure(asked: Asked) -> None:
    """Measure and print."""
    with temporary_folder("cold") as parent:
        copy = make_copy(parent)
        progress("making sources and modules ready")
        warm = empty_cache(asked, parent / "warm")
        pages = alone.embedded(open_copy(copy.folder, asked.words), asked.target)
        copy.doit(*asked.words, warm, "toolchain", "patch", f"modules:{asked.target}", *pages)
        build = copy.folder / "build"
        build.rename(parent / "ready")
        ours, bare = [], []
        for number in range(asked.repeat):
            if not asked.options.floor_only:
                ours.append(_ours(asked, copy, parent / "ready", parent / f"ours-{number}"))
            if not asked.options.ours_only:
                bare.append(_floor(asked, copy, parent / "ready", parent / f"floor-{number}"))
    show("ours" if ours else "bare go build", ours or bare, "bare go build", bare if ours else ())
    if ours:
        _show_floor("ours", ours)
    if bare:
        _show_floor("bare go build", bare)


def _ours(asked: Asked, copy: Copy, ready: Path, cache: Path) -> Took:
    _reset(copy, ready)
    variable = empty_cache(asked, cache)
    took = copy.doit(*asked.words, variable, f"compile:{asked.target}")
    progress(f"ours: {took.wall:.1f} s: {', '.join(map(str, done_steps(took.output)))}")
    files.remove(cache)
    return took


def _floor(asked: Asked, copy: Copy, ready: Path, cache: Path) -> Took:
    """The bare calls; the libraries that they link are made before, with another cache."""
    _reset(copy, ready)
    libraries = alone.libraries(open_copy(copy.folder, asked.words), asked.target)
    if libraries:
        copy.doit(*asked.words, f"cache={ready.parent / 'warm'}", *libraries)
    empty_cache(asked, cache)
    project = open_copy(copy.folder, asked.words, cache=str(cache))
    total = NOTHING
    for build in alone.go_builds(project, asked.target, cache / "outputs"):
        took = build.time()
        progress(f"go build, {build.step}: {took.wall:.1f} s")
        total += took
    files.remove(cache)
    return total


def _reset(copy: Copy, ready: Path) -> None:
    """As in a fresh checkout, whose sources are there: nothing compiled, nothing recorded of how long it takes."""
    files.remove(copy.folder / "build")
    shutil.copytree(ready, copy.folder / "build", symlinks=True)


def _show_floor(name: str, all_took: Sequence[Took]) -> None:
    processors, took = granted_processors(), median(all_took)
    floor = took.cpu / processors
    print(f"{name}: floor {floor:.1f} s (CPU seconds / {processors} processors), {floor / took.wall:.0%} of wall time")


if __name__ == "__main__":
    parser = arguments(__doc__)
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--ours-only", action="store_true", help="leave the bare calls out")
    only.add_argument("--floor-only", action="store_true", help="only the bare calls")
    run(parser, measure)
