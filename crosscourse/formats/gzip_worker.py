"""Compressing blocks in a process of its own: what ``crosscourse.formats.gzip`` starts one of for each processor.

A process and not a thread, because the binding of libdeflate keeps Python's global lock while it compresses.
It speaks with its parent through pipes: a block comes and a member goes, each after its size (SIZE), until the
parent closes its end, which it does by dying too.
"""

from __future__ import annotations

import struct
from typing import IO

LIBRARY = "deflate 0.9.0"
"""What makes the bytes. Said here as in requirements.in, so that a new version is a change of this file: of the code
that steps depend on. It may well give other bytes, all of them valid."""
SIZE = struct.Struct("<I")
STORED, LEVEL = 0, 6
"""libdeflate's levels: none, and the one that is nearest to zlib's 6 in size."""


def member(block: bytes | bytearray, level: int) -> bytes | bytearray:
    """One whole gzip member (RFC 1952, 2.3) that holds the block; without a name and a time."""
    from deflate import gzip_compress

    return gzip_compress(block, level)


def serve(incoming: IO[bytes], outgoing: IO[bytes]) -> None:
    """Answers blocks by members of level LEVEL until the end of ``incoming``."""
    while len(size := incoming.read(SIZE.size)) == SIZE.size:
        packed = member(incoming.read(SIZE.unpack(size)[0]), LEVEL)
        outgoing.write(SIZE.pack(len(packed)))
        outgoing.write(packed)
        outgoing.flush()


def main() -> None:
    """The process. Ctrl-C is the parent's to answer: it ends by the end of its input."""
    import signal
    import sys

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    serve(sys.stdin.buffer, sys.stdout.buffer)
