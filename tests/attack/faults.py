"""Faults of the file system: each call of a run that changes something fails once, by a library for LD_PRELOAD.

A first run of each scenario, without a fault, lists the calls (``fault.c``): what is called, on which path. Then each
of them is made to fail in a run of its own, from the same state. Only Python's and git's calls are reached: Go's
programs and zig call the kernel by themselves. Nor is a program's start: only calls on the folders of what is built
and kept.
"""

from __future__ import annotations

import errno
import os
import random
import shutil
import stat
import struct
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.attack import kills
from tests.attack.ground import BUILD, Ground
from tests.attack.session import Session

SHORT = 0  # not an errno: a short write
ERRORS: Mapping[str, tuple[int, ...]] = {
    "create": (errno.ENOSPC, errno.EIO, errno.EACCES, errno.EROFS, errno.EMFILE, errno.EDQUOT),
    "write": (errno.ENOSPC, errno.EIO, errno.EDQUOT, SHORT),
    "mkdir": (errno.ENOSPC, errno.EIO, errno.EACCES, errno.EROFS),
    "rename": (errno.EIO, errno.EACCES, errno.ENOSPC, errno.EROFS),
    "unlink": (errno.EIO, errno.EACCES, errno.EROFS),
    "rmdir": (errno.EIO, errno.EACCES, errno.EROFS),
    "link": (errno.EPERM, errno.EMLINK, errno.ENOSPC, errno.EIO),
    "symlink": (errno.EPERM, errno.ENOSPC, errno.EIO),
    "chmod": (errno.EPERM, errno.EROFS, errno.EIO),
    "utime": (errno.EPERM, errno.EROFS, errno.EIO),
    "fsync": (errno.EIO, errno.ENOSPC),
    "truncate": (errno.EIO, errno.ENOSPC),
    "open": (errno.EACCES, errno.EIO, errno.EMFILE, errno.ENOENT),
    "read": (errno.EIO, SHORT),
}
# Errors that stay until somebody does something about it, now and then.
LASTING = (errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EIO)
# Of the same call on the same path so many at most: the records of a run are 130 writes to one file.
MOST = 4
READS = ("open", "read")
_BUILT = ("build", "dist", "sources", "vendor-patches")
_PLACES = (*(f"crosscourse/{name}" for name in _BUILT), "cache/results")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One call of a scenario that is to fail. ``number``: the how manieth of its sort, from 1."""

    scenario: str
    call: str
    path: str
    number: int


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A command, and what makes the state that it starts from."""

    command: tuple[str, ...]
    prepare: Callable[[Ground], None]


def _nothing(ground: Ground) -> None:
    ground.forget()
    ground.forget_results()


def _built(ground: Ground) -> None:
    if ground.work or not ground.checkout.exists():
        ground.forget()
    ended = ground.run(*BUILD)
    assert ended.code == 0, ended.text


def _committed(ground: Ground) -> None:
    ground.forget("sources")
    ended = ground.run("run", "patch:printer")
    assert ended.code == 0, ended.text
    kills.commit(ground, random.Random(1))  # noqa: S311


SCENARIOS: Mapping[str, Scenario] = {
    "from nothing": Scenario(command=BUILD, prepare=_nothing),
    "from the cache": Scenario(command=BUILD, prepare=Ground.forget),
    "clean --all": Scenario(command=("clean", "--all"), prepare=_built),
    "patch-export": Scenario(command=("patch-export", "printer"), prepare=_committed),
    "up to date": Scenario(command=BUILD, prepare=_built),
    "cache --clear": Scenario(command=("cache", "--clear"), prepare=_built),
}


@dataclass(kw_only=True)
class Shim:
    """The library, in a ground whose git has it too."""

    ground: Ground
    library: Path

    @property
    def _state(self) -> Path:
        return self.ground.folder / "attack" / "state"

    @property
    def log(self) -> Path:
        """Where calls are listed."""
        return self.ground.folder / "attack" / "calls"

    def environment(self, **more: str) -> dict[str, str]:
        """What a run, and git in it, are given. Git's environment is made anew by whoever calls it."""
        roots = ":".join(str(self.ground.folder / place) for place in _PLACES)
        found = {"LD_PRELOAD": str(self.library), "ATTACK_ROOTS": roots, **more}
        lines = [f"export {name}='{value}'" for name, value in found.items()]
        real = shutil.which("git")
        git = self.ground.workspace.bin / "git"
        git.unlink(missing_ok=True)
        git.write_text("\n".join(["#!/bin/sh", *lines, f'exec {real} "$@"', ""]))
        git.chmod(git.stat().st_mode | stat.S_IXUSR)
        return found

    def counting(self) -> dict[str, str]:
        """To list the calls."""
        self.log.unlink(missing_ok=True)
        return self.environment(ATTACK_LOG=str(self.log))

    def failing(self, fault: Fault, error: int, how: str) -> dict[str, str]:
        """To let one call fail."""
        self._state.write_bytes(struct.pack("ii", 0, 0))
        text = "\t".join((fault.call, fault.path, str(fault.number), str(error), how))
        return self.environment(ATTACK_FAULT=text, ATTACK_STATE=str(self._state))

    def off(self) -> None:
        """Let git be itself again."""
        git = self.ground.workspace.bin / "git"
        git.unlink(missing_ok=True)
        git.symlink_to(shutil.which("git") or "git")

    @property
    def reached(self) -> bool:
        """Whether the call was made."""
        return bool(struct.unpack("ii", self._state.read_bytes())[1])

    def calls(self) -> Counter[tuple[str, str]]:
        """How often each call was made on each path."""
        found: Counter[tuple[str, str]] = Counter()
        for line in self.log.read_text(errors="replace").splitlines():
            call, _, path = line.partition("\t")
            if call in ERRORS and path and "'" not in path:
                found[call, path] += 1
        return found


def make_shim(ground: Ground) -> Shim:
    """The library for a ground."""
    return Shim(ground=ground, library=compile_library(ground.folder / "attack", ground.cache / "tools"))


def compile_library(folder: Path, tools: Path) -> Path:
    """Compile the library into a folder, by this machine's C compiler or the release's."""
    library, source = folder / "fault.so", Path(__file__).with_name("fault.c")
    zig = [[str(path), "cc"] for path in tools.glob("zig-*/ziglang/zig")]
    compilers = [[name] for name in ("cc", "gcc", "clang") if shutil.which(name)] + zig
    cache = {f"ZIG_{which}_CACHE_DIR": str(folder / "zig") for which in ("GLOBAL", "LOCAL")}
    words = [*compilers[0], "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"]
    subprocess.run(words, check=True, env={**os.environ, **cache})
    return library


def all_faults(shim: Shim, scenarios: Mapping[str, Scenario]) -> Iterator[Fault]:
    """Every call of the scenarios, by a run of each; what one before has too is not told again."""
    known: set[tuple[str, str]] = set()
    for name, scenario in scenarios.items():
        scenario.prepare(shim.ground)
        ended = shim.ground.run(*scenario.command, env=shim.counting())
        shim.off()
        kills.remove_exports(shim.ground)
        assert ended.code == 0, ended.text
        calls = shim.calls()
        print(f"faults: {name}: {sum(calls.values())} calls on {len(calls)} paths", flush=True)
        for (call, path), count in sorted(calls.items()):
            if (call, path) in known:
                continue
            known.add((call, path))
            some = (1, 2, count // 2, count) if count > MOST else range(1, count + 1)
            for number in sorted(set(some)):
                yield Fault(scenario=name, call=call, path=path, number=number)


def faults(session: Session) -> None:
    """Each call that changes something; then, if there is time, those that only read."""
    shim = make_shim(session.ground)
    scenarios = {name: one for name, one in SCENARIOS.items() if name in session.names or not session.names}
    todo = list(all_faults(shim, scenarios))
    random.Random(session.seed).shuffle(todo)  # noqa: S311  # to be repeated
    todo.sort(key=lambda fault: fault.call in READS)
    print(f"faults: {len(todo)}, of them {len([one for one in todo if one.call in READS])} reads", flush=True)
    for number, _ in session.cases():
        if number >= len(todo):
            return
        _try(session, shim, number, todo[number])


def _try(session: Session, shim: Shim, number: int, fault: Fault) -> None:
    ground, chance = session.ground, session.chance(number)
    scenario = SCENARIOS[fault.scenario]
    scenario.prepare(ground)
    error = chance.choice(ERRORS[fault.call])
    how = "on" if error in LASTING and chance.random() < 0.5 else "once"
    path = Path(fault.path).relative_to(ground.folder)
    name = errno.errorcode.get(error, "short")
    what = f"{fault.scenario}: {name} ({how}) of {fault.call} {path}, number {fault.number}"
    ended = ground.run(*scenario.command, env=shim.failing(fault, error, how))
    shim.off()
    session.counts["tried"] += 1
    if not shim.reached:
        session.counts["not reached"] += 1
        return
    session.counts[f"failed {fault.call}"] += 1
    session.counts["runs that failed"] += ended.code != 0
    said = [] if ended.code in (0, 1, 3) else [f"exit status {ended.code}"]
    if ended.code and not ended.text.strip():
        said.append("nothing is said")
    session.note(name, ended)
    session.judge(number, what, ended, said)
    kills.remove_exports(ground)
    session.check(number, what)
