"""A build with nothing to do, against ``doit`` with one trivial task: how much does knowing that cost?

    .venv/bin/python -m benchmarks.noop [release=printer] [--runs 10]

The two are run in turn (A B A B ...), so that a change in the machine's speed touches both; medians and their ratio
are printed. The release must have been built before.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TRIVIAL = "def task_t():\n    return {'actions': None, 'uptodate': [True]}\n"


def seconds(command: list[str], folder: Path) -> float:
    """Wall time of a command that must succeed."""
    started = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("variables", nargs="*", help="such as release=printer")
    parser.add_argument("--runs", type=int, default=10)
    options = parser.parse_args()
    ours = [str(ROOT / "doit"), *options.variables, "build"]
    seconds(ours, ROOT)  # builds what is missing, and warms the caches
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "dodo.py").write_text(TRIVIAL)
        # A bare environment would start faster than ours, which has the project's dependencies: both use ours.
        trivial = [sys.executable, str(Path(sys.executable).with_name("doit"))]
        seconds(trivial, Path(folder))
        pairs = [(seconds(ours, ROOT), seconds(trivial, Path(folder))) for _ in range(options.runs)]
    mine, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(a / b for a, b in pairs)
    print(
        f"{options.runs} runs each, medians: no-op build {mine:.3f} s, trivial doit {theirs:.3f} s, ratio {ratio:.2f}"
    )
    print(
        f"ranges: {min(a for a, _ in pairs):.3f} to {max(a for a, _ in pairs):.3f} s, "
        f"{min(b for _, b in pairs):.3f} to {max(b for _, b in pairs):.3f} s"
    )


if __name__ == "__main__":
    main()
