"""What the steps of one run share."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from crosscourse import files
from crosscourse.engine.cache.folder import Folder
from crosscourse.engine.shared import Shared
from crosscourse.engine.spec import Nothing
from crosscourse.errors import CrosscourseError
from tests.unit.engine import works
from tests.unit.engine.runs import make_checkout, make_shared, make_step


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shared:
    monkeypatch.chdir(tmp_path)
    return make_shared(tmp_path, tmp_path / "cache")


def test_what_a_step_provides(shared: Shared, tmp_path: Path) -> None:
    program, output = tmp_path / "t" / "bin" / "t", tmp_path / "out" / "a"
    tool = make_step("x:t", Nothing(), works.make_nothing, place=tmp_path / "t", provides={"program": program})
    shared.add(tool)
    shared.add(make_step("x:a", Nothing(), works.make_nothing, output))
    assert list(shared.provided("x:t").items()) == [("", tmp_path / "t"), ("program", program)]
    assert shared.provided("x:a") == {"a": output}
    assert shared.outputs() == {"out/a"}


def test_sources_are_read_once_a_run(shared: Shared, tmp_path: Path) -> None:
    source = make_checkout(tmp_path / "source", a="a")
    first = shared.fingerprint(source)
    (source / "a").write_text("b")
    assert shared.fingerprint(source) == first
    shared.fingerprints.forget(source)
    assert shared.fingerprint(source) != first


def test_a_source_that_is_not_there(shared: Shared, tmp_path: Path) -> None:
    with pytest.raises(CrosscourseError, match="source: is not there yet"):
        shared.fingerprint(tmp_path / "source")


def test_waiting_until_all_work_has_ended(shared: Shared) -> None:
    started, go_on = threading.Event(), threading.Event()

    def work() -> None:
        with shared.at_work("x:a"):
            started.set()
            go_on.wait(10)

    thread = threading.Thread(target=work)
    thread.start()
    started.wait(10)
    before = time.monotonic()
    shared.wait_until_idle(0.05)
    assert time.monotonic() - before >= 0.05
    go_on.set()
    shared.wait_until_idle(10)
    assert time.monotonic() - before < 5
    thread.join()


def keep(shared: Shared, path: Path, text: str) -> None:
    path.write_text(text)
    shared.results.put(files.digest_text(text), "x", {"a": path}, {"a": files.digest(path)}, ())


def test_the_cache_is_kept_within_its_limit(shared: Shared, tmp_path: Path) -> None:
    shared.limit = 150
    for letter in "ab":
        keep(shared, tmp_path / "output", letter * 100)
    shared.close()
    assert Folder(tmp_path / "cache" / "results").size() == 100


def test_a_run_that_keeps_nothing_makes_no_cache(shared: Shared, tmp_path: Path) -> None:
    shared.close()
    assert not (tmp_path / "cache").exists()
