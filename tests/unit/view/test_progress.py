"""How a run, times, logs and totals are put into words."""

from __future__ import annotations

from pathlib import Path

import pytest

from crosscourse.view import progress
from crosscourse.view.progress import Outcome, Running, Snapshot


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-0.001, "0.0 s"),
        (0, "0.0 s"),
        (0.42, "0.4 s"),
        (12.3, "12.3 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (125, "2 min 05 s"),
        (119.7, "2 min 00 s"),
        (3599.4, "59 min 59 s"),
        (3599.6, "1 h 00 min"),
        (3600 + 2 * 60 + 50, "1 h 02 min"),
        (100 * 3600, "100 h 00 min"),
    ],
)
def test_times_are_for_people(seconds: float, words: str) -> None:
    assert progress.duration(seconds) == words


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("plain", "plain"),
        ("\x1b[1;32mgreen\x1b[0m text", "green text"),
        ("\x1b]0;window title\x07after", "after"),
        ("\x1b]8;;https://example.org\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("Receiving:  1%\rReceiving: 99%\rReceiving: done\r", "Receiving: done"),
        ("windows\r", "windows"),
        ("\x1b[2K\r\x1b[1Gstep 3", "step 3"),
        ("tab\there", "tab    here"),
        ("bell\x07 and \x00nul", "bell and nul"),
        ("  indented  ", "  indented"),
        ("\r \r", ""),
        ("", ""),
    ],
)
def test_terminal_codes_never_reach_the_reader(raw: str, text: str) -> None:
    assert progress.plain_text(raw) == text


def test_the_last_line_that_says_something(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"first\nsecond \xff\xfe\n\x1b[31mthird\x1b[0m\n\n   \n\x1b[0m\n")
    assert progress.last_line(str(log), 80) == "third"
    assert progress.tail(str(log), 2, 80) == ["second \ufffd\ufffd", "third"]
    assert progress.tail(str(log), 9, 80) == ["first", "second \ufffd\ufffd", "third"]


def test_a_line_is_cut_to_the_width(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("0123456789\n")
    assert progress.last_line(str(log), 10) == "0123456789"
    assert progress.last_line(str(log), 9) == "01234567…"


def test_logs_that_are_not_there_or_empty_have_no_lines(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    for path in ("absent", "empty", "."):
        assert progress.last_line(str(tmp_path / path), 80) is None


def test_of_a_long_log_only_the_end_is_read(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as stream:
        stream.truncate(1 << 40)  # sparse; reading it all would never end
        stream.seek(0, 2)
        stream.write(b"\n" + "".join(f"line {number}\n" for number in range(1000)).encode())
    assert progress.last_line(str(log), 80) == "line 999"
    assert progress.tail(str(log), 3, 80) == ["line 997", "line 998", "line 999"]


def test_a_line_longer_than_what_is_read_still_shows(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("x" * 100_000)
    assert progress.last_line(str(log), 20) == "x" * 19 + "…"


def test_a_line_whose_beginning_was_not_read_is_not_shown_as_if_it_were_whole(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("y" * 5000 + "\nlast\n")
    assert progress.tail(str(log), 2, 80) == ["last"]


@pytest.mark.parametrize(
    ("outcomes", "left", "words"),
    [
        ([], 0, "Nothing to do."),
        (["up to date"], 0, "Up to date: 1 task (0.2 s)."),
        (["up to date"] * 23, 0, "Up to date: 23 tasks (0.2 s)."),
        (["run"] * 5 + ["up to date"] * 18, 0, "23 tasks: 5 run, 18 up to date, 0.2 s"),
        (["run", "failed", "not run"], 2, "5 tasks: 1 run, 1 failed, 3 not run, 0.2 s"),
        (["ignored"], 0, "1 task: 1 ignored, 0.2 s"),
    ],
)
def test_totals(outcomes: list[Outcome], left: int, words: str) -> None:
    assert progress.totals(outcomes, left, "0.2 s") == words


def running(name: str, started: float, status: str | None = None) -> Running:
    return Running(name=name, stage="", log=None, started=started, status=status)


def test_a_sign_of_life_names_who_is_at_work_and_on_what() -> None:
    tasks = (running("a", 10), running("b", 100, "linking"))
    state = Snapshot(done=7, failed=0, total=23, started=0, name_width=1, running=tasks)
    (text, _style), *rest = progress.still_running(state, 105)
    assert not rest
    assert text == "[ 7/23] still at work: a (1 min 35 s), b (5.0 s, linking)"


def test_a_sign_of_life_only_counts_who_waits() -> None:
    tasks = (running("a", 0), *(running(name, 0, "waiting for a processor") for name in ("w1", "w2")))
    state = Snapshot(done=7, failed=0, total=23, started=0, name_width=1, running=tasks)
    (text, _style), *_rest = progress.still_running(state, 5)
    assert text == "[ 7/23] still at work: a (5.0 s), 2 waiting"
