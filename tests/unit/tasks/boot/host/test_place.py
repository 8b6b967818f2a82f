"""The folder of a boot's servers, and where the other parts of a boot are."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from crosscourse.engine.places import Places
from crosscourse.run.service import Service, serving
from tasks.boot.host.place import PlaceError, run_folder
from tests.unit.places import make_places


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made: in a folder of the test."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def top(temporary: Path) -> Path:
    return temporary / f"crosscourse-{os.getuid()}"


def places(root: Path, name: str = "programs") -> Places:
    """Of a boot whose reports go into a folder of that name."""
    return make_places(root, own_place=root / "build" / name)


def used(root: Path, name: str = "programs") -> Path:
    with run_folder(places(root, name)) as folder:
        return folder


def test_an_empty_folder_for_the_time_of_the_block(tmp_path: Path, top: Path) -> None:
    with run_folder(places(tmp_path)) as folder:
        assert folder.parent == top
        assert list(folder.iterdir()) == []
        (folder / "x" / "y").mkdir(parents=True)
        (folder / "x").chmod(0o500)
    assert list(top.iterdir()) == []


def test_it_is_removed_after_an_error(tmp_path: Path, top: Path) -> None:
    with pytest.raises(ValueError, match="mine"), run_folder(places(tmp_path)):
        raise ValueError("mine")
    assert list(top.iterdir()) == []


def test_its_path_is_short_enough_for_a_socket(tmp_path: Path, top: Path) -> None:
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    folder = used(deep, "s" * 100)
    # sun_path of unix(7) has 108 bytes, the longest name in it is the database's.
    assert len(str(Path("/var/tmp", folder.relative_to(top.parent), ".s.PGSQL.5432"))) < 60  # noqa: S108


def test_it_is_found_again_and_nobody_elses(tmp_path: Path) -> None:
    assert used(tmp_path) == used(tmp_path)
    (tmp_path / "other").mkdir()
    others = [used(tmp_path / "other"), used(tmp_path, "csi")]
    assert len({used(tmp_path), *others}) == 3


def test_what_a_killed_boot_left_is_ended_and_removed(tmp_path: Path) -> None:
    folder = used(tmp_path)
    folder.mkdir()
    (folder / "old").touch()
    env = {"PATH": os.environ["PATH"]}
    with serving(["sleep", "20"], log=tmp_path / "sleep.log", env=env, folder=folder) as left:
        again = places(tmp_path)
        with run_folder(again) as found:
            assert found == folder
            assert list(found.iterdir()) == []
        stopped = left.stop(0, seconds=5)
    assert stopped
    assert again.reported == [f"ended what a killed boot had left running: {left.pid}"]


def left_by(owner: str, root: Path, folder: Path) -> AbstractContextManager[Service]:
    """A folder of another boot, with a program that runs there. ``owner``: what it says of its process."""
    folder.mkdir(parents=True)
    folder.with_suffix(".owner").write_text(owner)
    return serving(["sleep", "20"], log=root / "sleep.log", env={"PATH": os.environ["PATH"]}, folder=folder)


def test_what_any_killed_boot_left_is_ended_and_removed(tmp_path: Path, top: Path) -> None:
    with left_by("", tmp_path, top / "0123456789") as left:
        again = places(tmp_path)
        with run_folder(again) as found:
            assert sorted(path.name for path in top.iterdir()) == [found.name, f"{found.name}.owner"]
        stopped = left.stop(0, seconds=5)
    assert stopped
    assert again.reported == [f"ended what a killed boot had left running: {left.pid}"]


@contextmanager
def owned_elsewhere(owner: Path) -> Iterator[None]:
    """Another process, which is seen in no /proc of ours if name spaces keep it from it, runs a boot there."""
    script = "import sys, pathlib, crosscourse.engine.lock as lock\n"
    script += "with lock.owning(pathlib.Path(sys.argv[1]), print): print('held', flush=True); sys.stdin.read()"
    argv = [sys.executable, "-c", script, str(owner)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield
        process.communicate()


def test_a_boot_that_runs_is_left_alone(tmp_path: Path, top: Path) -> None:
    owner = top / "0123456789.owner"
    with left_by("", tmp_path, top / "0123456789") as other, owned_elsewhere(owner):
        again = places(tmp_path)
        with run_folder(again):
            assert (top / "0123456789").is_dir()
        alive = other.alive()
        found = sorted(path.name for path in top.iterdir())
    assert alive
    assert again.reported == []
    assert found == ["0123456789", "0123456789.owner"]


def test_a_boot_that_ends_meanwhile_is_no_error(tmp_path: Path, top: Path) -> None:
    top.mkdir()
    (top / "0123456789.owner").symlink_to("gone")
    used(tmp_path)


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o000])
def test_others_may_go_through_and_no_more_whatever_the_umask(tmp_path: Path, top: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        with run_folder(places(tmp_path)) as folder:
            assert [stat.S_IMODE(path.stat().st_mode) for path in (top, folder)] == [0o711, 0o711]
    finally:
        os.umask(before)


def refused(root: Path) -> None:
    with pytest.raises(PlaceError, match="is not a folder of this user alone") as caught:
        used(root)
    assert "TMPDIR" in caught.value.remedy


@pytest.mark.parametrize("mode", [0o731, 0o713, 0o777])
def test_a_folder_that_others_may_write_to(tmp_path: Path, top: Path, mode: int) -> None:
    top.mkdir()
    top.chmod(mode)
    refused(tmp_path)


def test_a_link_of_that_name(tmp_path: Path, top: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    top.symlink_to(tmp_path / "elsewhere")
    refused(tmp_path)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_folder_of_another_user(tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = os.getuid() + 1
    (temporary / f"crosscourse-{other}").mkdir()
    monkeypatch.setattr(os, "getuid", lambda: other)
    refused(tmp_path)


@pytest.mark.parametrize("kind", ["file", "link"])
def test_something_else_of_that_name(tmp_path: Path, top: Path, kind: str) -> None:
    if kind == "file":
        top.touch()
    else:
        top.symlink_to(tmp_path / "none")
    refused(tmp_path)
