"""Where every command begins: the launcher runs this file in ``.venv``; a doit of another environment hands over to it.

Until the libraries are there it takes nothing but Python, so that it can say what is wrong with them.
"""
# Without pathlib, which takes longer than all that is done here.
# ruff: noqa: PTH109, PTH120

from __future__ import annotations

import gc
import os
import signal
import sys

# As of `typing`. What is imported here, and in what `_same_as_before` asks, is imported at each start.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
# Set by what runs the launcher to repair .venv: a second attempt in a row would not help.
REPAIRED = "CROSSCOURSE_DAMAGED"
INTERRUPTED = 128 + signal.SIGINT
# Seconds that are printed as such; after more, the whole run says how long it took, as it always does.
_QUICK = 59
# Of doit, which would load other tasks than the project's own.
_OF_DOIT = ("DOIT_FILE", "DOIT_SEEK_FILE")


def main(words: list[str]) -> int:
    """Run a command of this project, wherever in it (or out of it) the user is. Returns the exit status.

    ``words``: of the command line, without the program's name. Whatever goes wrong is told in plain words.
    """
    prepare()
    os.chdir(ROOT)
    for name in _OF_DOIT:
        os.environ.pop(name, None)
    if _same_as_before(words):
        return 0
    # Thousands of objects that stay: looking through them for garbage again and again is a tenth of a run's time.
    gc.set_threshold(100_000, 50, 50)
    try:
        from pathlib import Path

        from crosscourse.start import guard

        status = guard.guarded(lambda: _command(words), root=Path(ROOT))
    except DamagedError as error:
        return _set_up_again(str(error), words)
    if status not in (0, INTERRUPTED) and (damage := _damage(whole=True)):
        return _set_up_again(damage, words)
    return status


class DamagedError(BaseException):
    """What Python compiled can't be read."""


def _command(words: list[str]) -> int:
    try:
        from crosscourse.start import cli

        return cli.run(words)
    except _UNREADABLE as error:
        if _is_unreadable(error):
            raise DamagedError("pycache") from None
        raise


# As a compiled file that ends in the middle is read; one of another version, or a very short one, Python makes anew.
_UNREADABLE = (EOFError, ValueError, TypeError)


def _is_unreadable(error: BaseException) -> bool:
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return _is_ours() and bool(trace and trace.tb_frame.f_code.co_filename.startswith("<frozen importlib"))


def prepare() -> None:
    """Make the process what the rest expects: streams that are there, a usable umask, Ctrl-C without a traceback."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _end)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # which the launcher blocks while Python starts
    _open_missing_streams()
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)  # not every stream that takes their place has it
        if reconfigure:
            reconfigure(errors="backslashreplace")  # a terminal of another encoding
    mask = os.umask(0o022)
    os.umask(mask & ~0o700)  # what we make, we must be able to read and write


def _end(_number: int, _frame: FrameType | None) -> None:
    os._exit(INTERRUPTED)  # nothing is under way yet that a kill would harm; `run` has a handler of its own


def _open_missing_streams() -> None:
    """A file opened later would become the missing standard output, and programs would print into it."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
        if getattr(sys, name) is None:
            stream = os.fdopen(number, "r" if number == 0 else "w", encoding="utf-8", closefd=False)
            setattr(sys, name, stream)


def _is_ours() -> bool:
    return sys.executable.startswith(f"{ROOT}{os.sep}.venv{os.sep}")


def _add_libraries() -> None:
    """Where the libraries of this environment are: what Python does by itself unless it is told not to (``-S``).

    But for its ``.pth`` files, which it would run: of those the project needs none.
    """
    if sys.flags.no_site:
        import site

        # First, as `site` itself does: by this, Debian's Python tells an environment from the system, whose libraries
        # lie in other folders (dist-packages).
        sys.prefix = sys.exec_prefix = f"{ROOT}{os.sep}.venv"
        sys.path += filter(os.path.isdir, site.getsitepackages([sys.prefix]))


def _damage(*, whole: bool = False) -> str:
    """What is wrong with the environment that this Python belongs to, in words; empty if nothing is, or not ours."""
    if not _is_ours():
        return ""
    from crosscourse.start import contents

    return contents.damage(f"{ROOT}{os.sep}.venv", whole=whole)


def _set_up_again(damage: str, words: list[str]) -> int:  # noqa: RET503  # the last call does not return
    """Let the launcher make .venv anew and run the same command; at most once."""
    if os.environ.get(REPAIRED):
        sys.stderr.write(f"doit: {ROOT}/.venv is damaged again: {damage}\n  > Is the disk in order? `dmesg` may say.\n")
        return 1
    folder = os.environ.get("CROSSCOURSE_CWD") or os.getcwd()
    environment = {**os.environ, REPAIRED: damage, "PWD": folder}
    os.chdir(folder)
    launcher = f"{ROOT}/doit"
    os.execve(launcher, [launcher, *words], environment)  # noqa: S606  # no shell is wanted


def _script() -> int:
    prepare()
    if _is_ours():
        # Not sooner: a damaged file there would keep Python from starting at all.
        sys.pycache_prefix = os.environ.get("PYTHONPYCACHEPREFIX")
        _add_libraries()
    here = os.path.dirname(__file__)
    if sys.path and sys.path[0] == here:  # Python's own doing; modules of this folder are not to be found by that
        del sys.path[0]
    sys.path.insert(0, ROOT)
    os.environ.setdefault("CROSSCOURSE_CWD", os.getcwd())
    try:
        damage = _damage()
        status = _set_up_again(damage, sys.argv[1:]) if damage else main(sys.argv[1:])
    except _UNREADABLE as error:
        if not _is_unreadable(error):
            raise
        status = _set_up_again("pycache", sys.argv[1:])
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # too late for anything but a traceback
    return status


def _same_as_before(words: list[str]) -> bool:
    """Whether all that a run of these words looks at is as when it last had nothing to do; then that is printed."""
    if any(word.startswith("-") for word in words):
        return False
    import time

    from crosscourse.engine.idle import note

    started = time.monotonic()
    try:
        text = note.begin(ROOT, words)
        took = time.monotonic() - started
        if text is None or took > _QUICK:
            return False
        # Nothing is left to Python's own streams: an output that can't be written to is for the whole run to tell.
        line = f"{text}\n".replace(note.TIME, f"{took:.1f} s").encode()
        return os.write(1, line) == len(line)
    except (OSError, MemoryError):  # so is whatever is out of order
        return False


if __name__ == "__main__":
    sys.exit(_script())
