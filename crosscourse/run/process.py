"""Child processes, set up in one place: through ``sh``, each in a group of its own, each with its log.

No child survives us, see ``crosscourse.run.children``.
"""

from __future__ import annotations

import os
import shlex
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from crosscourse.errors import CrosscourseError, DiskFullError
from crosscourse.run import children as run_children
from crosscourse.run import disk
from crosscourse.run.network import folded
from crosscourse.run.signals import unheard_in_child

if TYPE_CHECKING:
    from crosscourse.run.children import Children


TAIL = 15


class CommandError(CrosscourseError):
    """A program that could not be started or ended with an error. ``tail``: the last lines that it printed.
    ``status``: its exit status, less than 0 for a signal; None if it was not started.
    """

    def __init__(
        self, program: str, found: str, tail: str = "", remedy: str = "", *, status: int | None = None
    ) -> None:
        self.tail = tail
        self.status = status
        super().__init__(program, found, remedy)


class StoppedError(CrosscourseError):
    """The run is being ended; nothing more is started."""

    def __init__(self) -> None:
        super().__init__("run", "stopped")


def run(
    argv: Sequence[str | Path],
    *,
    log: Path,
    env: Mapping[str, str],
    cwd: Path | None = None,
    user: int | None = None,
) -> str:
    """Run a program to its end and return what it printed (both streams), which is appended to ``log`` too.

    ``env`` is the whole environment of the program; ``user``: a user id to run as. Raises CommandError when the exit
    status isn't 0, DiskFullError when that was the reason, StoppedError when the run is being ended.
    """
    import sh

    words = [str(word) for word in argv]
    log.parent.mkdir(parents=True, exist_ok=True)
    with run_children.of_this_run() as children, log.open("ab") as stream:
        stream.write(f"$ {shlex.join(words)}\n".encode())
        stream.flush()
        start_of_output = stream.tell()
        child: Any = None
        try:
            child = start(words, children=children, stream=stream, env=env, cwd=cwd, user=user)
            child.wait()
        except sh.ErrorReturnCode as error:
            if children.stopping:
                raise StoppedError from None
            places = disk.of_program(cwd, log, env)
            raise _failure(words, error, _read(log, start_of_output), places) from None
        finally:
            if child is not None:
                children.end(child.pid)
    return _read(log, start_of_output)


def start(
    argv: Sequence[str | Path],
    *,
    children: Children,
    stream: BinaryIO,
    env: Mapping[str, str],
    cwd: Path | None = None,
    user: int | None = None,
) -> Any:
    """Start a program that prints to ``stream``, as one of ``children``.

    Returns sh's running command; whoever starts one says ``children.end`` when it is over. ``user``: a user id to run
    as. Raises CommandError when there is no such program, StoppedError when the run is being ended.
    """
    import sh

    words = [str(word) for word in argv]
    try:
        command: Any = sh.Command(words[0], search_paths=env.get("PATH", os.defpath).split(":"))
    except sh.CommandNotFound:
        raise CommandError(words[0], "this program was not found", remedy="Install it, or check PATH.") from None
    more = {} if user is None else {"_uid": user}
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123  # a device, not a path

        def launch(announce: Callable[[], None]) -> Any:
            def begin() -> None:
                announce()
                as_a_program()

            return command(
                *words[1:],
                _env=dict(env),
                _cwd=str(cwd) if cwd else None,
                _out=stream,
                _err_to_out=True,
                _in=nothing,
                _tty_in=False,
                _tty_out=False,
                _truncate_exc=False,
                _new_session=False,
                _new_group=True,
                _bg=True,
                _bg_exc=False,
                _preexec_fn=begin,
                _return_cmd=True,
                **more,
            )

        try:
            with unheard_in_child() as as_a_program:
                child = children.start(launch)
        except sh.CommandNotFound as error:
            raise CommandError(words[0], f"could not be started: {error}") from None
        except (ValueError, sh.ForkException):  # what it tells sh of itself ended too early
            raise CommandError(words[0], "was ended while it was being started", remedy="Try again.") from None
    if child is None:
        raise StoppedError
    return child


def stopping() -> bool:
    """Whether the run is being ended."""
    return run_children.stopping()


def _failure(words: list[str], error: Any, text: str, places: list[Path]) -> CrosscourseError:
    program = Path(words[0]).name
    spoken = disk.speaks_of_room(text)
    # Its output goes to the log by itself: where there was no room for the end of a line, it could not say so.
    cut_off = bool(text) and not text.endswith("\n")
    if full := disk.full(places, spoken=spoken or cut_off):
        return DiskFullError(program, full)
    tail = last_lines(text)
    code = int(error.exit_code)
    found = f"ended by signal {signal.Signals(-code).name}" if code < 0 else f"ended with exit status {code}"
    if code == -signal.SIGKILL:
        found += " (out of memory?)"
    remedy = "It speaks of a full disk, but there is room wherever it writes (see `df -h`, `quota`)." if spoken else ""
    return CommandError(program, found, tail, remedy, status=code)


def last_lines(text: str) -> str:
    """The end of what a program printed, as shown with an error."""
    return "\n".join(folded(text.strip().splitlines()[-100:])[-TAIL:])


def tail_of(log: Path) -> str:
    """The last lines of a log; empty if there is none."""
    return last_lines(_read(log, 0)) if log.is_file() else ""


def _read(log: Path, start: int) -> str:
    with log.open("rb") as stream:
        stream.seek(start)
        return stream.read().decode(errors="replace")
