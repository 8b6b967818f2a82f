"""What a build is made from, as data: so that any state can be gone back to, and put into another copy."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
from pathlib import Path
from typing import TypeAlias

import msgspec

CHECKOUT = "sources/printer/printer"
MANIFEST = "releases/printer.toml"
TARGETS = "toolchains/targets.toml"
EXAMPLE = "examples/printer"
PATCHES = "vendor-patches/printer"
GIVEN = (MANIFEST, TARGETS, EXAMPLE, PATCHES)

# Path → permission bits (0 for a link) and content (of a link where it points).
State: TypeAlias = "dict[str, tuple[int, bytes]]"


def read(root: Path, *places: str) -> State:
    """What is there now at ``places`` (files and trees), by default at all that a build is made from."""
    found: State = {}
    for place in places or (*GIVEN, CHECKOUT):
        path = root / place
        paths = [path] if path.is_file() else sorted(_walk(path))
        found |= {one.relative_to(root).as_posix(): _entry(one) for one in paths}
    return found


def write(root: Path, state: State, *places: str) -> None:
    """Make ``places`` what they were when ``state`` was read; what is so already is not touched."""
    wanted = {path: entry for path, entry in state.items() if not places or _is_in(path, places)}
    now = read(root, *places)
    for path in now.keys() - wanted.keys():
        (root / path).unlink()
        _remove_empty(root / path, root)
    for path, (mode, content) in wanted.items():
        if now.get(path) == (mode, content):
            continue
        place = root / path
        _make_way(place, root)
        if mode == 0:
            place.symlink_to(os.fsdecode(content))
        else:
            place.write_bytes(content)
            place.chmod(mode)


def digest(state: State) -> str:
    """A name for a state."""
    return hashlib.sha256(msgspec.msgpack.encode(state, order="deterministic")).hexdigest()


def at_our_commit(root: Path) -> None:
    """Take back commits that were made in the checkout, and what is staged there; the files stay."""
    mark = root / CHECKOUT / ".git" / "crosscourse.json"
    if mark.is_file():
        commit = msgspec.json.decode(mark.read_bytes())["commit"]
        git(root / CHECKOUT, "reset", "--quiet", commit)


def discard_edits(root: Path) -> None:
    """Put the checkout, if there is one, back to what was made."""
    at_our_commit(root)
    if (root / CHECKOUT / ".git").is_dir():
        git(root / CHECKOUT, "reset", "--quiet", "--hard")
        git(root / CHECKOUT, "clean", "--quiet", "-xdff")


def is_edited(root: Path) -> bool:
    """Whether the checkout, if there is one, is not as it was made."""
    folder = root / CHECKOUT
    if not (folder / ".git" / "crosscourse.json").is_file():
        return False
    commit = msgspec.json.decode((folder / ".git" / "crosscourse.json").read_bytes())["commit"]
    edits = git(folder, "status", "--porcelain", "--ignored", "--untracked-files=all")
    return bool(edits) or git(folder, "rev-parse", "HEAD").strip() != commit


def git(folder: Path, *words: str) -> str:
    """Run git, and return what it prints."""
    identity = ["-c", "user.name=someone", "-c", "user.email=someone@example.org"]
    done = subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout


def _walk(folder: Path) -> list[Path]:
    found = []
    for base, folders, names in os.walk(folder):
        if ".git" in folders:
            folders.remove(".git")
        found += [Path(base, name) for name in names]
        found += [Path(base, name) for name in folders if Path(base, name).is_symlink()]
    return found


def _entry(path: Path) -> tuple[int, bytes]:
    if path.is_symlink():
        return 0, os.fsencode(path.readlink())
    return stat.S_IMODE(path.stat().st_mode), path.read_bytes()


def _is_in(path: str, places: tuple[str, ...]) -> bool:
    return any(path == place or path.startswith(f"{place}/") for place in places)


def _make_way(place: Path, root: Path) -> None:
    """Remove what stands at a place, and a file or link where one of its folders has to be."""
    above = [parent for parent in reversed(place.parents) if parent.is_relative_to(root)]
    for path in (*above, place):
        if path.is_symlink() or path.is_file():
            path.unlink()
    if place.is_dir():
        shutil.rmtree(place)
    place.parent.mkdir(parents=True, exist_ok=True)


def _remove_empty(path: Path, root: Path) -> None:
    for parent in path.parents:
        if parent == root or not parent.is_dir() or any(parent.iterdir()):
            return
        parent.rmdir()
