"""What holds for all tests."""

import signal

# A shell lets its background jobs ignore Ctrl-C, and programs inherit that: tests that send it would wait for ever.
for _number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.default_int_handler if _number == signal.SIGINT else signal.SIG_DFL)
