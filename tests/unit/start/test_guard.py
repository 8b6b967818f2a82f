"""Whatever an error is: plain words, a status, no traceback unless asked for, no output that is lost without a word."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from crosscourse.errors import CrosscourseError
from crosscourse.start import guard

ROOT = Path(__file__).parents[3]
REAL = [error for number in sorted(errno.errorcode) if (error := OSError(number, os.strerror(number))).errno]


def raising(error: BaseException) -> Callable[[], int]:
    def command() -> NoReturn:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (CrosscourseError("a", "is wrong", "do this"), "ERROR: a: is wrong\n  > do this\n"),
        (OSError(errno.ENOSPC, "No space left on device", "/x"), "ERROR: /x: no space left on the disk\n"),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), "ERROR: /x: Permission denied\n"),
        (MemoryError(), "ERROR: too little memory\n"),
        (RuntimeError("can't start new thread"), "ERROR: the system starts no more threads\n"),
        (RecursionError("too deep"), "ERROR: unexpected RecursionError: too deep"),
        (KeyError("x"), "ERROR: unexpected KeyError: 'x' (at "),
        (ModuleNotFoundError("no", name="rich.text"), "has no module rich.text\n"),
    ],
)
def test_errors_are_told(error: Exception, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "build").mkdir()
    assert guard.guarded(raising(error), root=tmp_path) == 3
    err = capsys.readouterr().err
    assert said in err
    assert "Traceback" not in err
    if "unexpected" in said:
        assert "Traceback" in (tmp_path / guard.KEPT).read_text()


@pytest.mark.parametrize("error", REAL, ids=lambda error: errno.errorcode[error.errno])
def test_every_error_of_the_system(error: OSError, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert guard.guarded(raising(error), root=tmp_path) == 3
    err = capsys.readouterr().err
    assert err.startswith("ERROR: ")
    assert "Traceback" not in err
    assert "unexpected" not in err


@pytest.mark.parametrize(("error", "status"), [(KeyboardInterrupt(), 130), (SystemExit(5), 5), (SystemExit(None), 0)])
def test_quiet_ends(error: BaseException, status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert guard.guarded(raising(error), root=tmp_path) == status
    assert capsys.readouterr().err == ""


def test_the_traceback_when_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(guard.SHOW, "1")
    guard.guarded(raising(KeyError("x")), root=tmp_path)
    assert "Traceback" in capsys.readouterr().err


PRINTS = f"""import sys; sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from crosscourse.start import guard
def command():
    for number in range(20000): print(number)
    return 0
sys.exit(guard.guarded(command, root=Path("/nowhere")))"""


def test_a_reader_that_is_gone() -> None:
    with subprocess.Popen([sys.executable, "-c", PRINTS], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == guard.READER_GONE


def test_an_output_that_is_full() -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-c", PRINTS], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (1, "ERROR: standard output: No space left on device\n")
