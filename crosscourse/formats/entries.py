"""Entries of trees: what archives, folders and root filesystems are written of; none leads out of its tree."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from crosscourse.errors import CrosscourseError

MAX_MODE = 0o7777
# Of a path and of what a link says: what the kernel takes (limits.h, PATH_MAX), without the end of the text.
MAX_LENGTH = 4095


class PlaceError(CrosscourseError):
    """A path that leads out of its tree, or that can't be in it beside the others."""

    def __init__(self, name: str, found: str, remedy: str = "") -> None:
        super().__init__(ascii(name) if not name.isprintable() or not name else name, found, remedy)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One member of a tree: a file (``source`` a path or its bytes), a folder (both None), or a symbolic link.

    ``name``: its path below the top, as ``check_name`` wants it. ``owner``: user and group, by number.
    """

    name: str
    source: Path | bytes | None = None
    link: str | None = None
    mode: int = 0o644
    owner: tuple[int, int] = (0, 0)

    @property
    def is_folder(self) -> bool:
        """Whether others can be below it."""
        return self.source is None and self.link is None


def with_parents(entries: Iterable[Entry]) -> list[Entry]:
    """The entries and every folder above them, sorted by path so that parents come first.

    Of a folder that comes twice the later one counts. Raises PlaceError if any other path comes twice, if one leads out
    of the tree, or if one is below what is no folder: so all that is written of the result is inside.
    """
    by_name: dict[str, Entry] = {}
    for entry in entries:
        _check(entry)
        before = by_name.setdefault(entry.name, entry)
        if before != entry:
            if not (before.is_folder and entry.is_folder):
                raise PlaceError(entry.name, "is in one tree twice")
            by_name[entry.name] = entry
    for entry in list(by_name.values()):
        name = entry.name
        while (name := name.rpartition("/")[0]) and (above := by_name.get(name)) is None:
            by_name[name] = Entry(name=name, mode=0o755)
        if name and above and not above.is_folder:
            raise PlaceError(entry.name, f"is below {name}, which is no folder")
    return sorted(by_name.values(), key=lambda entry: entry.name.split("/"))


def check_name(name: str) -> None:
    """Raises PlaceError unless ``name`` is a path below the top of its tree, in the one form that there is of it."""
    if set(name.split("/")) & {"", ".", ".."} or len(name) > MAX_LENGTH:
        raise PlaceError(name, "is no path inside its tree: empty or too long, absolute, or with '.', '..' or '//'")
    if not name.isprintable() and any(character < " " or character == "\x7f" for character in name):
        raise PlaceError(name, "has control characters")


def check_mode(name: str, mode: int) -> None:
    """Raises PlaceError unless ``mode`` is permission bits and no more."""
    if not 0 <= mode <= MAX_MODE:
        raise PlaceError(name, f"has the mode {mode:o}, which is none")


def check_link(name: str, to: str) -> None:
    """Raises PlaceError unless a link can say that it leads ``to``."""
    if not to or "\0" in to or len(to) > MAX_LENGTH:
        raise PlaceError(name, "is a link to nothing, or to what no link can say")


def _check(entry: Entry) -> None:
    check_name(entry.name)
    check_mode(entry.name, entry.mode)
    if entry.link is not None:
        check_link(entry.name, entry.link)
