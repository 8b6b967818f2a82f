"""What can become of a file that is kept: each a function that is given its path, and says whether it could be done."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping
from pathlib import Path

from crosscourse import files

Harm = Callable[[Path, random.Random], None]


def _flip(path: Path, chance: random.Random) -> None:
    """One bit; size and mtime as they were."""
    info, content = path.stat(), bytearray(path.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    _write(path, bytes(content))
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))


def _cut(path: Path, chance: random.Random) -> None:
    content = path.read_bytes()
    _write(path, content[: chance.randrange(len(content))])


def _empty(path: Path, _chance: random.Random) -> None:
    _write(path, b"")


def _garbage(path: Path, chance: random.Random) -> None:
    _write(path, chance.randbytes(chance.choice((1, 100, 10_000))))


def _longer(path: Path, chance: random.Random) -> None:
    _write(path, path.read_bytes() + chance.randbytes(10))


def _zeros(path: Path, _chance: random.Random) -> None:
    """What a file system may leave of a file after the power went."""
    _write(path, bytes(path.stat().st_size))


def _remove(path: Path, _chance: random.Random) -> None:
    path.unlink()


def _folder(path: Path, chance: random.Random) -> None:
    path.unlink()
    path.mkdir()
    if chance.random() < 0.5:
        (path / "inside").write_text("something\n")


def _fifo(path: Path, _chance: random.Random) -> None:
    path.unlink()
    os.mkfifo(path)


def _dangling(path: Path, _chance: random.Random) -> None:
    path.unlink()
    path.symlink_to("nowhere/at/all")


def _parent_gone(path: Path, _chance: random.Random) -> None:
    files.remove(path.parent)


def _parent_file(path: Path, _chance: random.Random) -> None:
    files.remove(path.parent)
    path.parent.write_text("not a folder\n")


def link_to(target: Path) -> Harm:
    """A link to a file elsewhere, which nobody may write to."""

    def link(path: Path, _chance: random.Random) -> None:
        path.unlink()
        path.symlink_to(target)

    return link


# Those of a file with content come first.
OF_CONTENT: Mapping[str, Harm] = {"bit flipped": _flip, "cut": _cut, "zeros": _zeros}
OF_ANY: Mapping[str, Harm] = {
    "emptied": _empty,
    "garbage": _garbage,
    "longer": _longer,
    "removed": _remove,
    "a folder": _folder,
    "a FIFO": _fifo,
    "a dangling link": _dangling,
}
OF_FOLDER: Mapping[str, Harm] = {"its folder removed": _parent_gone, "its folder a file": _parent_file}


def _write(path: Path, content: bytes) -> None:
    """Write to the very file, whatever its mode."""
    mode = path.stat().st_mode & 0o7777
    path.chmod(mode | 0o200)
    with path.open("r+b") as stream:
        stream.truncate(0)
        stream.write(content)
    path.chmod(mode)
