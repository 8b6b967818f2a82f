"""The reporter, driven by doit itself: real runs of tiny tasks, with threads, into a stream or onto a terminal."""

from __future__ import annotations

import errno
import io
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from doit.cmd_base import ModuleTaskLoader
from doit.doit_cmd import DoitMain
from doit.exceptions import TaskFailed
from doit.tools import run_once

from crosscourse.errors import CrosscourseError
from crosscourse.view import live as liveview
from crosscourse.view.progress import Running, Snapshot
from crosscourse.view.reporter import CrosscourseReporter, wants_live
from crosscourse.view.statuses import Statuses

Task = dict[str, Any]
ROOT = Path(__file__).resolve().parents[3]
TIME = r"\d+\.\d s"
# doit's own actions of the shell leave their pipes to the garbage collector.
leaves_pipes = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
SHOW_CURSOR, HIDE_CURSOR = "\x1b[?25h", "\x1b[?25l"


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("CROSSCOURSE_PROGRESS", "CROSSCOURSE_TRACEBACK", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)


def task(name: str, action: Any = None, **more: Any) -> Task:
    """A task of stage ``compile`` that does nothing, or what ``action`` says, and keeps no log."""
    meta = {"stage": "compile", "log": more.pop("log", None), **more.pop("meta", {})}
    return {"name": name, "actions": [action or (lambda: None)], "io": {"capture": False}, "meta": meta, **more}


def doit(tasks: list[Task], *words: str, out: Any = None, **config: Any) -> tuple[int, str]:
    """Run doit on ``tasks`` of the group ``t`` with the words of a command line; returns exit code and output."""
    stream = io.StringIO() if out is None else out
    settings = {"reporter": CrosscourseReporter, "outfile": stream, "backend": "sqlite3", "num_process": 3}
    settings |= {"par_type": "thread", **config}

    def task_t() -> Iterator[Task]:
        yield from (dict(one) for one in tasks)  # doit changes what it is given

    code = DoitMain(ModuleTaskLoader({"task_t": task_t, "DOIT_CONFIG": settings})).run(list(words))
    return code, stream.getvalue() if isinstance(stream, io.StringIO) else ""


def write_log(path: str, lines: int) -> None:
    Path(path).write_text("".join(f"line {number}\n" for number in range(1, lines + 1)))


def raising(error: BaseException) -> Callable[[], None]:
    def action() -> None:
        raise error

    return action


def test_each_task_that_was_run_is_one_line_with_its_count_and_time() -> None:
    code, out = doit([task("short"), task("much-longer-name", lambda: time.sleep(0.25), task_dep=["t:short"])])
    assert code == 0
    lines = out.splitlines()
    assert re.fullmatch(r"\[1/2\] t:short                  0\.\d s", lines[0])
    assert re.fullmatch(r"\[2/2\] t:much-longer-name       0\.[2-9] s", lines[1])
    assert re.fullmatch(rf"2 tasks: 2 run, {TIME}", lines[2])
    assert len(lines) == 3


def test_the_count_is_as_wide_as_the_total() -> None:
    _code, out = doit([task(f"n{number}") for number in range(12)])
    assert "\n[ 9/12] t:n" in out
    assert "\n[10/12] t:n" in out


def test_a_run_with_nothing_to_do_is_one_line() -> None:
    tasks = [task("a", uptodate=[run_once]), task("b", uptodate=[run_once])]
    doit(tasks)
    code, out = doit(tasks)
    assert code == 0
    assert re.fullmatch(rf"Up to date: 2 tasks \({TIME}\)\.\n", out)


def test_tasks_that_are_up_to_date_are_only_counted() -> None:
    tasks = [task("a", uptodate=[run_once]), task("b")]
    doit(tasks)
    _code, out = doit(tasks)
    assert "t:a" not in out
    assert re.search(r"^\[[12]/2\] t:b ", out, re.MULTILINE)
    assert "2 tasks: 1 run, 1 up to date, " in out


def test_only_what_was_chosen_is_counted() -> None:
    tasks = [task("a"), task("b", task_dep=["t:a"]), task("c")]
    _code, out = doit(tasks, "t:b")
    assert out.startswith("[1/2] t:a ")
    assert "2 tasks: 2 run" in out


def test_setup_tasks_count_while_they_may_be_needed() -> None:
    first = task("first", uptodate=[run_once])
    tasks = [first, task("tool"), task("a", uptodate=[run_once], task_dep=["t:first"], setup=["t:tool"])]
    _code, out = doit(tasks, "t:a")
    assert re.findall(r"^\[./.\] t:\w+", out, re.MULTILINE) == ["[1/3] t:first", "[2/3] t:tool", "[3/3] t:a"]
    _code, out = doit(tasks, "t:a")
    assert out.startswith("Up to date: 2 tasks (")


def test_ignored_tasks_are_counted() -> None:
    tasks = [task("a"), task("b")]
    doit(tasks, "ignore", "t:a")
    _code, out = doit(tasks)
    assert "2 tasks: 1 run, 1 ignored, " in out


def test_a_failure_shows_message_and_the_end_of_the_log_and_its_path() -> None:
    def action() -> TaskFailed:
        write_log("a.log", 40)
        return TaskFailed("patch does not apply\nfile main.go, hunk 2")

    code, out = doit([task("a", action, log="a.log"), task("b", task_dep=["t:a"])])
    assert code == 1
    lines = out.splitlines()
    assert re.fullmatch(rf"\[1/2\] t:a +{TIME}  FAILED", lines[0])
    assert lines[1:4] == [
        "        patch does not apply",
        "        file main.go, hunk 2",
        "        Its log: a.log, which ends:",
    ]
    assert lines[4:19] == [f"        | line {number}" for number in range(26, 41)]
    assert lines[19] == "Failed: t:a, see a.log"
    assert re.fullmatch(rf"2 tasks: 1 failed, 1 not run, {TIME}", lines[20])
    assert len(lines) == 21


def test_what_the_log_repeats_of_the_message_is_shown_once() -> None:
    def action() -> TaskFailed:
        Path("a.log").write_text("compiling\nno space\n  > make room\n")
        return TaskFailed("no space\n  > make room")

    _code, out = doit([task("a", action, log="a.log")])
    assert out.count("no space") == 1
    assert out.count("make room") == 1
    assert "| compiling\n" in out


def test_the_log_of_an_earlier_run_is_not_shown_for_a_task_that_never_began() -> None:
    write_log("a.log", 3)
    code, out = doit([task("a", log="a.log", file_dep=["absent"])])
    assert code == 2
    assert "absent" in out
    assert "FAILED" in out
    assert "line 3" not in out
    assert "a.log" not in out


def test_an_unexpected_error_shows_its_last_line_and_the_traceback_only_if_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tasks = [task("a", raising(ValueError("boom\nin two lines")))]
    code, out = doit(tasks)
    assert code == 2
    assert "        ValueError: boom\n        in two lines\n" in out
    assert "Traceback" not in out
    assert "CROSSCOURSE_TRACEBACK=1" in out
    monkeypatch.setenv("CROSSCOURSE_TRACEBACK", "1")
    _code, out = doit(tasks)
    assert "Traceback (most recent call last)" in out
    assert "in action" in out
    monkeypatch.setenv("CROSSCOURSE_TRACEBACK", "0")
    assert "Traceback" not in doit(tasks)[1]
    monkeypatch.setattr(CrosscourseReporter, "show_traceback", True)
    assert "Traceback" in doit(tasks)[1]


def test_a_failure_that_explains_itself_hides_the_error_behind_it() -> None:
    def action() -> TaskFailed:
        try:
            raise ConnectionError("refused")
        except ConnectionError as error:
            return TaskFailed("example.org can't be reached", error)

    _code, out = doit([task("a", action)])
    assert "        example.org can't be reached\nFailed: t:a\n" in out


def test_of_chained_errors_the_last_one_is_shown() -> None:
    def action() -> None:
        try:
            raise KeyError("inner")
        except KeyError:
            raise RuntimeError("outer") from None

    _code, out = doit([task("a", action)])
    assert "        RuntimeError: outer\n" in out
    assert "inner" not in out


def test_an_error_of_our_own_explains_itself() -> None:
    _code, out = doit([task("a", raising(CrosscourseError("runc", "no such tag", "check the manifest")))])
    assert "        runc: no such tag\n          > check the manifest\n" in out
    assert "CrosscourseError" not in out
    assert "CROSSCOURSE_TRACEBACK" not in out


@leaves_pipes
def test_a_command_without_a_log_shows_what_it_printed() -> None:
    a = {"name": "a", "actions": ["echo to out; echo to err >&2; exit 3"], "verbosity": 0}
    code, out = doit([a])
    assert code == 1
    assert "        | to out\n        | to err\n" in out
    assert "returned 3" in out


def test_with_continue_what_could_not_be_run_is_listed_but_not_shouted() -> None:
    fail = task("a", lambda: False)
    code, out = doit([fail, task("b", task_dep=["t:a"]), task("c", task_dep=["t:b"]), task("d")], "-c")
    assert code == 2  # doit's own: an unmet dependency is an error
    assert out.count("FAILED") == 1
    assert not re.search(r"^\[\d/4\] t:[bc] ", out, re.MULTILINE)
    assert "Not run, as something that they need failed: t:b, t:c\n" in out
    assert "4 tasks: 1 run, 1 failed, 2 not run, " in out


@pytest.mark.parametrize("config", [{"par_type": "thread"}, {"num_process": 0}], ids=["threads", "serial"])
def test_an_interrupted_run_says_how_far_it_came(config: dict[str, Any]) -> None:
    stream = io.StringIO()
    tasks = [
        task("a", uptodate=[run_once]),
        task("b", raising(SystemExit("SIGTERM")), task_dep=["t:a"]),
        task("c", task_dep=["t:b"]),
    ]
    with pytest.raises(SystemExit):
        doit(tasks, out=stream, **config)
    assert stream.getvalue().endswith("\nInterrupted: 1 of 3 tasks done; run the same command again to go on.\n")


def test_a_run_within_an_error_handler_is_not_taken_for_interrupted() -> None:
    try:
        raise KeyboardInterrupt
    except KeyboardInterrupt:
        _code, out = doit([task("a")])
    assert "Interrupted" not in out
    assert "1 task: 1 run" in out


def test_an_error_of_doit_itself_says_how_far_it_came() -> None:
    tasks = [task("a"), task("b", uptodate=[raising(ValueError("in uptodate"))], task_dep=["t:a"])]
    code, out = doit(tasks)
    assert code == 3
    assert "Stopped by an error: 1 of 2 tasks done;" in out


def test_a_teardown_that_fails_is_told() -> None:
    _code, out = doit([task("a", teardown=[raising(ValueError("teardown broke"))])])
    assert "teardown broke" in out
    assert "1 task: 1 run" in out


def test_a_long_silence_is_broken_by_who_is_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CrosscourseReporter, "silence", 0.2)

    statuses = Statuses()

    def action() -> None:
        statuses.set("t:slow", "linking")
        time.sleep(0.5)

    meta = {"statuses": statuses}
    _code, out = doit([task("slow", action, meta=meta), task("b", task_dep=["t:slow"], meta=meta)])
    assert re.search(rf"^\[0/2\] still at work: t:slow \({TIME}, linking\)\n", out)
    assert out.count("still at work") == 2
    assert statuses.get("t:slow") is None  # the reporter clears what a task left


def test_the_time_of_a_task_leaves_out_its_wait() -> None:
    statuses = Statuses()

    def action() -> None:
        statuses.set("t:a", "waiting for a processor")
        time.sleep(0.5)
        statuses.set("t:a", "linking")

    _code, out = doit([task("a", action, meta={"statuses": statuses})])
    assert re.search(r"^\[1/1\] t:a +0\.[0-3] s$", out, re.MULTILINE)


def test_what_a_task_reports_is_shown_with_its_success() -> None:
    reported: list[str] = []
    _code, out = doit([task("a", lambda: reported.append("12 rows shown"), meta={"reported": reported})])
    assert re.search(rf"^\[1/1\] t:a +{TIME}\n        12 rows shown$", out, re.MULTILINE)


@leaves_pipes
def test_groups_and_tasks_without_meta_are_no_trouble() -> None:
    foreign: Task = {"name": "foreign", "actions": ["true"]}
    group: Task = {"name": "group", "actions": None, "task_dep": ["t:foreign"]}
    code, out = doit([foreign, group], "-v", "2")
    assert code == 0
    assert "group" not in out
    assert "1 task: 1 run" in out


def test_a_run_of_groups_alone_has_nothing_to_do() -> None:
    assert doit([{"name": "group", "actions": None}]) == (0, "Nothing to do.\n")


def test_many_tasks_in_many_threads_lose_no_line() -> None:
    code, out = doit([task(f"n{number}") for number in range(60)], num_process=8)
    assert code == 0
    counts = re.findall(r"^\[([ \d]\d)/60\] t:n\d+ ", out, re.MULTILINE)
    assert [int(count) for count in counts] == list(range(1, 61))


def test_a_reader_that_goes_away_does_not_end_the_run() -> None:
    class Gone(io.StringIO):
        def write(self, _text: str) -> int:
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    done: list[int] = []
    code, _out = doit([task("a", lambda: done.append(1)), task("b", lambda: done.append(2))], out=Gone())
    assert code == 0
    assert sorted(done) == [1, 2]


def test_a_stream_that_can_not_encode_a_character_gets_another() -> None:
    raw = io.BytesIO()
    doit([task("a", lambda: TaskFailed("größer → kleiner"))], out=io.TextIOWrapper(raw, encoding="ascii"))
    assert b"        gr??er ? kleiner\n" in raw.getvalue()


def test_each_line_is_flushed(tmp_path: Path) -> None:
    seen: list[str] = []
    with (tmp_path / "out").open("w", buffering=1 << 20) as stream:
        look = task("b", lambda: seen.append((tmp_path / "out").read_text()), task_dep=["t:a"])
        doit([task("a"), look], out=stream)
    assert seen[0].startswith("[1/2] t:a ")


def test_json_reporting_stays_valid_with_threads(capfd: pytest.CaptureFixture[str]) -> None:
    tasks = [task(f"n{number}", lambda: time.sleep(0.01)) for number in range(20)] + [task("bad", lambda: False)]
    code, out = doit(tasks, "--reporter", "json", "-c")
    assert code == 2  # the group's unmet dependency
    report = json.loads(out)
    results = {one["name"]: one["result"] for one in report["tasks"] if one["name"] != "t"}
    assert results == {f"t:n{number}": "success" for number in range(20)} | {"t:bad": "fail"}
    assert capfd.readouterr().out == ""


def test_an_unknown_wish_for_progress_is_an_error_that_names_the_known(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CROSSCOURSE_PROGRESS", "plan")
    code, _out = doit([task("a")])
    assert code == 3
    assert "Did you mean 'plain'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("terminal", "environ", "live"),
    [
        (True, {"TERM": "xterm"}, True),
        (True, {"TERM": "xterm", "NO_COLOR": "1"}, True),
        (True, {"TERM": "dumb"}, False),
        (True, {}, False),
        (True, {"TERM": "xterm", "CROSSCOURSE_PROGRESS": "plain"}, False),
        (True, {"TERM": "xterm", "CROSSCOURSE_PROGRESS": ""}, True),
        (False, {"TERM": "xterm"}, False),
        (False, {"TERM": "xterm", "CROSSCOURSE_PROGRESS": "live"}, True),
    ],
)
def test_a_live_view_is_for_terminals(terminal: bool, environ: dict[str, str], live: bool) -> None:
    class Stream(io.StringIO):
        def isatty(self) -> bool:
            return terminal

    assert wants_live(Stream(), environ) is live


@pytest.mark.parametrize(("width", "height"), [(100, 24), (40, 24), (100, 4), (20, 2), (1, 1)])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_a_frame_fits_the_terminal(width: int, height: int, ascii_only: bool) -> None:
    tasks = tuple(Running(name=f"compile:armv7:größe{n}", stage="compile", log=None, started=n) for n in range(9))
    state = Snapshot(done=3, failed=1, total=23, started=0, name_width=21, running=tasks)
    rows = liveview.frame(state, now=70, width=width, height=height, ascii_only=ascii_only)
    assert len(rows) <= height
    assert all(row.cell_len <= width for row in rows)
    if ascii_only:
        assert all(row.plain.isascii() for row in rows)
    if width == 100 and height == 4:
        assert "and 8 more" in rows[-2].plain
    if width == 100:
        assert "  3/23  1 min 10 s  1 failed" in rows[-1].plain


@pytest.mark.parametrize("width", [24, 30, 40, 59, 60, 80])
@pytest.mark.parametrize(
    "name", ["compile:armv7:a", "compile:armv7:" + "x" * 90, "compile:armv7:" + "大" * 40, "e\u0301" * 50]
)
def test_times_and_count_are_seen_on_a_narrow_terminal(width: int, name: str) -> None:
    tasks = (Running(name=name, stage="compile", log=None, started=0, status="linking \x1b[31mred"),)
    state = Snapshot(done=3, failed=1, total=230, started=0, name_width=60, running=tasks)
    row, bar = liveview.frame(state, now=65, width=width, height=24)
    assert "1 min 05 s" in row.plain
    assert row.cell_len <= width
    assert name[-1] in row.plain
    assert "\x1b" not in row.plain
    assert "3/230  1 min 05 s" in bar.plain
    assert bar.cell_len <= width


def test_a_frame_that_was_broken_into_more_rows_is_taken_away_whole() -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(file=io.StringIO(), force_terminal=True, width=40, height=20)
    part = liveview._Reflowing(console)
    part.set_renderable(Text("\n".join(["x" * 40, "y" * 30, "z" * 5])))
    console.print(part)

    def ups() -> int:
        return str(part.position_cursor()).count("\x1b[1A")

    assert ups() == 2
    console.width = 20  # the terminal shows 2, 2 and 1 rows now
    assert ups() == 4
    console.width = 100
    assert ups() == 2


def test_a_stage_is_told_once() -> None:
    def row(name: str, stage: str) -> str:
        running = (Running(name=name, stage=stage, log=None, started=0),)
        state = Snapshot(done=0, failed=0, total=9, started=0, name_width=20, running=running)
        return liveview.frame(state, now=1, width=100, height=9)[0].plain

    assert row("compile:armv7:fly", "compile").startswith("    > compile:armv7:fly  ")
    assert row("source:fly", "sources").startswith("    > source:fly  ")
    assert row("go", "toolchains").startswith("    > toolchains go  ")
    assert row("go", "").startswith("    > go  ")


SCRIPT = """
import os, signal, sys, time
from doit.cmd_base import ModuleTaskLoader
from doit.doit_cmd import DoitMain
from doit.tools import run_once
from crosscourse.view.reporter import CrosscourseReporter
from crosscourse.view.statuses import Statuses

statuses = Statuses()

def talk(task):
    with open(task.meta["log"], "w") as log:
        log.write("\\x1b[31mlinking \\x1b[0mthe worker\\n")
    if task.name == "compile:waits":
        statuses.set(task.name, "asking for memory: 1200 MB")
    if task.name == "compile:prints":
        print("printed by a task")
    time.sleep(SLEEP)
    return FAIL != task.name

def task_compile():
    for name in ("builds", "waits", "prints"):
        yield {"name": name, "actions": [talk], "io": {"capture": False}, "uptodate": [run_once], "verbosity": 2,
               "meta": {"stage": "compile", "log": name + ".log", "statuses": statuses}}

DOIT_CONFIG = {"reporter": CrosscourseReporter, "backend": "sqlite3", "num_process": 3, "par_type": "thread"}
signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
code = DoitMain(ModuleTaskLoader(globals())).run([])
print("rich imported:", "rich" in sys.modules)
sys.exit(code)
"""


class Terminal:
    """A terminal of 100 by 30 characters on which ``SCRIPT`` runs; ``text`` is everything written to it so far."""

    def __init__(self, sleep: float, fail: str = "", **environ: str) -> None:
        import fcntl
        import struct
        import termios

        self._main, side = pty.openpty()
        fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        script = Path("script.py")  # doit looks up the source of its task creators
        script.write_text(SCRIPT.replace("SLEEP", str(sleep)).replace("FAIL", repr(fail)))
        env = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "PYTHONUTF8": "1", **environ}
        for name in ("COLUMNS", "LINES"):
            env.pop(name, None)
        self.process = subprocess.Popen(
            [sys.executable, script],
            stdin=side,
            stdout=side,
            stderr=side,
            env=env,
            start_new_session=True,
        )
        os.close(side)
        self.text = ""

    def read_until(self, wanted: str, seconds: float = 20) -> None:
        """Read until ``wanted`` was written; fails if it does not come in time."""
        for _ in self._read(seconds):
            if wanted in self.text:
                return
        pytest.fail(f"{wanted!r} never came: {self.text!r}")

    def read_all(self, seconds: float = 20) -> int:
        """Read until the program ends; returns its exit code."""
        for _ in self._read(seconds):
            pass
        return self.process.wait(timeout=seconds)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._main)

    def _read(self, seconds: float) -> Iterator[None]:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if select.select([self._main], [], [], 0.1)[0]:
                try:
                    data = os.read(self._main, 65536)
                except OSError:  # Linux's way of saying that the other side was closed
                    return
                if not data:
                    return
                self.text += data.decode("utf-8", errors="replace")
                yield


@pytest.fixture
def terminal() -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def start(sleep: float, fail: str = "", **environ: str) -> Terminal:
        opened.append(Terminal(sleep, fail, **environ))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


def uncoloured(text: str) -> str:
    return re.sub(r"\x1b\[[\d;]*m", "", text)


def test_live_each_running_task_has_a_row_and_each_finished_one_a_line(terminal: Callable[..., Terminal]) -> None:
    screen = terminal(1.0)
    assert screen.read_all() == 0
    text = uncoloured(screen.text)
    moving, _restored, after = text.rpartition(SHOW_CURSOR)
    assert HIDE_CURSOR in moving
    assert re.search(rf"> compile:builds +{TIME}  linking the worker", moving)
    assert re.search(rf"> compile:waits +{TIME}  asking for memory: 1200 MB", moving)
    assert re.search(r"─  0/3  ", moving)
    assert "\x1b[31mlinking" not in screen.text
    assert "\x1b[2Kprinted by a task\r\n" in moving  # on a line of its own, not amid the moving part
    for count in (1, 2, 3):
        assert len(re.findall(rf"\[{count}/3\] compile:\w+ +1\.\d s\r\n", moving)) == 1
    assert HIDE_CURSOR not in after
    assert re.search(rf"3 tasks: 3 run, {TIME}\r\n", after)
    assert "rich imported: True" in after


def test_live_is_calm(terminal: Callable[..., Terminal]) -> None:
    screen = terminal(1.5)
    screen.read_all()
    # Four times a second for a second and a half, and once at the start and for each line printed meanwhile.
    assert 3 <= uncoloured(screen.text).count("─  0/3") <= 12


def test_live_a_failure_stays_on_the_screen(terminal: Callable[..., Terminal]) -> None:
    screen = terminal(0.3, fail="compile:waits")
    assert screen.read_all() == 1
    text = uncoloured(screen.text)
    assert re.search(rf"\[\d/3\] compile:waits +{TIME}  FAILED\r\n", text)
    assert "        Its log: waits.log, which ends:\r\n        | linking the worker\r\n" in text
    after = text.rpartition(SHOW_CURSOR)[2]
    assert "Failed: compile:waits, see waits.log\r\n" in after


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_live_an_interrupt_gives_the_terminal_back(terminal: Callable[..., Terminal], number: int) -> None:
    screen = terminal(30.0)
    screen.read_until("asking for memory")
    screen.process.send_signal(number)
    screen.read_all()
    before, restored, after = uncoloured(screen.text).rpartition(SHOW_CURSOR)
    assert restored
    assert HIDE_CURSOR in before
    assert HIDE_CURSOR not in after
    assert "Interrupted: 0 of 3 tasks done; run the same command again to go on.\r\n" in after


def test_live_without_colours(terminal: Callable[..., Terminal]) -> None:
    screen = terminal(0.5, NO_COLOR="1")
    screen.read_all()
    assert "> compile:builds" in screen.text
    assert not re.search(r"\x1b\[(?:\d+;)*(?:3[0-7]|9[0-7]|38)[;m]", screen.text)


def test_a_run_with_nothing_to_do_does_not_pay_for_the_live_view(terminal: Callable[..., Terminal]) -> None:
    terminal(0).read_all()
    screen = terminal(0)
    assert screen.read_all() == 0
    assert re.fullmatch(rf"Up to date: 3 tasks \({TIME}\)\.\r\nrich imported: False\r\n", screen.text)


@pytest.mark.parametrize("environ", [{"TERM": "dumb"}, {"CROSSCOURSE_PROGRESS": "plain"}])
def test_plain_on_a_terminal_has_no_codes(terminal: Callable[..., Terminal], environ: dict[str, str]) -> None:
    screen = terminal(0.1, **environ)
    screen.read_all()
    assert "\x1b" not in screen.text
    assert "3 tasks: 3 run, " in screen.text
    assert "rich imported: False" in screen.text
