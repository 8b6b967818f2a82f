"""Attacks in short: a few kills, signals, faults of the file system and damaged files, others each time.

All of it, at length: ``python -m tests.attack``.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import platformdirs
import pytest

from tests.attack import damage, faults, kills
from tests.attack.ground import Ground, make_ground
from tests.attack.session import Session

# Sorts of files of which everything is made again in a moment.
QUICK = ("records", "logs", "outputs", "packages", "stores", "entries", "blobs")


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    warm = platformdirs.user_cache_path("crosscourse")
    return make_ground(tmp_path_factory.mktemp("attack"), warm=warm, launcher=False, linked=True)


@pytest.mark.parametrize(
    ("attack", "kind", "count", "names"),
    [
        (kills.kills, "kills", 3, ()),
        (kills.signals, "signals", 2, ()),
        (faults.faults, "faults", 3, ("from nothing",)),
        (damage.damage, "damage", 5, QUICK),
    ],
    ids=["kills", "signals", "faults", "damage"],
)
def test_afterwards_the_bytes_are_the_same_and_nothing_is_lost(
    ground: Ground, attack: Callable[[Session], None], kind: str, count: int, names: tuple[str, ...]
) -> None:
    seed = random.randrange(1 << 30)  # noqa: S311  # printed below, and with what is found
    end = time.monotonic() + 600
    session = Session(ground=ground, kind=kind, seed=seed, count=count, end=end, names=names)
    attack(session)
    session.say(f"seed {seed}")
    assert session.found == []
    assert session.counts["tried"] >= count // 2


def test_what_is_wrong_is_found(ground: Ground) -> None:
    session = Session(ground=ground, kind="kills", seed=1, count=1, end=time.monotonic() + 600)
    assert session.check(0, "nothing done")
    (ground.folder / "home" / "out-of-place").write_text("here\n")
    (ground.root / "examples" / "printer" / "README.md").touch()
    _, found = ground.undisturbed()
    assert [problem.rpartition("/")[2] for problem in found] == [
        "out-of-place was made",
        "README.md of the project was changed",
    ]
    ground.renew()
    assert session.check(0, "anew")
    (ground.root / "build" / "printer" / "armv7" / "artifacts" / "more").write_text("left over\n")
    _, found = ground.undisturbed()
    assert found == ["build/printer/armv7/artifacts/more is left over"]
    ground.renew()
