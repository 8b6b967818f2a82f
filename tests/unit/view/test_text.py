"""Printing when the reader has left."""

from __future__ import annotations

import io
import os
import subprocess
import sys

from crosscourse.view.text import write_line


def test_a_line_is_a_line() -> None:
    stream = io.StringIO()
    write_line(stream, "one")
    assert stream.getvalue() == "one\n"


def test_work_goes_on_when_the_reader_has_left() -> None:
    read, write = os.pipe()
    script = "import sys\nfrom crosscourse.view import text\n"
    script += "for n in range(9): text.write_line(sys.stdout, str(n))\nsys.exit(7)"
    child = subprocess.Popen([sys.executable, "-c", script], stdout=write, stderr=subprocess.PIPE)
    os.close(read)
    os.close(write)
    _, errors = child.communicate(timeout=30)
    assert child.returncode == 7
    assert errors == b""
