"""What of a checkout some work reads: single files, folders, whole trees; and what these hold, as digests.

Only what is read counts for what is made of it. That is sound where whatever could bring a new file into what is read
is itself an edit inside it: so a *folder* is its direct entries (a new source file in a Go package's folder belongs to
the package), the names of its subfolders included, and a path that is not there counts as ``absent``.

A *listing* maps each path to the identity of what is there: ``MODE ID`` (see crosscourse.git.fingerprint). A path that
ends in ``/`` is a folder that is known only as a whole: whatever is read below it depends on all of it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Set
from pathlib import Path
from typing import TypeAlias

import msgspec

ROOT = "."
ABSENT = "absent"
_SUBFOLDER = "folder"
_Rows: TypeAlias = "list[tuple[str, str]]"


class Reads(msgspec.Struct, frozen=True, omit_defaults=True):
    """Paths of a checkout, relative to it, ``.`` for its root; make it by ``Reads.of``, which sorts them.

    ``files``: single files. ``folders``: the direct entries of a folder. ``trees``: everything below a folder.
    ``suffixes``: every file of the checkout whose path ends so.
    """

    files: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    trees: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()

    @staticmethod
    def of(
        *,
        files: Iterable[str] = (),
        folders: Iterable[str] = (),
        trees: Iterable[str] = (),
        suffixes: Iterable[str] = (),
    ) -> Reads:
        """Sorted, each once, and without what a tree or folder among them holds anyway."""
        found = set(trees)
        kept = {tree for tree in found if tree == ROOT or not _within(_parent(tree), found)}
        direct = {folder for folder in folders if not _within(folder, kept)}
        single = {file for file in files if _parent(file) not in direct and not _within(file, kept)}
        endings = () if ROOT in kept else tuple(sorted(set(suffixes)))
        return Reads(tuple(sorted(single)), tuple(sorted(direct)), tuple(sorted(kept)), endings)

    def __or__(self, other: Reads) -> Reads:
        """What either reads."""
        return Reads.of(
            files=self.files + other.files,
            folders=self.folders + other.folders,
            trees=self.trees + other.trees,
            suffixes=self.suffixes + other.suffixes,
        )

    def matches(self, path: str) -> bool:
        """Whether a file or link at ``path`` counts: appears, changes or goes. (One where a folder was, too.)

        Beyond that, only the first and the last file of a subfolder of ``folders`` make a difference.
        """
        return (
            path in self.files
            or _parent(path) in self.folders
            or path.endswith(self.suffixes)
            or _within(path, set(self.trees))
            or any(f"{wanted}/".startswith(f"{path}/") for wanted in self.files + self.folders + self.trees)
        )


WHOLE = Reads(trees=(ROOT,))


def content(listing: Mapping[str, str], reads: Reads) -> dict[str, str]:
    """What ``reads`` holds: a label each (``file x``, ``folder x``, ``tree x``, ``files *x``) with a SHA-256.

    In hexadecimal, over the sorted names and identities; ``absent`` where nothing is.
    """
    found = _Collector(listing, reads).rows
    return {label: _digest(rows) if rows else ABSENT for label, rows in found.items()}


class _Collector:
    """One pass over a listing; where a path belongs is found once for each folder, not for each path."""

    def __init__(self, listing: Mapping[str, str], reads: Reads) -> None:
        self.listing = listing
        self.files = {path: f"file {path}" for path in reads.files}
        self.folders = {path: f"folder {path}" for path in reads.folders}
        self.trees = {path: f"tree {path}" for path in reads.trees}
        self.suffixes = reads.suffixes
        self.rows: dict[str, _Rows] = {
            label: [] for labels in (self.files, self.folders, self.trees) for label in labels.values()
        }
        self.rows |= {f"files *{suffix}": [] for suffix in reads.suffixes}
        self.targets: dict[str, list[_Rows]] = {}
        self._collect()
        self._add_what_stands_above()

    def _collect(self) -> None:
        files, rows, targets, suffixes = self.files, self.rows, self.targets, self.suffixes
        for path, identity in self.listing.items():
            if path[-1] == "/":
                self._add_unknown(path, identity)
                continue
            parent = path.rpartition("/")[0] or ROOT
            for into in targets[parent] if parent in targets else self._meet(parent):
                into.append((path, identity))
            if path in files:
                rows[files[path]].append((path, identity))
            if suffixes and path.endswith(suffixes):
                for suffix in suffixes:
                    if path.endswith(suffix):
                        rows[f"files *{suffix}"].append((path, identity))

    def _meet(self, folder: str) -> list[_Rows]:
        """Where the direct entries of a folder belong; the folder itself is an entry of the one above it."""
        known = self.targets.get(folder)
        if known is not None:
            return known
        into = [self.rows[self.trees[folder]]] if folder in self.trees else []
        if folder != ROOT:
            above = _parent(folder)
            inherited = self._meet(above)
            direct = self.rows[self.folders[above]] if above in self.folders else None
            into += [rows for rows in inherited if rows is not direct]
            if direct is not None:
                direct.append((folder, _SUBFOLDER))
        if folder in self.folders:
            into.append(self.rows[self.folders[folder]])
        self.targets[folder] = into
        return into

    def _add_unknown(self, path: str, identity: str) -> None:
        """A folder known as a whole: an entry of the one above, part of the trees around it, of any ending."""
        name = path[:-1]
        above = _parent(name)
        direct = self.rows[self.folders[above]] if above in self.folders else None
        for rows in self._meet(above):
            rows.append((path, _SUBFOLDER if rows is direct else identity))
        for suffix in self.suffixes:
            self.rows[f"files *{suffix}"].append((path, identity))

    def _add_what_stands_above(self) -> None:
        """What is read below a link, a file or a folder known as a whole depends on that."""
        cache: dict[str, _Rows] = {ROOT: []}
        for labels, is_file in ((self.files, True), (self.folders, False), (self.trees, False)):
            for path, label in labels.items():
                self.rows[label] += self._standing(_parent(path) if is_file else path, cache)
                if is_file and f"{path}/" in self.listing:
                    self.rows[label].append((f"{path}/", self.listing[f"{path}/"]))

    def _standing(self, path: str, cache: dict[str, _Rows]) -> _Rows:
        if path not in cache:
            own = [(name, self.listing[name]) for name in (path, f"{path}/") if name in self.listing]
            cache[path] = self._standing(_parent(path), cache) + own
        return cache[path]


def _digest(rows: _Rows) -> str:
    text = "".join(f"{name}\0{what}\0" for name, what in sorted(rows))
    return hashlib.sha256(os.fsencode(text)).hexdigest()


def _parent(path: str) -> str:
    return path.rpartition("/")[0] or ROOT


def _within(path: str, trees: Set[str]) -> bool:
    """Whether a path is one of ``trees`` or below one."""
    while path not in trees:
        if path == ROOT:
            return False
        path = _parent(path)
    return True


def inside(checkout: Path, path: str | Path) -> str | None:
    """``path`` (absolute, or relative to the checkout) relative to the checkout, ``.`` and ``..`` resolved in the text.

    None if it is not inside. Links on the way are left as they are: see ``through_links``.
    """
    place = os.path.normpath(checkout / path)
    for root in dict.fromkeys((os.path.normpath(checkout.absolute()), os.path.realpath(checkout))):
        if place == root:
            return ROOT
        if place.startswith(root + os.sep):
            return place[len(root) + 1 :]
    return None


def through_links(checkout: Path, reads: Reads) -> Reads:
    """``reads`` and what it leads to by symbolic links inside the checkout: a link's identity is only where it points.

    What a link outside the checkout points to is not seen.
    """
    if ROOT in reads.trees:
        return reads
    found = {"files": set(reads.files), "folders": set(reads.folders), "trees": set(reads.trees)}
    root = Path(os.path.realpath(checkout))
    waiting = [(kind, path) for kind, paths in found.items() for path in paths]
    if reads.suffixes:
        waiting += [("files", path) for path in _links(checkout, ROOT) if path.endswith(reads.suffixes)]
    done: set[tuple[str, str]] = set()
    while waiting:
        kind, path = waiting.pop()
        if (kind, path) in done:
            continue
        done.add((kind, path))
        found["files"].update(_links_on_the_way(checkout, path))
        real = inside(root, os.path.realpath(checkout / path))
        if real is None:
            continue
        if real != path:
            found[kind].add(real)
            waiting.append((kind, real))
        elif kind == "trees":
            waiting += [("trees" if (checkout / link).is_dir() else "files", link) for link in _links(checkout, path)]
        elif kind == "folders":
            waiting += [("files", link) for link in _direct_links(checkout, path)]
    return Reads.of(**found, suffixes=reads.suffixes)


def _links_on_the_way(checkout: Path, path: str) -> Iterator[str]:
    parts = path.split("/")
    for count in range(1, len(parts) + 1):
        place = "/".join(parts[:count])
        if place != ROOT and (checkout / place).is_symlink():
            yield place


def _links(checkout: Path, tree: str) -> Iterator[str]:
    for base, folders, names in os.walk(checkout / tree):
        if base == os.fspath(checkout) and ".git" in folders:
            folders.remove(".git")
        for name in (*folders, *names):
            place = Path(base, name)
            if place.is_symlink():
                yield place.relative_to(checkout).as_posix()


def _direct_links(checkout: Path, folder: str) -> Iterator[str]:
    try:
        with os.scandir(checkout / folder) as entries:
            names = [entry.name for entry in entries if entry.is_symlink()]
    except OSError:
        return
    yield from (name if folder == ROOT else f"{folder}/{name}" for name in names)
