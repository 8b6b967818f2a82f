"""What commands print, when nobody reads it to its end (``./doit clean | head``)."""

from __future__ import annotations

import os
from typing import TextIO


def write_line(stream: TextIO, line: str) -> None:
    """Write a line. If the reader is gone, this and all that follows goes nowhere, and the work goes on."""
    try:
        stream.write(line + "\n")
        stream.flush()
    except BrokenPipeError:
        # Onto the stream's own descriptor, so that Python's last flush at exit has somewhere to go too.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
