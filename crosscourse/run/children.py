"""The processes that a run started: each in a group of its own, all of them ended when the run is.

Signals and children are process-wide by nature, the book-keeping is not: it belongs to a run, and the threads that
work for the run know it by a context variable. A thread that outlives its run still finds the run that has ended, and
starts nothing more; a later run in the same process knows nothing of it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import subprocess

_of_this_run: ContextVar[Children | None] = ContextVar("the children of this run", default=None)


class Children:
    """The processes of one run, which lasts for the time of a ``with`` block: nothing of it is left at its end.

    If this process is killed, the watchdog ends them; it is started with the first of them.
    """

    def __init__(self) -> None:
        self._groups: set[int] = set()
        # Reentrant: a signal handler of the main thread may come while the main thread holds it.
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._watchdog: subprocess.Popen[bytes] | None = None
        self._before: Token[Children | None] | None = None

    def __enter__(self) -> Children:
        self._before = _of_this_run.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None:
            _of_this_run.reset(self._before)
        self.close()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """For the time of the block, this thread works for the run."""
        before = _of_this_run.set(self)
        try:
            yield
        finally:
            _of_this_run.reset(before)

    @property
    def stopping(self) -> bool:
        """Whether the run is being ended, or has ended."""
        return self._stopping.is_set()

    def start(self, launch: Callable[[Callable[[], None]], Any]) -> Any:
        """Start a process, the leader of a new group, and return what ``launch`` does: something with a ``pid``.

        ``launch`` is given what the new process must call before it becomes the program: the watchdog learns of the
        group then, so that none escapes it. Returns None, without a process, if the run is being ended.
        """
        with self._lock:
            if self._stopping.is_set():
                return None
            pipe = self._watch()
            child = launch(lambda: _announce(pipe))
            self._groups.add(child.pid)
        if self._stopping.is_set():  # by a signal handler, which did not know of this one yet
            _kill(child.pid)
        return child

    def end(self, pid: int) -> None:
        """After a child: whatever it left in its group is killed, and the watchdog forgets the group."""
        _kill(pid)
        with self._lock:
            self._groups.discard(pid)
            if self._watchdog is not None and self._watchdog.stdin is not None:
                with contextlib.suppress(OSError):
                    os.write(self._watchdog.stdin.fileno(), b"-%d\n" % pid)

    def kill_all(self) -> None:
        """End every child, and let no new one start. For a run that is being interrupted."""
        self._stopping.set()
        with self._lock:
            groups = list(self._groups)
        for group in groups:
            _kill(group)

    def close(self) -> None:
        """End every child that is left, and the watchdog; no new one starts."""
        self.kill_all()
        with self._lock:
            watchdog, self._watchdog = self._watchdog, None
        if watchdog is not None:
            assert watchdog.stdin is not None
            with contextlib.suppress(OSError):
                watchdog.stdin.close()
            watchdog.wait()

    def _watch(self) -> int:
        """The file descriptor of the watchdog's pipe; the watchdog is started if there is none."""
        import subprocess

        former = self._watchdog
        if former is None or former.poll() is not None:
            script = Path(__file__).with_name("watchdog.py")
            self._watchdog = subprocess.Popen(  # not through sh: it must not end with the others
                [sys.executable, "-I", "-S", str(script)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            assert self._watchdog.stdin is not None
            for group in self._groups:
                os.write(self._watchdog.stdin.fileno(), b"+%d\n" % group)
            if former is not None and former.stdin is not None:  # it was killed: another takes its place
                former.stdin.close()
        assert self._watchdog is not None
        assert self._watchdog.stdin is not None
        return self._watchdog.stdin.fileno()


def _announce(pipe: int) -> None:
    """In the new process."""
    os.write(pipe, b"+%d\n" % os.getpid())


def _kill(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


@contextmanager
def of_this_run() -> Iterator[Children]:
    """The children of the run that this thread works for; outside of any run, some for the time of the block alone."""
    children = _of_this_run.get()
    if children is not None:
        yield children
        return
    with Children() as alone:
        yield alone


def stopping() -> bool:
    """Whether the run that this thread works for is being ended."""
    children = _of_this_run.get()
    return children is not None and children.stopping
