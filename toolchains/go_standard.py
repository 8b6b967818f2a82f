"""The standard library's share of a program, compiled once though two programs of a target begin at the same time.

Go's build cache is shared by all ``go build`` that run, and none of them knows what another is compiling just now: two
that begin with an empty cache compile most of the standard library twice (14 of 370 CPU seconds of a cold build).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from crosscourse import files
from crosscourse.engine.lock import in_turn
from toolchains.go_closure import Run

# In Go's build cache: a file for each way to compile it. Empty until it was.
FOLDER = ".crosscourse-standard"
# What decides how it is compiled, beside the flags.
_VARIABLES = (
    *("GOROOT", "GOOS", "GOARCH", "GOARM", "GOARM64", "GOAMD64", "GO386", "GOMIPS", "GOMIPS64", "GOPPC64"),
    *("GORISCV64", "GOEXPERIMENT", "GODEBUG", "GO111MODULE"),
)


def compile_once(
    run: Run,
    packages: Sequence[str],
    *,
    flags: Sequence[str],
    env: Mapping[str, str],
    folder: Path,
    status: Callable[[str], object],
) -> None:
    """Compile ``packages`` of the standard library into ``GOCACHE``, unless that was done before; in turn.

    ``flags``, ``env`` and ``folder``, in which ``go`` runs: those of the build. What a program needs beyond the
    packages of the first, and what Go has removed from its cache, its own build makes. Raises what ``run`` raises.
    """
    if not packages:
        return
    place = Path(env["GOCACHE"]) / FOLDER
    place.mkdir(parents=True, exist_ok=True)
    told = "\n".join([*flags, *(f"{name}={env[name]}" for name in _VARIABLES if name in env)])
    done = place / files.digest_text(told)[:32]
    if _is_done(done):
        return
    with in_turn(done, status, busy="waiting for the standard library, which another compiles"):
        if _is_done(done):
            return
        status("compiling what it needs of the standard library")
        run(["go", "build", *flags, *packages], env=env, cwd=folder)
        done.write_text("compiled\n", encoding="utf-8")


def _is_done(done: Path) -> bool:
    try:
        return done.stat().st_size > 0
    except OSError:
        return False
