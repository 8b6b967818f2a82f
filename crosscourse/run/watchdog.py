"""Ends what a killed build left running: a small process that outlives ``doit`` by a moment.

It reads lines from a pipe whose other end ``doit`` holds: ``+PID`` (a process group was started), ``-PID`` (it ended).
When the pipe closes, ``doit`` is gone, however it ended, and the groups still listed are killed.
Run as a script by ``children``; it imports nothing of ours so that it starts at once.
"""

import contextlib
import os
import signal
import sys


def main() -> None:
    """Watch standard input until it closes, then kill what is left."""
    # A terminal's Ctrl-C must not end the one that cleans up after it.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        sign, number_text = line[:1], line[1:].strip()
        if sign == "+" and number_text:
            groups.add(int(number_text))
        elif sign == "-" and number_text:
            groups.discard(int(number_text))
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
