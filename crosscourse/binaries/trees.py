"""Root filesystems as they are in an archive: members by name, and where a path leads when links are followed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from crosscourse.binaries.elf import ElfFacts

Kind = Literal["file", "folder", "link", "hard link", "device"]
"""``device``: devices, named pipes, and whatever else is none of the others."""
SCRIPT = b"#!"
MAX_FIRST_LINE = 256
"""What the kernel reads of a script (binfmts.h, BINPRM_BUF_SIZE)."""
# As many as the kernel follows (path_resolution(7)).
MAX_LINKS = 40
TOPS = frozenset(
    {"bin", "boot", "dev", "etc", "home", "lib", "lib32", "lib64", "libx32", "media", "mnt", "opt", "proc",
     "root", "run", "sbin", "srv", "sys", "tmp", "usr", "var"}
)  # fmt: skip
"""The top of a root filesystem: https://refspecs.linuxfoundation.org/FHS_3.0/, chapter 3, and /proc and /sys."""


class Member(NamedTuple):
    """A member of an archive. ``name``: without ``./`` and the like; as text that may have what can't be printed.

    ``mode``: permission bits. ``owner``: user and group, by number. ``to``: of links, of hard ones a member's name.
    ``content``: of a script the beginning, of others all of it where it was asked for.
    """

    name: str
    kind: Kind
    mode: int = 0o644
    owner: tuple[int, int] = (0, 0)
    size: int = 0
    to: str = ""
    content: bytes = b""


def inner_name(name: str) -> str:
    """The path of a member below the top, in the one form that there is of it; ``..`` stays."""
    if name.startswith(("/", ".")) or name.endswith("/") or "//" in name or "/." in name:
        return "/".join(part for part in name.split("/") if part not in ("", "."))
    return name


@dataclass(frozen=True, kw_only=True, eq=False)
class Tree:
    """A root filesystem. ``members``: by name; hard links are what they lead to. ``elf``: the facts of ELF files."""

    members: Mapping[str, Member]
    elf: Mapping[str, ElfFacts]
    folders: frozenset[str]
    _known: dict[str, str | None] = field(default_factory=dict)

    def find(self, path: str, *, beside: str = "") -> str | None:
        """The name of what a path leads to when all links are followed, as in a chroot; None if that is nothing.

        ``beside``: the folder that a relative path begins in. The top itself is called "".
        """
        known = f"{beside}\0{path}"
        if known not in self._known:
            self._known[known] = self._find(path, beside)
        return self._known[known]

    def _find(self, path: str, beside: str) -> str | None:
        done = [] if path.startswith("/") or not beside else beside.split("/")
        rest = path.split("/")[::-1]
        links = 0
        while rest:
            part = rest.pop()
            if part == "..":
                del done[-1:]
            elif part not in ("", "."):
                name = "/".join((*done, part))
                member = self.members.get(name)
                if member is not None and member.kind == "link":
                    links += 1
                    if links > MAX_LINKS:
                        return None
                    if member.to.startswith("/"):
                        done = []
                    rest += member.to.split("/")[::-1]
                elif name in self.folders or (member is not None and not rest):
                    done.append(part)
                else:
                    return None
        return "/".join(done)

    def file(self, path: str, *, beside: str = "") -> Member | None:
        """The regular file that a path leads to; None if there is none."""
        found = self.members.get(self.find(path, beside=beside) or "")
        return found if found is not None and found.kind == "file" else None

    @property
    def size(self) -> int:
        """Bytes of all files; one with several names counts once."""
        return sum(member.size for member in self.members.values() if member.kind == "file")


def looks_like_root(names: Iterable[str]) -> bool:
    """Whether an archive with these members is a root filesystem: two at least of the folders that one has."""
    return len({name.partition("/")[0] for name in names} & TOPS) >= 2


def make_tree(found: Iterable[tuple[Member, ElfFacts | None]]) -> Tree:
    """The tree of an archive's members, in its order, each with the facts that it has as an ELF file.

    Of a name that comes twice the last counts, as when the archive is unpacked.
    """
    members: dict[str, Member] = {}
    elf: dict[str, ElfFacts] = {}
    for member, own_facts in found:
        name, facts = member.name, own_facts
        elf.pop(name, None)
        if member.kind == "hard link" and (first := members.get(member.to)) is not None:
            # Its size is the first one's.
            members[name] = first._replace(name=name, size=0)
            facts = elf.get(member.to)
        else:
            members[name] = member
        if facts is not None:
            elf[name] = facts
    folders = {name for name, member in members.items() if member.kind == "folder"} | {""}
    for name in members:
        while (name := name.rpartition("/")[0]) and name not in folders and name not in members:
            folders.add(name)
    return Tree(members=members, elf=elf, folders=frozenset(folders))
