"""The lock file of Elm's packages: written and read, and what is said when it does not fit."""

from pathlib import Path

import pytest

from tasks.web import locks
from tasks.web.locks import ElmLock, ElmLockError
from toolchains.elm import Application

ONE, TWO = "1" * 40, "2" * 40


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "locks" / "x.ui.elm.json"
    assert locks.read(path) == ElmLock()
    locks.write(path, {"elm/json 1.1.3": TWO, "elm/core 1.0.5": ONE})
    assert locks.read(path).commits == {"elm/core 1.0.5": ONE, "elm/json 1.1.3": TWO}
    assert path.read_text().splitlines()[3:5] == [f'  "elm/core 1.0.5": "{ONE}",', f'  "elm/json 1.1.3": "{TWO}"']


@pytest.mark.parametrize("text", ["", "[]", '{"format": 2}', '{"commits": {"elm/core 1.0.5": 1}}', "\xff"])
def test_a_damaged_one_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "lock.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(ElmLockError, match=r"(?s)lock\.json.*lock-elm"):
        locks.read(path)


def test_a_package_that_is_not_locked_is_told() -> None:
    wanted = Application(elm="0.19.1", packages={"elm/core": "1.0.5", "elm/json": "1.1.4"})
    with pytest.raises(ElmLockError, match=r"(?s)lock file: elm/json 1\.1\.4\n.*lock-elm"):
        locks.packages(wanted, {"elm/core 1.0.5": ONE, "elm/json 1.1.3": TWO})
    found = locks.packages(wanted, {"elm/core 1.0.5": ONE, "elm/json 1.1.4": TWO})
    assert [(package.name, package.commit) for package in found] == [("elm/core", ONE), ("elm/json", TWO)]
    assert found[0].url == "https://github.com/elm/core"


def test_changes_are_said_in_lines() -> None:
    assert locks.changes({"a/a 1.0.0": ONE, "b/b 1.0.0": ONE}, {"b/b 1.0.0": TWO, "c/c 1.0.0": ONE}) == [
        f"+ c/c 1.0.0 {ONE}",
        f"- a/a 1.0.0 {ONE}",
        f"  b/b 1.0.0 {ONE} -> {TWO} (its tag has moved)",
    ]
