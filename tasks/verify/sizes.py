"""How large a root filesystem is, and what makes it so.

By packages, where the tree keeps dpkg's lists of what each installed: in ``var/lib/dpkg/info``, as dpkg does, or in
``var/lib/dpkg/status.d``, as images without dpkg have it (https://github.com/GoogleContainerTools/distroless). Else by
folders, since of a file nothing tells which package it came in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from crosscourse.binaries.trees import Member, Tree

LARGEST = 10
_FOLDERS = ("var/lib/dpkg/info/", "var/lib/dpkg/status.d/")
# dpkg's two sorts of list: names, and names behind digests.
_ENDINGS = (".list", ".md5sums")
_OTHER = ""


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """``packed``, ``unpacked``: bytes. ``largest``: of what ``by`` says, name and bytes, the largest first; ``groups``:
    how many of those there are. ``other``: bytes that are in none of them.
    """

    packed: int
    unpacked: int
    by: Literal["package", "folder"]
    largest: tuple[tuple[str, int], ...]
    groups: int
    other: int


def is_list(name: str) -> bool:
    """Whether a member is a list of what a package has installed."""
    return name.startswith(_FOLDERS) and name.endswith(_ENDINGS)


def sizes_of(tree: Tree, packed: int) -> Sizes:
    """The sizes of a tree whose archive has ``packed`` bytes. Contents of lists must have been kept."""
    files = [member for member in tree.members.values() if member.kind == "file" and member.size]
    packages = dict(_packages(tree))
    groups: Counter[str] = Counter()
    for member in files:
        groups[packages.get(member.name, _OTHER) if packages else _folder(member.name)] += member.size
    other = groups.pop(_OTHER, 0)
    largest = sorted(groups.items(), key=lambda group: (-group[1], group[0]))
    return Sizes(
        packed=packed,
        unpacked=tree.size,
        by="package" if packages else "folder",
        largest=tuple(largest[:LARGEST]),
        groups=len(groups),
        other=other,
    )


def _packages(tree: Tree) -> Iterator[tuple[str, str]]:
    """Each file of a list, with its package."""
    for name, member in tree.members.items():
        if is_list(name):
            package = name.rpartition("/")[2].rpartition(".")[0].partition(":")[0]
            for path in _listed(name, member):
                found = tree.file(f"/{path}")
                if found is not None:
                    yield found.name, package


def _listed(name: str, member: Member) -> Iterator[str]:
    for line in member.content.decode(errors="surrogateescape").splitlines():
        # md5sum(1): the digest, two spaces, the name.
        yield (line if name.endswith(".list") else line[34:]).lstrip("/")


def _folder(name: str) -> str:
    parts = name.split("/")[:-1]
    return "/".join(parts[: 3 if parts[:1] == ["usr"] else 2]) or "/"
