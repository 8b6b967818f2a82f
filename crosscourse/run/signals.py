"""Signals that are surely heard: Python's own handlers may wait for as long as the main thread does.

CPython runs a handler in the main thread, between two of its instructions. A signal that comes when that thread is
about to wait for a lock (it gives the interpreter away first, and with threads at work that takes a while), or that
the kernel gives to another thread, interrupts no wait: the handler would run when the lock comes, which for a run
that waits for a step is at the step's end. Here a second thread learns of it by the file descriptor that the C part
of every handler writes to (``signal.set_wakeup_fd``), and interrupts the main thread until the handler has run.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

# Its handler does nothing: it ends a wait, and Python then runs what handlers are due. Not one that programs send.
_NUDGE = signal.SIGURG
_SECONDS = 0.05
# What ends a run.
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def heard(numbers: Sequence[int], handler: Callable[[int, FrameType | None], Any]) -> Iterator[None]:
    """For the time of the block ``handler`` is that of the signals ``numbers``; one that is ignored stays so, as nohup
    and shells' background jobs want it. In other threads than the main one nothing is done, as Python allows it there.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    ran = threading.Event()

    def call(number: int, frame: FrameType | None) -> None:
        ran.set()
        handler(number, frame)

    end, begin = os.pipe()
    os.set_blocking(begin, False)
    main = threading.get_ident()

    def watch() -> None:
        with os.fdopen(end, "rb", buffering=0) as stream:
            while came := stream.read(64):
                while not ran.is_set() and not frozenset(came).isdisjoint(numbers):
                    if not ran.wait(_SECONDS):
                        signal.pthread_kill(main, _NUDGE)

    watcher = threading.Thread(target=watch, name="signals", daemon=True)
    watcher.start()
    former = signal.set_wakeup_fd(begin, warn_on_full_buffer=False)
    nudged = signal.signal(_NUDGE, lambda _number, _frame: None)
    before = {number: signal.signal(number, call) for number in numbers}
    try:
        yield
    finally:
        for number, one in before.items():
            signal.signal(number, one)
        ran.set()
        with contextlib.suppress(ValueError):  # of one that was closed meanwhile
            signal.set_wakeup_fd(former)
        os.close(begin)
        watcher.join()
        signal.signal(_NUDGE, nudged)


@contextmanager
def unheard_in_child() -> Iterator[Callable[[], object]]:
    """A block in which a child is forked: Python's handlers, which are this run's, do not run in the child.

    What is yielded the child calls last, before it becomes another program: from there on signals do what they do to
    any program. One that comes sooner waits until then, as one to this thread waits until the block ends.
    """
    numbers = [number for number in _ENDING if callable(signal.getsignal(number))]
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)

    def as_a_program() -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

    try:
        yield as_a_program
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
