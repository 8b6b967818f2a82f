"""What a person does to a file of a folder of sources: functions that do one thing each, and refuse what can't be."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

from tests.equals import state

GO, CGO = "cmd/goprinter/main.go", "cmd/printer/main.go"

Edit: TypeAlias = Callable[[Path], None]


class NotHereError(Exception):
    """An edit that can't be made in this state."""


def replace(name: str, old: str, new: str, folder: Path) -> None:
    """Replace a text in a file, which must have it."""
    text = _read(folder / name)
    if old not in text:
        raise NotHereError(f"{name} has no {old!r}")
    (folder / name).write_text(text.replace(old, new))


def append(name: str, text: str, folder: Path) -> None:
    """Add to the end of a file."""
    (folder / name).write_text(_read(folder / name) + text)


def add(files: Mapping[str, str], folder: Path) -> None:
    """Write new files."""
    for name, text in files.items():
        path = folder / name
        if path.is_symlink() or path.is_dir() or any(parent.is_file() for parent in path.parents):
            raise NotHereError(f"{name} is taken")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def remove(name: str, folder: Path) -> None:
    """Remove a file or a link."""
    if not (folder / name).is_file():
        raise NotHereError(f"{name} is not there")
    (folder / name).unlink()


def rename(old: str, new: str, folder: Path) -> None:
    """Rename a file or folder."""
    if not (folder / old).exists() or (folder / new).exists():
        raise NotHereError(f"{old} can't be renamed")
    (folder / new).parent.mkdir(parents=True, exist_ok=True)
    (folder / old).rename(folder / new)


def mode(name: str, bits: int, folder: Path) -> None:
    """Change permissions."""
    _read(folder / name)
    (folder / name).chmod(bits)


def link(name: str, target: str, folder: Path) -> None:
    """Move a file or folder to ``target``, and leave a link in its place."""
    if (folder / name).is_symlink():
        raise NotHereError(f"{name} is a link")
    rename(name, target, folder)
    (folder / name).symlink_to(os.path.relpath(folder / target, (folder / name).parent))


def same_size_and_time(name: str, old: str, new: str, folder: Path) -> None:
    """An edit after which size and time of the file are what they were."""
    assert len(old) == len(new)
    path = folder / name
    _read(path)
    info = path.stat()
    replace(name, old, new, folder)
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))


def with_import(package: str, use: str, folder: Path) -> None:
    """Make ``goprinter`` import a package and use it."""
    text = _read(folder / GO)
    if f'"{package}"' in text or 'import (\n\t"fmt"' not in text:
        raise NotHereError("imported already")
    changed = text.replace('import (\n\t"fmt"', f'import (\n\t"fmt"\n\t"{package}"', 1)
    (folder / GO).write_text(f"{changed}\nfunc init() {{ version += {use} }}\n")


def with_preamble(line: str, folder: Path) -> None:
    """Put a line into what is C in ``printer``, and use what it brings."""
    text = _read(folder / CGO)
    if line in text or '#include "print.h"\n' not in text:
        raise NotHereError("there already")
    changed = text.replace('#include "print.h"\n', f'#include "print.h"\n{line}\n', 1)
    (folder / CGO).write_text(changed)


def commit(folder: Path) -> None:
    """Commit all edits: the files are as before."""
    if not (folder / ".git").exists() or not state.git(folder, "status", "--porcelain").strip():
        raise NotHereError("nothing to commit")
    state.git(folder, "add", "--all")
    state.git(folder, "commit", "--quiet", "--message", "edits")


def stage(folder: Path) -> None:
    """``git add``: the files are as before."""
    if not (folder / ".git").exists():
        raise NotHereError("no checkout")
    state.git(folder, "add", "--all")


def several(*edits: Edit) -> Edit:
    """One edit after the other."""

    def edit(folder: Path) -> None:
        for one in edits:
            one(folder)

    return edit


def _read(path: Path) -> str:
    if not path.is_file():
        raise NotHereError(f"{path.name} is not there")
    return path.read_text()
