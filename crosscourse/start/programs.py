"""The programs that make .venv: each ends when this process does, and says what it is at if it takes long."""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from crosscourse.run import watchdog

# What a person waits without a word, in seconds.
PATIENCE = 5
# Of what a program prints, this much of the end is kept for an error (bytes); the log has all.
_KEPT = 1 << 18


class Failed(Exception):
    """A program failed; the last it printed."""


def say(line: str) -> None:
    """A line on standard error."""
    with contextlib.suppress(OSError, ValueError):
        print(f"doit: {line}", file=sys.stderr, flush=True)


class Programs:
    """The programs that are started: one at a time, each ended when this process is, however that ends."""

    def __init__(self, *, keep: int, log: Path, folder: Path) -> None:
        """``keep``: a file descriptor (of the lock) that they hold as well; they run in ``folder``."""
        self._keep = keep
        self._log = log
        self._folder = folder
        self._running: subprocess.Popen[bytes] | None = None
        self._watchdog = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(watchdog.__file__))],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def run(self, command: list[str], what: str, *, env: Mapping[str, str]) -> None:
        """Run a program to its end; what it prints goes to the log. ``what``: it is doing, in words.

        Raises Failed with what it printed.
        """
        assert self._watchdog.stdin is not None
        pipe = self._watchdog.stdin.fileno()
        self._running = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=env,
            cwd=self._folder,
            start_new_session=True,
            pass_fds=(self._keep,),
            preexec_fn=lambda: os.write(pipe, b"+%d\n" % os.getpid()) and None,  # noqa: PLW1509  # there are no threads
        )
        try:
            output = self._follow(self._running, what)
            if self._running.wait():
                raise Failed(output)
        finally:
            self.end()

    def end(self) -> None:
        """End what is running, with all that it started."""
        if self._running is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._running.pid, signal.SIGKILL)
            self._running.wait()
            self._running = None

    def _write(self, block: bytes) -> None:
        with contextlib.suppress(OSError), self._log.open("ab") as stream:
            stream.write(block)

    def _follow(self, program: subprocess.Popen[bytes], what: str) -> str:
        """The end of what a program prints, which goes to the log as far as there is room; says so if it takes long."""
        assert program.stdout is not None
        begin, told, output = time.monotonic(), False, b""
        with selectors.DefaultSelector() as selector:
            selector.register(program.stdout, selectors.EVENT_READ)
            while True:
                if selector.select(timeout=0.5):
                    block = os.read(program.stdout.fileno(), 1 << 16)
                    if not block:
                        return output.decode(errors="replace")
                    output = (output + block)[-_KEPT:]
                    self._write(block)
                if not told and time.monotonic() - begin > PATIENCE:
                    told = True
                    through = _through() if "index" in what else ""
                    say(f"still {what} after {PATIENCE} s{through}; last: {_last(output.decode(errors='replace'))}")


def _last(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return without_passwords(lines[-1])[:300] if lines else "nothing was printed yet"


def _through() -> str:
    names = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
    proxies = {os.environ[name] for name in names if os.environ.get(name)}
    return f" (through the proxy {without_passwords(', '.join(sorted(proxies)))})" if proxies else ""


def without_passwords(text: str) -> str:
    return re.sub(r"//[^/@\s]+@", "//...@", text)
