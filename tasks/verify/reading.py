"""What there is to check in a distribution, read in one pass."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from crosscourse.binaries import archives, loading, trees
from crosscourse.binaries.archives import Found
from crosscourse.binaries.elf import ElfError, ElfFacts, read_elf
from crosscourse.binaries.trees import Member
from tasks.verify import embedding
from tasks.verify.embedding import Embedded
from tasks.verify.engine import Contents, Packaged, Root, Subject
from tasks.verify.sizes import is_list, sizes_of

ROOTFS = ("rootfs.tgz", "rootfs.tar")
"""What a root filesystem is called, whatever is in it."""
IMAGE_DEPTH = 2
"""An archive of an image has layers, which are archives."""
OWN_PLACES = ("opt", "usr/local")
"""No package of Debian has files there (https://www.debian.org/doc/debian-policy/, 9.1.1 and 9.1.2, and FHS 3.13)."""


@dataclass(kw_only=True)
class _Archive:
    """An archive as far as it was read. ``packed``: its size as it is."""

    packed: int = 0
    found: list[tuple[Member, ElfFacts | None]] = field(default_factory=list)


def read_contents(
    archive: Path,
    *,
    packaged: Packaged,
    embedded: Embedded,
    elsewhere: tuple[str, ...],
    host: tuple[str, ...],
    image: str = "",
) -> Contents:
    """The ELF files and root filesystems of a distribution.

    A file is Debian's only in a root filesystem that ``packaged`` names, outside the places that packages have nothing
    in, and where ``packaged`` does not say that it is ours; all others are our own. The programs that ``packaged`` and
    ``embedded`` name must be there. ``elsewhere``: files and folders for other machines than the target. ``image``: if
    the archive is one of an image, what its root filesystem is called: all layers are that, and archives in them are
    not looked into. Raises ArchiveError.
    """
    inside: dict[str, _Archive] = {"": _Archive()}
    problems: list[tuple[str, str]] = []
    order: list[tuple[str, Member, ElfFacts]] = []
    pages = {path: tuple(files) for path, files in embedded.items()}
    before: Found | None = None
    seen = {""}
    for read in archives.members(archive, _is_kept, depth=IMAGE_DEPTH if image else archives.MAX_DEPTH):
        found = _of_image(read, image) if image and read.archive else read
        if read.archive not in seen:  # the first of an archive comes behind the archive itself
            seen.add(read.archive)
            packed = before.member.size if before is not None and before.path == read.archive else 0
            inside.setdefault(found.archive, _Archive()).packed += packed
        before = found
        if found.problem:
            problems.append((found.path, found.problem))
            continue
        facts = None
        if found.elf is not None:
            try:
                facts = read_elf(found.elf, found.path)
            except ElfError as exc:
                problems.append((found.path, exc.found))
            else:
                order.append((found.archive, found.member, facts))
                if found.path in embedded:
                    pages[found.path] = tuple(embedding.absent(found.elf, embedded[found.path]))
        inside[found.archive].found.append((found.member, facts))
    roots = {
        path: _root(path, each) for path, each in inside.items() if path and (path == image or _is_root(path, each))
    }
    own, absent = _own_places(roots, packaged)
    subjects = tuple(
        Subject(
            path=archives.path_in(path, member.name),
            mode=member.mode,
            facts=facts,
            own=path not in own or _is_in(member.name, own[path]),
            elsewhere=_is_in((path or member.name).partition(archives.NESTED)[0], elsewhere),
        )
        for path, member, facts in order
    )
    return Contents(
        files=subjects,
        problems=(*problems, *absent),
        absent=tuple((path, file) for path, files in pages.items() for file in files),
        roots=tuple(roots.values()),
        host=host,
    )


def _of_image(found: Found, image: str) -> Found:
    return dataclasses.replace(found, archive=image)


def _is_kept(name: str) -> bool:
    return name.startswith(loading.CONFIGURATION) or is_list(name)


def _is_in(name: str, places: Collection[str]) -> bool:
    return any(name == place or name.startswith(f"{place}/") for place in places)


def _is_root(path: str, archive: _Archive) -> bool:
    return path.endswith(ROOTFS) or trees.looks_like_root(member.name for member, _ in archive.found)


def _root(path: str, archive: _Archive) -> Root:
    tree = trees.make_tree(archive.found)
    return Root(path=path, tree=tree, lacking=loading.lacking(tree), sizes=sizes_of(tree, archive.packed))


def _own_places(roots: dict[str, Root], packaged: Packaged) -> tuple[dict[str, set[str]], list[tuple[str, str]]]:
    """Where in each root filesystem of packages our own files are, links followed; and what is not there."""
    own: dict[str, set[str]] = {}
    absent: list[tuple[str, str]] = []
    for path, ours in packaged.items():
        if path not in roots:
            absent.append((path, "no root filesystem, but the release has one there"))
            continue
        tree = roots[path].tree
        places = (tree.find(f"/{place.lstrip('/')}") for place in (*OWN_PLACES, *ours.places, *ours.programs))
        own[path] = {place for place in places if place}
        for program in (name.lstrip("/") for name in ours.programs):
            if tree.find(f"/{program}") not in tree.elf:
                absent.append((archives.path_in(path, program), "no ELF file, but the release puts one there"))
    return own, absent
