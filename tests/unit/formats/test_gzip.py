"""gzip: the same bytes whatever the number of processors, and bytes that others can read."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import shutil
import subprocess
import sys
from importlib.metadata import version

import pytest

from crosscourse.formats.gzip import BLOCK, GzipWriter, PackingError, is_packed
from crosscourse.formats.gzip_worker import LIBRARY, SIZE, serve

NOISE = os.urandom(300_000)
TEXT = b"".join(b"%d %x\n" % (n, n * n * 7919 % 65521) for n in range(20_000))
# Some blocks and a bit, so that a process has several and the last is cut short.
LARGE = (TEXT * 12 + NOISE)[: 3 * BLOCK + 12_345]


def packed(*parts: bytes, threads: int | None = 1, stored: bytes = b"") -> bytes:
    """The parts as gzip, then ``stored`` without compression, then the parts again."""
    raw = io.BytesIO()
    with GzipWriter(raw, threads=threads) as writer:
        for part in parts:
            assert writer.write(part) == len(part)
        if stored:
            with writer.stored():
                writer.write(stored)
            for part in parts:
                writer.write(part)
    return raw.getvalue()


def test_same_bytes_whatever_the_number_of_threads() -> None:
    one = packed(LARGE, stored=NOISE, threads=1)
    assert gzip.decompress(one) == LARGE + NOISE + LARGE
    assert {packed(LARGE, stored=NOISE, threads=threads) for threads in (2, 5, None)} == {one}


def test_same_bytes_whatever_the_size_of_writes() -> None:
    pieces = [LARGE[at : at + 10_007] for at in range(0, len(LARGE), 10_007)]
    assert packed(*pieces) == packed(LARGE)


@pytest.mark.parametrize("content", [b"", b"x", TEXT, LARGE[:BLOCK], LARGE[: BLOCK + 1]], ids=len)
def test_what_comes_out_is_what_went_in(content: bytes) -> None:
    assert gzip.decompress(packed(content, threads=2)) == content


@pytest.mark.skipif(not shutil.which("gzip"), reason="there is no gzip")
def test_gzip_takes_it_for_sound() -> None:
    done = subprocess.run(["gzip", "-dc"], input=packed(LARGE, stored=NOISE), capture_output=True, check=True)
    assert done.stdout == LARGE + NOISE + LARGE
    assert done.stderr == b""


def test_what_is_compressed_already_is_stored() -> None:
    assert NOISE[:60_000] in packed(b"before", stored=NOISE)
    text = packed(b"before", stored=TEXT)
    assert len(text) > len(TEXT)
    assert gzip.decompress(text) == b"before" + TEXT + b"before"


def test_compressed_content_is_told_by_its_first_bytes() -> None:
    assert is_packed(packed(b"x"))
    assert is_packed(b"\xfd7zXZ\0\0\4")
    assert not any(map(is_packed, (b"", b"\x1f", b"\x7fELF\1\1", b"#!/bin/sh")))


def test_nothing_of_the_machine_is_in_the_header() -> None:
    # ID, deflate, no name, no time, level, system unknown (RFC 1952, 2.3).
    assert packed(TEXT)[:10] == b"\x1f\x8b\x08\0\0\0\0\0\0\xff"


def test_the_bytes_are_those_of_the_library_that_is_named() -> None:
    name, _, expected = LIBRARY.partition(" ")
    assert version(name) == expected
    # On every machine. If another version of the library gives other bytes, name it in LIBRARY and change this.
    assert (
        hashlib.sha256(packed(TEXT)).hexdigest() == "0d1b7275ad25ad73b9cf78a0868dbf2ef3fcf5a57b89df9b792575736c8cfd9c"
    )


def test_size_is_told_as_tar_needs_it() -> None:
    with GzipWriter(io.BytesIO(), threads=1) as writer:
        writer.write(LARGE)
        assert writer.tell() == len(LARGE)


def test_an_error_ends_the_processes() -> None:
    with pytest.raises(ZeroDivisionError), GzipWriter(io.BytesIO(), threads=2) as writer:
        writer.write(LARGE)
        raise ZeroDivisionError
    assert writer._pool is not None
    assert [process.returncode for process in writer._pool._all] in ([0], [0, 0])


@pytest.mark.parametrize("program", ["false", "true"])
def test_a_process_that_dies_is_an_error(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = shutil.which(program)
    assert path
    monkeypatch.setattr(sys, "executable", path)
    with pytest.raises(PackingError, match="ended early"):
        packed(LARGE, threads=2)


def test_worker_answers_each_block_until_its_input_ends() -> None:
    answers = io.BytesIO()
    serve(io.BytesIO(b"".join(SIZE.pack(len(block)) + block for block in (TEXT, b"", NOISE))), answers)
    answers.seek(0)
    blocks = []
    while size := answers.read(SIZE.size):
        blocks.append(gzip.decompress(answers.read(SIZE.unpack(size)[0])))
    assert blocks == [TEXT, b"", NOISE]
