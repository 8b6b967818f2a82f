"""Child processes, set up in one place: through ``sh``, each in a group of its own, each with its log.

No child survives us: ``kill_all`` ends them on Ctrl-C and SIGTERM, the watchdog when we are killed.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from crosscourse.errors import CrosscourseError

TAIL = 15
NO_SPACE = "No space left on device"

_groups: set[int] = set()
# Reentrant: a signal handler of the main thread may come while the main thread holds it.
_lock = threading.RLock()
_stopping = threading.Event()
_watchdog: subprocess.Popen[bytes] | None = None


class CommandError(CrosscourseError):
    """A program that could not be started or ended with an error. ``tail``: the last lines that it printed."""

    def __init__(self, program: str, found: str, tail: str = "", remedy: str = "") -> None:
        self.tail = tail
        super().__init__(program, found, remedy)


class DiskFullError(CrosscourseError):
    """No room for what a task writes."""

    def __init__(self, subject: str) -> None:
        super().__init__(
            subject,
            "no space left on the disk",
            "Make room (a whole release needs about 8 GB: `df -h . ~/.cache`), then run the same command again: "
            'it goes on from here.\nThe cache folder can be moved with `cache = "..."` in crosscourse.toml.',
        )


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
    with log.open("ab") as stream:
        stream.write(f"$ {shlex.join(words)}\n".encode())
        stream.flush()
        start_of_output = stream.tell()
        child: Any = None
        try:
            child = start(words, stream=stream, env=env, cwd=cwd, user=user)
            child.wait()
        except sh.ErrorReturnCode as error:
            raise _failure(words, error, log, start_of_output) from None
        finally:
            if child is not None:
                end(child.pid)
    return _read(log, start_of_output)


def start(
    argv: Sequence[str | Path],
    *,
    stream: BinaryIO,
    env: Mapping[str, str],
    cwd: Path | None = None,
    user: int | None = None,
) -> Any:
    """Start a program that prints to ``stream``, in a process group that is known here and to the watchdog.

    Returns sh's running command; whoever starts one says ``end`` when it is over. ``user``: a user id to run as.
    Raises CommandError when there is no such program, StoppedError when the run is being ended.
    """
    import sh

    words = [str(word) for word in argv]
    try:
        command: Any = sh.Command(words[0], search_paths=env.get("PATH", os.defpath).split(":"))
    except sh.CommandNotFound:
        raise CommandError(words[0], "this program was not found", remedy="Install it, or check PATH.") from None
    report = _watch()
    more = {} if user is None else {"_uid": user}
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123  # a device, not a path
        try:
            child = command(
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
                _preexec_fn=lambda: _report(report),
                _return_cmd=True,
                **more,
            )
        except sh.CommandNotFound as error:
            raise CommandError(words[0], f"could not be started: {error}") from None
    _register(child.pid)
    return child


def _failure(words: list[str], error: Any, log: Path, start: int) -> CrosscourseError:
    if _stopping.is_set():
        return StoppedError()
    text = _read(log, start)
    program = Path(words[0]).name
    if NO_SPACE in text:
        return DiskFullError(program)
    tail = last_lines(text)
    code = int(error.exit_code)
    found = f"ended by signal {signal.Signals(-code).name}" if code < 0 else f"ended with exit status {code}"
    if code == -signal.SIGKILL:
        found += " (out of memory?)"
    return CommandError(program, found, tail)


def last_lines(text: str) -> str:
    """The end of what a program printed, as shown with an error."""
    return "\n".join(text.strip().splitlines()[-TAIL:])


def tail_of(log: Path) -> str:
    """The last lines of a log; empty if there is none."""
    return last_lines(_read(log, 0)) if log.is_file() else ""


def _read(log: Path, start: int) -> str:
    with log.open("rb") as stream:
        stream.seek(start)
        return stream.read().decode(errors="replace")


def _watch() -> int:
    """The watchdog's pipe, started with the first child. Returns the file descriptor to report to."""
    global _watchdog  # noqa: PLW0603  # one watchdog a process, made at its first need
    with _lock:
        if _stopping.is_set():
            raise StoppedError
        if _watchdog is None or _watchdog.poll() is not None:
            script = Path(__file__).with_name("watchdog.py")
            _watchdog = subprocess.Popen(  # not through sh: it must not end with the others
                [sys.executable, "-I", "-S", str(script)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        assert _watchdog.stdin is not None
        return _watchdog.stdin.fileno()


def _report(pipe: int) -> None:
    """In the child, before it becomes the program: the watchdog learns of its group, so that none escapes it."""
    os.write(pipe, b"+%d\n" % os.getpid())


def _register(pid: int) -> None:
    with _lock:
        _groups.add(pid)
        stopping = _stopping.is_set()
    if stopping:
        _kill(pid)


def end(pid: int) -> None:
    """After a child: whatever it left in its group is killed, and the watchdog forgets the group."""
    _kill(pid)
    with _lock:
        _groups.discard(pid)
        if _watchdog is not None and _watchdog.stdin is not None:
            with contextlib.suppress(OSError):
                os.write(_watchdog.stdin.fileno(), b"-%d\n" % pid)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def stopping() -> bool:
    """Whether the run is being ended."""
    return _stopping.is_set()


def kill_all() -> None:
    """End every child, and let no new one start. For a run that is being interrupted."""
    _stopping.set()
    with _lock:
        groups = list(_groups)
    for group in groups:
        _kill(group)


def base_environment(path: Sequence[str | Path] = (), **more: str) -> dict[str, str]:
    """An environment that says nothing of the user but how the network is reached.

    ``path``: folders searched before the system's. Locale and time zone are fixed, so that no output depends on them.
    """
    keep = {
        name: value
        for name, value in os.environ.items()
        if name.lower().endswith("_proxy") or name in _NETWORK or name.startswith("GIT_CONFIG_")
    }
    system = [folder for folder in os.environ.get("PATH", os.defpath).split(":") if folder]
    return {
        **keep,
        "PATH": ":".join([*map(str, path), *system]),
        "HOME": os.environ.get("HOME", "/"),
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        **more,
    }


_NETWORK = frozenset(
    {
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "GIT_SSL_CAINFO",
        "GIT_SSH_COMMAND",
        "SSH_AUTH_SOCK",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "PIP_CERT",
        "PIP_INDEX_URL",
        "PIP_EXTRA_INDEX_URL",
        "PIP_CONFIG_FILE",
        "PIP_FIND_LINKS",
        "PIP_TRUSTED_HOST",
        "PIP_NO_INDEX",
        "GOPROXY",
        "GOSUMDB",
        "GONOSUMDB",
        "GONOSUMCHECK",
        "GOPRIVATE",
        "GONOPROXY",
        "GOINSECURE",
        "NETRC",
        "XDG_CONFIG_HOME",
    }
)
