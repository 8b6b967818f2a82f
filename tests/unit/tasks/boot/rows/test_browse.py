"""The steps at a browser, which a small program stands in for here: what it is told, what it may ask, how it ends."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from crosscourse.manifest.browse import Browse
from crosscourse.run.process import CommandError
from tasks.boot.guest.machine import Forward
from tasks.boot.host.browser import Browser
from tasks.boot.report import RowError
from tasks.boot.rows import browse
from tasks.boot.session import Session

PAGE = Browse(
    title="x",
    port=8080,
    steps=[["open", "{url}/a"], ["do", "end"], ["do", "later"], ["see", "text={user} {other}"]],
)
# Of what it is called with: the script, Playwright, the browser, then what the script takes.
NODE = """#!{python} -IS
import json, pathlib, sys, time
port, folder, steps = sys.argv[4:]
for verb, *words in json.loads(steps):
    print(verb, *words, flush=True)
    while verb == "do" and not (pathlib.Path(folder) / (words[0] + ".done")).exists():
        time.sleep(0.01)
print(port)
{last}
"""


def session(tmp_path: Path, last: str = "print('all seen', flush=True)") -> Session:
    node = tmp_path / "node"
    node.write_text(NODE.format(python=sys.executable, last=last))
    node.chmod(0o755)
    for name in ("logs", "run"):
        (tmp_path / name).mkdir()
    made = SimpleNamespace(
        logs=tmp_path / "logs",
        folder=tmp_path / "run",
        forward=Forward(host=4711, guest=8080),
        browser=Browser(program=Path("/chromium"), node=node, playwright=Path("/playwright")),
    )
    return cast(Session, cast(Any, made))


def look(at: Session, **does: Callable[[], object]) -> str:
    return browse.look(at, "page", PAGE, values={"user": "me"}, does=does).remark


def test_what_is_asked_for_is_done_once_and_in_order(tmp_path: Path) -> None:
    done: list[str] = []
    at = session(tmp_path)
    assert look(at, end=lambda: done.append("end"), later=lambda: done.append("later")) == "4 steps"
    assert done == ["end", "later"]
    said = (tmp_path / "logs/page/steps.log").read_text().splitlines()
    # Each with what is known; braces of others stay.
    assert said == [
        "open http://crosscourse.local:8080/a",
        "do end",
        "do later",
        "see text=me {other}",
        "4711",
        "all seen",
    ]


def test_what_nobody_does(tmp_path: Path) -> None:
    with pytest.raises(RowError, match="browse page: asks for later, which nobody does here"):
        look(session(tmp_path), end=lambda: None)


def test_a_step_that_could_not_be_done(tmp_path: Path) -> None:
    at = session(tmp_path, "print('FAILED to see text=x: Timeout', flush=True)")
    with pytest.raises(RowError, match="FAILED to see text=x: Timeout"):
        look(at, end=lambda: None, later=lambda: None)


def test_a_browser_that_ends_early(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="ended too early"):
        look(session(tmp_path, "sys.exit('no such library')"), end=lambda: None, later=lambda: None)


def test_the_browser_has_its_own_libraries(tmp_path: Path) -> None:
    own = Browser(program=Path("/c"), node=Path("/n"), playwright=Path("/p"), libraries=tmp_path)
    assert own.environment({"A": "b"}) == {"A": "b", "LD_LIBRARY_PATH": str(tmp_path)}
    assert [str(word) for word in own.command(Path("/s"), "x")] == ["/n", "/s", "/p", "/c", "x"]
    assert json.dumps(PAGE.steps)  # plain data, as the script wants it
