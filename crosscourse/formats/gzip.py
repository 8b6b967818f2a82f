"""gzip, written fast and always the same: blocks of a fixed size, compressed side by side by libdeflate.

Each block becomes a gzip member of its own, and members that follow each other are one gzip file (RFC 1952, 2.2):
GNU gzip and tar, Python, libarchive and Go (https://pkg.go.dev/compress/gzip#Reader.Multistream) read it as one.
The bytes depend on the content and on the version of libdeflate, which is pinned within the package ``deflate``
(LIBRARY), and on nothing else: not on the number of processors, not on what they can do
(https://github.com/ebiggers/libdeflate/issues/400), not on the machine's own zlib (distributions ship zlib-ng under
its name, and that compresses to other bytes).
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from types import TracebackType
from typing import IO

from crosscourse.errors import CrosscourseError
from crosscourse.formats.gzip_worker import LEVEL, SIZE, STORED, member

BLOCK = 1 << 20
"""Part of the format: another size makes other bytes. Larger ones save 0.1 % of an archive, and share less evenly."""
# One core reads files for about as many: more would wait for it.
MOST_THREADS = 8
# What is ready early waits for what is before it: two blocks a thread keep all of them at work.
AHEAD = 2
# gzip, xz, zstd, bzip2: compressing once more costs time and saves nothing.
PACKED = (b"\x1f\x8b", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"BZh")


class PackingError(CrosscourseError):
    """A process that compresses ended before its work did."""


def is_packed(start: bytes) -> bool:
    """Whether a file that starts with these bytes (6 are enough) is compressed already."""
    return start.startswith(PACKED)


class GzipWriter:
    """A file to write to, whose content goes into ``raw`` as gzip. Holds a few blocks in memory, whatever the size.

    ``threads``: how many blocks are compressed at a time; as many as processors are granted if it is None. Each is a
    process, and starts with the first whole block that it can have. Only a ``with`` block that ends without an error
    leaves a whole file; ``raw`` stays open.
    """

    def __init__(self, raw: IO[bytes], *, threads: int | None = None) -> None:
        self._raw = raw
        self._threads = threads or min(len(os.sched_getaffinity(0)), MOST_THREADS)
        self._pool: _Pool | None = None
        self._block = bytearray()
        self._level = LEVEL
        self._members: deque[Future[bytes | bytearray]] = deque()
        self._size = 0

    def __enter__(self) -> GzipWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            if error is None:
                # A gzip file has one member at least, though it be of nothing.
                self._end_block(at_least_one=self._size == 0)
                self._write_members(leave=0)
        finally:
            if self._pool:
                self._pool.close()

    def write(self, data: bytes) -> int:
        """Takes all of the data; returns how many bytes that are."""
        rest = memoryview(data)
        while rest:
            room = BLOCK - len(self._block)
            self._block += rest[:room]
            rest = rest[room:]
            if len(self._block) == BLOCK:
                self._end_block()
        self._size += len(data)
        return len(data)

    def tell(self) -> int:
        """How many bytes were written, before compression."""
        return self._size

    @contextmanager
    def stored(self) -> Iterator[None]:
        """What is written meanwhile is stored, not compressed."""
        self._end_block()
        self._level = STORED
        try:
            yield
            self._end_block()
        finally:
            self._level = LEVEL

    def _end_block(self, *, at_least_one: bool = False) -> None:
        if not self._block and not at_least_one:
            return
        block, self._block = self._block, bytearray()
        if len(block) == BLOCK and self._level == LEVEL and self._threads > 1:
            # Not before: most archives are small, and starting processes would take longer than compressing here.
            self._pool = self._pool or _Pool(self._threads)
            self._members.append(self._pool.compress(block))
        else:
            ready: Future[bytes | bytearray] = Future()
            ready.set_result(member(block, self._level))
            self._members.append(ready)
        self._write_members(leave=AHEAD * self._threads)

    def _write_members(self, *, leave: int) -> None:
        while len(self._members) > leave:
            self._raw.write(self._members.popleft().result())


class _Pool:
    """Threads, each with a process that compresses what the thread hands it."""

    def __init__(self, threads: int) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="gzip")
        self._mine = threading.local()
        self._all: list[subprocess.Popen[bytes]] = []

    def compress(self, block: bytearray) -> Future[bytes | bytearray]:
        return self._threads.submit(self._compress, block)

    def close(self) -> None:
        """Ends the processes, and waits for that."""
        self._threads.shutdown(cancel_futures=True)
        for process in self._all:
            process.communicate()

    def _compress(self, block: bytearray) -> bytes:
        process = self._process()
        assert process.stdin
        assert process.stdout
        try:
            process.stdin.write(SIZE.pack(len(block)))
            process.stdin.write(block)
            process.stdin.flush()
            size = process.stdout.read(SIZE.size)
            packed = process.stdout.read(SIZE.unpack(size)[0]) if len(size) == SIZE.size else b""
        except BrokenPipeError:
            packed = b""
        if not packed or len(packed) != SIZE.unpack(size)[0]:
            raise PackingError(
                "compressing an archive",
                f"a helper process ended early (status {process.wait()})",
                "It may have been stopped for lack of memory: free some, or use fewer jobs (-n), and build again.",
            )
        return packed

    def _process(self) -> subprocess.Popen[bytes]:
        process: subprocess.Popen[bytes] | None = getattr(self._mine, "process", None)
        if process is None:
            # The parent's own search path, whatever made it so; -S, as that is complete already.
            program = f"import sys; sys.path[:] = {sys.path!r}; import {member.__module__} as worker; worker.main()"
            process = self._mine.process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", program],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            self._all.append(process)
        return process
