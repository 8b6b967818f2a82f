"""What holds for all tests."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

# A shell lets its background jobs ignore Ctrl-C, and programs inherit that: tests that send it would wait for ever.
for _number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.default_int_handler if _number == signal.SIGINT else signal.SIG_DFL)


@pytest.fixture(autouse=True)
def _back_where_it_began() -> Iterator[None]:
    """A test may go to its own folder, which is removed after it; the next one is not to begin there."""
    began = Path.cwd()
    yield
    os.chdir(began)
