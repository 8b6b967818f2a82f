"""Files that are whole or not there, and folders that may be removed."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from crosscourse import files
from crosscourse.errors import CrosscourseError


def test_moving_replaces_a_file_and_makes_folders(tmp_path: Path) -> None:
    (tmp_path / "new").write_text("new")
    (tmp_path / "new").chmod(0o755)
    target = tmp_path / "deep" / "x"
    files.move(tmp_path / "new", target)
    assert (target.read_text(), stat.S_IMODE(target.stat().st_mode)) == ("new", 0o755)
    (tmp_path / "newer").write_text("newer")
    with target.open() as stream:
        files.move(tmp_path / "newer", target)
        assert stream.read() == "new"
    assert target.read_text() == "newer"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["deep", "x"]


def test_moving_to_another_disk(tmp_path: Path) -> None:
    memory = Path("/dev/shm")  # noqa: S108
    if not os.access(memory, os.W_OK) or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no other disk to write to")
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        source = Path(folder, "x")
        source.write_text("new")
        source.chmod(0o755)
        (tmp_path / "x").symlink_to(tmp_path / "elsewhere")
        files.move(source, tmp_path / "x")
        assert not source.exists()
    found = tmp_path / "x"
    assert (found.read_text(), stat.S_IMODE(found.stat().st_mode)) == ("new", 0o755)
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_moving_what_is_not_there_leaves_what_was(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("old")
    with pytest.raises(FileNotFoundError):
        files.move(tmp_path / "none", tmp_path / "x")
    assert (tmp_path / "x").read_text() == "old"


def test_replacing_leaves_what_was_after_an_error(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "x"
    files.write_text(path, "old")
    with pytest.raises(ValueError, match="mine"), files.replacing(path) as partial:
        partial.write_text("ne")
        raise ValueError("mine")
    assert path.read_text() == "old"
    assert [found.name for found in path.parent.iterdir()] == ["x"]
    with files.replacing(path, mode=0o755) as partial:
        partial.write_text("new")
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("new", 0o755)


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_a_folder_of_ours_says_so(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        folder = files.own_folder(tmp_path / "a" / "b")
    finally:
        os.umask(before)
    tag = folder / files.CACHEDIR_TAG
    assert tag.read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55\n")
    assert stat.S_IMODE(tag.stat().st_mode) == 0o644
    assert list(folder.iterdir()) == [tag]
    inode = tag.stat().st_ino
    files.own_folder(folder)
    assert tag.stat().st_ino == inode
    tag.write_text("")  # as a full disk leaves it
    files.own_folder(folder)
    assert "crosscourse" in tag.read_text()


def test_threads_make_one_folder(tmp_path: Path) -> None:
    problems: list[Exception] = []

    def make() -> None:
        try:
            files.own_folder(tmp_path / "x")
        except Exception as error:
            problems.append(error)

    threads = [threading.Thread(target=make) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert [path.name for path in (tmp_path / "x").iterdir()] == [files.CACHEDIR_TAG]


@pytest.mark.parametrize("tag", [None, "Signature: 8a477f597d28d172789f06886806bc55\n# of another program\n"])
def test_a_folder_of_others_is_not_removed(tmp_path: Path, tag: str | None) -> None:
    folder = tmp_path / "x"
    folder.mkdir()
    (folder / "precious").touch()
    if tag:
        (folder / files.CACHEDIR_TAG).write_text(tag)
    with pytest.raises(CrosscourseError, match="not removed"):
        files.remove_owned(folder)
    assert (folder / "precious").exists()


def test_our_folder_is_removed_with_what_is_read_only_in_it(tmp_path: Path) -> None:
    folder = files.own_folder(tmp_path / "x")
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "a" / "b" / "c").touch()
    (folder / "a" / "b").chmod(0o500)
    (tmp_path / "outside").mkdir()
    (folder / "link").symlink_to(tmp_path / "outside")
    files.remove_owned(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["outside"]


def test_a_signature_tells_an_edit_with_its_time_put_back(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("one")
    before, info = files.signature(path), path.stat()
    assert files.signature(path) == before
    while path.stat().st_ctime_ns == info.st_ctime_ns:
        path.write_text("two")
        os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))
    assert files.signature(path) != before
    (tmp_path / "link").symlink_to(path)
    assert files.signature(tmp_path / "link") == files.signature(path) != files.signature(tmp_path / "link", link=True)


OVERLAY = """
set -e
mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work,userxattr merged
exec "$0" -c "$1" merged/tool
"""


def on_an_overlay(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    """Run Python on a folder that an image has, as a container sees it: in name spaces of its own, without root."""
    for name in ("lower/tool/bin", "upper", "work", "merged"):
        (folder / name).mkdir(parents=True)
    (folder / "lower/tool/bin/go").write_text("damaged")
    (folder / "lower/tool/bin").chmod(0o555)
    words = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", OVERLAY, sys.executable, code]
    env = {**os.environ, "PYTHONPATH": str(Path(files.__file__).parents[1])}
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False, env=env)
    if "overlay: " in done.stderr or "unshare" in done.stderr:
        pytest.skip(f"no overlay in a name space of one's own here: {done.stderr}")
    return done


def test_discarding_a_folder_of_an_image(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; p = Path(sys.argv[1])\n"
    renamed = on_an_overlay(tmp_path / "renamed", code + "p.rename('merged/other')")
    assert "EXDEV" in renamed.stderr or "cross-device" in renamed.stderr  # else this test shows nothing
    code += "from crosscourse import files; files.discard(p); print(list(p.parent.iterdir()))"
    discarded = on_an_overlay(tmp_path / "discarded", code)
    assert (discarded.stdout, discarded.stderr) == ("[]\n", "")
