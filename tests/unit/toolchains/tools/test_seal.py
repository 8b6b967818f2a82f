"""A sealed folder: every change of it is seen, whatever else it leaves as it was; a copy is no change."""

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from toolchains.tools import seal
from toolchains.tools.pins import STAMP


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "tool"
    (made / "lib/deep").mkdir(parents=True)
    (made / "bin").mkdir()
    (made / "bin/go").write_text("program")
    (made / "bin/go").chmod(0o755)
    (made / "lib/deep/print.go").write_text("package fmt")
    (made / "lib/link").symlink_to("deep")
    (made / os.fsdecode(b"lib/\xff")).write_text("no text")
    seal.seal(made, "sha256:0")
    return made


def edit(folder: Path) -> None:
    """As any program of root does, or ``sed -i``."""
    (folder / "lib/deep/print.go").chmod(0o644)
    (folder / "lib/deep/print.go").write_text("package fmt2")


def flip_and_hide(folder: Path) -> None:
    """Size, mode and mtime as before."""
    path = folder / "lib/deep/print.go"
    before = path.stat()
    path.chmod(0o644)
    path.write_text("pAckage fmt")
    path.chmod(stat.S_IMODE(before.st_mode))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace(folder: Path) -> None:
    (folder / "other").write_text("pAckage fmt")
    (folder / "other").replace(folder / "lib/deep/print.go")


def cut_off(folder: Path) -> None:
    os.truncate(folder / "bin/go", 3)


def link_elsewhere(folder: Path) -> None:
    (folder / "lib/link").unlink()
    (folder / "lib/link").symlink_to("..")


def link_for_a_file(folder: Path) -> None:
    (folder / "lib/deep/print.go").rename(folder.parent / "print.go")
    (folder / "lib/deep/print.go").symlink_to(folder.parent / "print.go")


CHANGES: list[tuple[Callable[[Path], object], str]] = [
    (edit, "lib/deep/print.go was changed"),
    (flip_and_hide, "lib/deep/print.go was changed"),
    (replace, "lib/deep/print.go was changed"),
    (cut_off, "bin/go was changed"),
    (link_elsewhere, "lib/link was changed"),
    (link_for_a_file, "lib/deep/print.go was changed"),
    (lambda folder: (folder / "bin/go").chmod(0o444), "bin/go was changed"),
    (lambda folder: (folder / "lib/new.go").write_text(""), "lib/new.go was added"),
    (lambda folder: (folder / "bin/go").unlink(), "bin/go is gone"),
    (lambda folder: shutil.rmtree(folder / "lib"), "lib/deep/print.go is gone"),
    (lambda folder: (folder / os.fsdecode(b"lib/\xff")).unlink(), r"lib/\xff is gone"),
    (lambda folder: os.mkfifo(folder / "lib/pipe"), "lib/pipe was added"),
    (lambda folder: (folder / STAMP).write_text("sha256:0\n"), "can't be read"),
    (lambda folder: (folder / STAMP).unlink(), "can't be read"),
]


@pytest.mark.parametrize(("change", "expected"), CHANGES)
def test_every_change_is_told(folder: Path, change: Callable[[Path], object], expected: str) -> None:
    assert seal.damage(folder) is None
    change(folder)
    found = seal.damage(folder)
    assert found is not None
    assert expected in found
    assert seal.damage(folder) == found


def test_a_damaged_list_is_no_traceback(folder: Path) -> None:
    edit(folder)
    (folder / seal.FILES).write_bytes(b"\xff{")
    assert seal.damage(folder) == "what it should hold can't be read"


@pytest.mark.parametrize("name", [seal.FILES, STAMP])
def test_a_pipe_in_a_lists_place_is_not_waited_for(folder: Path, name: str) -> None:
    edit(folder)
    (folder / name).unlink()
    os.mkfifo(folder / name)
    assert seal.damage(folder) == "what it should hold can't be read"


def test_files_are_read_only_and_the_folder_can_be_removed(folder: Path) -> None:
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_file()}
    assert modes["go"] == 0o555
    assert modes["print.go"] == 0o444
    assert os.access(folder / "lib/deep", os.W_OK)


@pytest.mark.parametrize("change", ["touch", "copy", "writable"])
def test_what_is_only_touched_is_what_it_was(folder: Path, change: str) -> None:
    before = (folder / STAMP).read_bytes()
    if change == "touch":
        (folder / "bin/go").touch()
    elif change == "writable":
        (folder / "lib/deep/print.go").chmod(0o644)
    else:
        copied = folder.with_name("copied")
        shutil.copytree(folder, copied, symlinks=True)
        folder = copied
    assert seal.damage(folder) is None
    after = (folder / STAMP).read_bytes()
    assert after != before  # the next look is a short one again
    assert seal.damage(folder) is None
    assert (folder / STAMP).read_bytes() == after


def test_many_changes_are_counted() -> None:
    said = seal.differences({str(number): "a" for number in range(9)}, {"new": "x"})
    assert said == "0 is gone, 1 is gone, 2 is gone and 7 more"
