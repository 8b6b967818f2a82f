"""SIGKILL and other signals at random moments of a command, to the run, its process group or what it started."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from crosscourse import files
from tests.attack.ground import BUILD, LIMIT, Ground
from tests.attack.processes import Running
from tests.attack.session import Session
from tests.equals import state

# How often each command, of each state that it starts from.
COMMANDS: Mapping[tuple[str, ...], int] = {
    BUILD: 14,
    ("patch-export", "printer"): 3,
    ("clean",): 1,
    ("clean", "--all"): 2,
    ("cache", "--clear"): 1,
    ("cache",): 1,
    ("plan",): 1,
}
# A run that was attacked is followed by another one, in the state that it left, before it is checked.
GO_ON = 0.7
SOFT = ("INT", "TERM", "HUP", "INT INT", "INT TERM", "TERM KILL", "QUIT", "PIPE", "STOP CONT", "USR1", "WINCH")
# What ends a run at once, as SIGKILL does: nobody handles it.
_HARD = ("KILL", "QUIT", "USR1")
EXPORTED = "vendor-patches/printer"


@dataclass(kw_only=True)
class Shots:
    """Random signals in one session. ``lasts``: how long a command took at most, in seconds."""

    session: Session
    signals: tuple[str, ...]

    def __post_init__(self) -> None:
        self.lasts: dict[str, float] = {}

    @property
    def ground(self) -> Ground:
        """Where it happens."""
        return self.session.ground

    def all(self) -> None:
        """Every case, each with a check at its end."""
        for number, chance in self.session.cases():
            what = START[chance.choice(list(START))](self.ground, chance)
            while True:
                told = self._shoot(number, chance, what)
                self.session.counts["tried"] += 1
                if chance.random() > GO_ON:
                    break
                what = f"{told}, then"
            self.session.counts["half-written exports left"] += remove_exports(self.ground)
            self.session.check(number, told)

    def _shoot(self, number: int, chance: random.Random, before: str) -> str:
        command = chance.choices(list(COMMANDS), list(COMMANDS.values()))[0]
        if command[0] == "patch-export":
            commit(self.ground, chance)
        signals, whom = chance.choice(self.signals), chance.choice(("run", "run", "group", "child"))
        key = " ".join(command)
        moment = chance.uniform(0.0, 1.05) * self.lasts.get(key, 1.5)
        what = f"{before}: {signals} to {whom} after {moment:.2f} s of {key}"
        running = self.ground.start(*command)
        if not self.ground.launcher:  # else it would be Python's own start that is interrupted
            _wait_until_at_work(self.ground, running)
            moment += 0.05
        hit = not running.wait(moment) and _hit(running, signals, whom, chance)
        ended = running.finish(LIMIT)
        if not hit:
            self.session.counts["ended before"] += 1
            self.lasts[key] = min(max(ended.seconds, 0.2), 4.0)
        else:
            self.session.counts[f"hit by {signals}"] += 1
            self.lasts[key] = min(self.lasts.get(key, 1.5) * 1.02, 4.0)
        more = [*self.ground.lost(), *_wrong_end(ended.code, signals, whom, hit=hit)]
        if command[0] == "patch-export":
            more += self._half_exported()
        self.session.judge(number, what, ended, more)
        return what

    def _half_exported(self) -> list[str]:
        found = []
        for path in new_exports(self.ground):
            if not path.name.startswith(".") and not path.read_text().rstrip().endswith("committed"):
                found.append(f"vendor-patches/printer/{path.name} is not whole")
        return found


def new_exports(ground: Ground) -> list[Path]:
    """What exports wrote."""
    known = {name for name in ground.given if name.startswith(EXPORTED)}
    return [path for path in (ground.root / EXPORTED).iterdir() if f"{EXPORTED}/{path.name}" not in known]


def remove_exports(ground: Ground) -> int:
    """Take back what exports wrote; how many of it were not whole."""
    found = new_exports(ground)
    for path in found:
        files.remove(path)
    return len([path for path in found if path.name.startswith(".")])


def _wait_until_at_work(ground: Ground, running: Running) -> None:
    """Wait until the run has the build folder for itself, or has ended."""
    lock, whose = ground.root / "build" / "printer" / ".lock", f"process {running.process.pid},"
    while not running.wait(0.01):
        if lock.is_file() and whose in lock.read_text():
            return


def _hit(running: Running, signals: str, whom: str, chance: random.Random) -> bool:
    pids = [running.process.pid]
    if whom == "child":
        end = time.monotonic() + 1
        while not (below := running.below()) and running.process.poll() is None and time.monotonic() < end:
            time.sleep(0.01)
        if not below:
            return False
        pids = [chance.choice(below)]
    for index, name in enumerate(signals.split()):
        if index and running.wait(chance.choice((0.01, 0.05, 0.3))) and whom != "child":
            break
        number = signal.Signals[f"SIG{name}"]
        running.send(number, [-pids[0]] if whom == "group" else pids)
    return True


def _wrong_end(code: int, signals: str, whom: str, *, hit: bool) -> list[str]:
    """An exit status that does not say how it ended."""
    first = signals.split(maxsplit=1)[0]
    if not hit or whom == "child" or first in ("PIPE", "STOP", "WINCH"):
        return [] if code in (0, 1, 3, -signal.SIGPIPE) else [f"exit status {code}"]
    number = signal.Signals[f"SIG{first}"].value
    others = {signal.Signals[f"SIG{name}"].value for name in signals.split()}
    ends = {0, 1, 3, 128 + number, *(128 + other for other in others), *(-other for other in others)}
    return [] if code in ends else [f"exit status {code} after SIG{first}"]


def commit(ground: Ground, chance: random.Random) -> None:
    """Put a commit of a person's own onto the checkout, if one is there."""
    if not (ground.checkout / ".git" / "crosscourse.json").is_file() or ground.work:
        return
    readme = ground.checkout / "README.md"
    readme.write_text(f"{readme.read_text().rstrip()}\n{chance.random()} committed\n")
    state.git(ground.checkout, "commit", "--quiet", "--all", "--message", f"number {chance.random()}")


def _nothing(ground: Ground, _chance: random.Random) -> str:
    return "goes on with what is there" if ground.checkout.exists() else "nothing there"


def _from_nothing(ground: Ground, _chance: random.Random) -> str:
    ground.forget()
    ground.forget_results()
    return "nothing built, nothing cached"


def _from_cache(ground: Ground, _chance: random.Random) -> str:
    ground.forget()
    return "nothing built"


def _outputs(ground: Ground, _chance: random.Random) -> str:
    ground.forget("build", "dist")
    ground.forget_results()
    return "checkout there, nothing cached"


def _with_work(ground: Ground, _chance: random.Random) -> str:
    ground.forget()
    ended = ground.run("run", "patch:printer")
    assert ended.code == 0, ended.text
    ground.put_work()
    ground.forget_results()
    return "a person's work in the checkout, nothing built or cached"


# What a case starts from.
START: Mapping[str, Callable[[Ground, random.Random], str]] = {
    "on": _nothing,
    "nothing": _from_nothing,
    "cache": _from_cache,
    "outputs": _outputs,
    "work": _with_work,
}


def kills(session: Session) -> None:
    """SIGKILL."""
    Shots(session=session, signals=("KILL",)).all()


def signals(session: Session) -> None:
    """What else there is."""
    Shots(session=session, signals=SOFT).all()
