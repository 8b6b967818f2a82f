"""A signal that no wait of the main thread is interrupted by is heard all the same."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from crosscourse.run import process, signals
from crosscourse.run.signals import heard


class Came(Exception):
    """The signal of the test."""


def come(number: int, _frame: object) -> None:
    raise Came(number)


@pytest.fixture(params=[signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def number(request: pytest.FixtureRequest) -> Iterator[int]:
    yield request.param


def send(number: int, *, times: int = 1) -> threading.Thread:
    """Let another thread get signals, as the kernel may do: the main thread's wait is not interrupted by them."""

    def work() -> None:
        time.sleep(0.1)
        for _ in range(times):
            signal.pthread_kill(threading.get_ident(), number)

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_a_wait_for_a_lock_is_ended(number: int) -> None:
    never = threading.Event()
    started = time.monotonic()
    with pytest.raises(Came, match=str(number)), heard([number], come):
        thread = send(number)
        never.wait(30)
    thread.join()
    assert time.monotonic() - started < 20


def test_the_handler_runs_once(number: int) -> None:
    came = []
    never = threading.Event()
    with heard([number], lambda one, _frame: came.append(one)):
        send(number).join()
        never.wait(0.5)
    assert came == [number]


def test_other_signals_are_nobodys_business(number: int) -> None:
    came = []
    before = signal.signal(signal.SIGUSR1, lambda one, _frame: came.append(one))
    try:
        with heard([number], come):
            signal.raise_signal(signal.SIGUSR1)
            time.sleep(0.1)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert came == [signal.SIGUSR1]


def test_all_is_as_before(number: int) -> None:
    before = signal.getsignal(number), signal.getsignal(signal.SIGURG), threading.active_count()
    with pytest.raises(Came), heard([number], come):
        signal.raise_signal(number)
    assert (signal.getsignal(number), signal.getsignal(signal.SIGURG), threading.active_count()) == before
    assert signal.set_wakeup_fd(-1) == -1


def test_one_that_is_ignored_stays_so(number: int) -> None:
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with heard([number, signal.SIGUSR1], come):
            signal.raise_signal(number)
            with pytest.raises(Came, match=str(int(signal.SIGUSR1))):
                signal.raise_signal(signal.SIGUSR1)
        assert signal.getsignal(number) is signal.SIG_IGN
    finally:
        signal.signal(number, before)


def test_elsewhere_than_in_the_main_thread_nothing_is_done(number: int) -> None:
    done = []

    def work() -> None:
        with heard([number], come):
            done.append(signal.getsignal(number))

    before = signal.getsignal(number)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [before]


def test_a_signal_to_a_child_that_is_being_started_is_not_for_handlers_of_the_run(tmp_path: Path) -> None:
    heard_by = tmp_path / "heard"

    def handler(_number: int, _frame: object) -> None:
        heard_by.write_text(str(os.getpid()))

    before = signal.signal(signal.SIGTERM, handler)
    try:
        with signals.unheard_in_child() as as_a_program:
            child = os.fork()
            if not child:
                os.kill(os.getpid(), signal.SIGTERM)  # waits
                for _ in range(1000):
                    pass
                as_a_program()
                os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM
        assert not heard_by.exists()
        os.kill(os.getpid(), signal.SIGTERM)
        assert heard_by.read_text() == str(os.getpid())
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_program_is_started_with_no_signal_blocked(tmp_path: Path) -> None:
    words = ["grep", "SigBlk", "/proc/self/status"]
    said = process.run(words, log=tmp_path / "log", env={"PATH": os.environ["PATH"]})
    assert int(said.split()[-1], 16) & sum(1 << (n - 1) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)) == 0
