"""Attacks on builds of the example, at length.

    python -m tests.attack [kills|signals|faults|damage|manifests ...] [--seed S] [--minutes M] [--count N] [--case N]
    ... --part 0/2, and at the same time --part 1/2: each tries every second case

Without names all of them. What is found is told with the command that tries it again; ends with 1 if anything was.
"""

from __future__ import annotations

import argparse
import random
import signal
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import platformdirs

from tests.attack import damage, faults, kills, manifests
from tests.attack.ground import Ground, make_ground
from tests.attack.session import Session
from tests.endtoend.conftest import Workspace

# What is tried, and how often by default.
KINDS: Mapping[str, tuple[Callable[[Session], None], int]] = {
    "kills": (kills.kills, 1000),
    "signals": (kills.signals, 300),
    "faults": (faults.faults, 5000),
    "damage": (damage.damage, 600),
    "manifests": (manifests.manifests, 5000),
}


def _part(text: str) -> tuple[int, int]:
    number, _, of = text.partition("/")
    return int(number), int(of)


def main() -> int:
    """Try, and print how much was tried and what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("kinds", nargs="*", choices=[*KINDS, []], help="by default all")
    parser.add_argument("--seed", type=int, help="by default another one each time")
    parser.add_argument("--minutes", type=float, default=60, help="for each kind, at most")
    parser.add_argument("--count", type=int, help="cases of each kind, at most")
    parser.add_argument("--case", type=int, help="only the case of this number")
    parser.add_argument("--first", type=int, default=0, help="begin with the case of this number")
    parser.add_argument("--part", type=_part, default=(0, 1), metavar="K/N", help="every N-th case, K from 0 on")
    parser.add_argument("--folder", type=Path, help="for the copies; by default a temporary one, removed at the end")
    parser.add_argument("--sort", action="append", default=[], help="of damage, or scenarios of faults, only this one")
    parser.add_argument("--messages", action="store_true", help="tell what runs said that failed")
    parser.add_argument("--cache", type=Path, default=platformdirs.user_cache_path("crosscourse"), help="a warm one")
    options = parser.parse_args()
    seed = random.randrange(1 << 30) if options.seed is None else options.seed  # noqa: S311
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    found = []
    for kind in options.kinds or KINDS:
        attack, count = KINDS[kind]
        with tempfile.TemporaryDirectory(
            prefix="crosscourse-attack-", dir=options.folder, ignore_cleanup_errors=True
        ) as folder:
            ground = _ground(kind, Path(folder), options)
            started = time.monotonic()
            session = Session(
                ground=ground,
                kind=kind,
                seed=seed,
                count=options.count or count,
                end=started + options.minutes * 60,
                only=options.case,
                first=options.first,
                part=options.part,
                names=options.sort,
            )
            print(f"{kind}: seed {seed}", flush=True)
            try:
                attack(session)
            except KeyboardInterrupt:
                print("interrupted")
            session.say(f"seed {seed}, {ground.runs} runs, {time.monotonic() - started:.0f} s")
            found += session.found
            for message, times in sorted((session.messages + session.remedies).items() if options.messages else ()):
                print(f"{times:4} x {message}")
    for line in found:
        print(f"- {line}")
    return 1 if found else 0


def _ground(kind: str, folder: Path, options: argparse.Namespace) -> Ground:
    if kind == "manifests":  # they are read in this process, and nothing is compiled
        return Ground(folder=folder, workspace=Workspace(root=folder, bin=folder), launcher=False)
    sorts = [damage.SORTS[name] for name in options.sort or damage.SORTS] if kind == "damage" else []
    own_tools = any(place.startswith("cache/tools") for sort in sorts for place in sort.places)
    return make_ground(folder, warm=options.cache, launcher=True, own_tools=own_tools)


if __name__ == "__main__":
    raise SystemExit(main())
