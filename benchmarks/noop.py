"""A build with nothing to do, against ``doit`` with one trivial task: how much does knowing that cost?

    .venv/bin/python -m benchmarks.noop [release=printer] [--target armv7] [--repeat 10] [--made-up]

The release is built here if it is not, and then asked for by ``./doit build``: by runs that look at everything, as the
first ones after a change do, and by such as know from those before that nothing has changed. ``--made-up``: in place of
it a made-up release of 40 sources and 200 artifacts (``--sources``, ``--artifacts``), in a copy of this project (asked
for without the launcher, some 10 ms); building it takes minutes.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from benchmarks import made_up
from benchmarks.common import ROOT, Asked, MeasuringError, Took, arguments, progress, run, show, timed
from benchmarks.workspace import doit_command, done_steps, empty_cache, make_copy, temporary_folder

# Runs after which it is known what a run looks at, and that all of it is as it was.
NOTING = 4
TRIVIAL = "def task_t():\n    return {'actions': None, 'uptodate': [True]}\n"


def measure(asked: Asked) -> None:
    """Measure and print."""
    if not asked.options.made_up:
        command = [str(ROOT / "doit"), *asked.words, "build"]
        _compare(asked.repeat, command, ROOT, None)
        return
    with temporary_folder("noop") as parent:
        copy = make_copy(parent)
        made_up.write_release(
            copy.folder,
            asked.project.manifest,
            sources=asked.options.sources,
            artifacts=asked.options.artifacts,
        )
        # A cache folder of its own: what is built here is of no use to anyone later.
        words = [f"release={made_up.NAME}", f"target={asked.target}", empty_cache(asked, parent / "cache"), "build"]
        progress("building the made-up release")
        took = copy.doit(*words)
        progress(f"{len(done_steps(took.output))} steps, {took.wall:.1f} s")
        _compare(asked.repeat, [*copy.command, *words], copy.folder, copy.environment)


def _compare(repeat: int, ours: list[str], folder: Path, env: dict[str, str] | None) -> None:
    for _ in range(NOTING):  # builds what is missing, and warms the caches
        timed(ours, cwd=folder, env=env)
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        (place / "dodo.py").write_text(TRIVIAL, encoding="utf-8")
        # A bare environment would start faster than ours, which has the project's dependencies: both use ours.
        trivial = doit_command()
        timed(trivial, cwd=place, env=env)
        rows = []
        for number in range(repeat):
            # What is known is known for one environment.
            another = {**(os.environ if env is None else env), "BENCHMARK": str(number)}
            rows.append((_noop(ours, folder, another), _noop(ours, folder, env), timed(trivial, cwd=place, env=env)))
    show("looks at everything", [row[0] for row in rows], "trivial doit", [row[2] for row in rows])
    show("no-op build", [row[1] for row in rows], "trivial doit", [row[2] for row in rows])


def _noop(command: list[str], folder: Path, env: dict[str, str] | None) -> Took:
    took = timed(command, cwd=folder, env=env)
    if done := done_steps(took.output):
        raise MeasuringError("no-op", f"something was done: {', '.join(map(str, done))}")
    return took


if __name__ == "__main__":
    parser = arguments(__doc__, repeat=10)
    parser.add_argument("--made-up", action="store_true", help="a made-up release in place of a real one")
    parser.add_argument("--sources", type=int, default=40, help="of the made-up release")
    parser.add_argument("--artifacts", type=int, default=200, help="of the made-up release")
    run(parser, measure)
