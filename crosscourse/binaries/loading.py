"""What the programs of a root filesystem need of it, found as glibc's loader would find it there.

Sources: ld.so(8); how names are matched and in which order folders are looked through, glibc's elf/dl-load.c
(_dl_map_object), and versions, elf/dl-version.c (match_symbol). Debian's default folders:
https://wiki.debian.org/Multiarch/Tuples. Not followed: LD_LIBRARY_PATH, LD_PRELOAD, glibc-hwcaps.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from crosscourse.binaries.elf import ElfFacts
from crosscourse.binaries.trees import Tree

TUPLES = {
    "EM_ARM": "arm-linux-gnueabihf",
    "EM_AARCH64": "aarch64-linux-gnu",
    "EM_X86_64": "x86_64-linux-gnu",
    "EM_386": "i386-linux-gnu",
    "EM_RISCV": "riscv64-linux-gnu",
    "EM_PPC64": "powerpc64le-linux-gnu",
    "EM_S390": "s390x-linux-gnu",
    "EM_MIPS": "mips64el-linux-gnuabi64",
}
"""Debian's name of the folder that libraries for a machine are in."""
SOFT_FLOAT = {"EM_ARM": "arm-linux-gnueabi"}
"""The same, of files that say that they pass floats in no registers of their own."""
CONFIGURATION = "etc/ld.so.conf"
# The loader reads no configuration but this, which ldconfig made of it.
_CACHE = "etc/ld.so.cache"
_EXECUTABLE = 0o111


@dataclass(frozen=True, kw_only=True)
class Lacking:
    """What ``name`` needs and is not there. ``found``: what is there in its place, in words."""

    name: str
    what: Literal["loader", "library", "version"]
    wanted: str
    found: str


@dataclass(kw_only=True, eq=False)
class _Loaded:
    """A file in memory. ``path``: as it was found; ``by``: whatever asked for it, None for the first."""

    name: str
    path: str
    facts: ElfFacts
    by: _Loaded | None = None


@dataclass(kw_only=True)
class _Loader:
    """The loader of one tree. ``beside``: of files that are loaded by some program, by what they are called."""

    tree: Tree
    folders: dict[str, tuple[str, ...]] = field(default_factory=dict)
    known: dict[tuple[str, str, int], tuple[str, str] | None] = field(default_factory=dict)
    beside: dict[str, _Loaded] = field(default_factory=dict)
    loaded: set[str] = field(default_factory=set)

    def all_loaded(self, first: _Loaded) -> tuple[dict[str, _Loaded], list[_Loaded], list[Lacking]]:
        """What comes into memory with ``first``: by what it is called, in the order of loading, and what is lacking."""
        called: dict[str, _Loaded] = {}
        by_file = {first.name: first}
        order, lacking = [first], []
        interpreter = self._interpreter(first.facts)
        if interpreter is not None:
            _call(called, interpreter)
            by_file[interpreter.name] = interpreter
        for each in order:  # grows: breadth first
            for wanted in each.facts.needed:
                if wanted in called:
                    continue
                found = self._search(wanted, each)
                if found is None and first.facts.interpreter is None:
                    # A plug-in finds what the program that loads it has loaded before.
                    other = self.beside.get(wanted)
                    found = (other.name, other.path) if other is not None else None
                if found is None:
                    lacking.append(Lacking(name=each.name, what="library", wanted=wanted, found="not there"))
                    continue
                name, path = found
                if name not in by_file:
                    by_file[name] = _Loaded(name=name, path=path, facts=self.tree.elf[name], by=each)
                    order.append(by_file[name])
                called[wanted] = by_file[name]
                _call(called, by_file[name])
        return called, order, lacking

    def _interpreter(self, facts: ElfFacts) -> _Loaded | None:
        member = self.tree.file(facts.interpreter) if facts.interpreter else None
        if member is None or member.name not in self.tree.elf:
            return None
        return _Loaded(name=member.name, path=str(facts.interpreter), facts=self.tree.elf[member.name])

    def _search(self, wanted: str, by: _Loaded) -> tuple[str, str] | None:
        """The name and the path of the library that is called ``wanted``."""
        facts = by.facts
        if "/" in wanted:
            return self._usable(wanted, facts)
        own = list(_own_folders(by))
        for folder, origin in own:
            if found := self._usable(f"{_expanded(folder, origin, facts)}/{wanted}", facts):
                return found
        key = (wanted, _tuple(facts) or facts.machine, facts.class_)
        if key not in self.known:
            paths = (f"{folder}/{wanted}" for folder in self._default(facts))
            self.known[key] = next(filter(None, (self._usable(path, facts) for path in paths)), None)
        return self.known[key]

    def _usable(self, path: str, facts: ElfFacts) -> tuple[str, str] | None:
        """The library there, if it is one for the same machine; the loader passes over others."""
        name = self.tree.find(path)
        found = self.tree.elf.get(name) if name else None
        if name and found and (found.machine, found.class_, found.type) == (facts.machine, facts.class_, "ET_DYN"):
            return name, path
        return None

    def _default(self, facts: ElfFacts) -> tuple[str, ...]:
        of_machine = _tuple(facts)
        if of_machine not in self.folders:
            cached = configured_folders(self.tree) if _CACHE in self.tree.members else ()
            multiarch = (f"/lib/{of_machine}", f"/usr/lib/{of_machine}") if of_machine else ()
            self.folders[of_machine] = (*cached, *multiarch, "/lib", "/usr/lib")
        return self.folders[of_machine]


def _call(called: dict[str, _Loaded], each: _Loaded) -> None:
    if each.facts.dynamic.soname:
        called.setdefault(each.facts.dynamic.soname, each)


def _own_folders(by: _Loaded) -> Iterator[tuple[str, _Loaded]]:
    """The folders that files themselves name, each with the file that does.

    RPATH, of the file and of what asked for it, all the way up, unless the file has a RUNPATH; that is its own only.
    """
    if by.facts.dynamic.runpath:
        yield from ((folder, by) for folder in by.facts.dynamic.runpath)
        return
    each: _Loaded | None = by
    while each is not None:
        if not each.facts.dynamic.runpath:
            yield from ((folder, each) for folder in each.facts.dynamic.rpath)
        each = each.by


def _tuple(facts: ElfFacts) -> str:
    """Debian's name of the folder of libraries for a file; empty for a machine that is not known."""
    soft = SOFT_FLOAT.get(facts.machine) if facts.float_flags == "soft" else None
    return soft or TUPLES.get(facts.machine, "")


def _expanded(folder: str, origin: _Loaded, facts: ElfFacts) -> str:
    """With what $ORIGIN and $LIB stand for."""
    place = origin.path.rpartition("/")[0]
    library = "/".join(filter(None, ("lib", _tuple(facts))))
    for name, value in (("ORIGIN", place), ("LIB", library)):
        folder = folder.replace(f"${{{name}}}", value).replace(f"${name}", value)
    return folder


def configured_folders(tree: Tree, path: str = f"/{CONFIGURATION}", depth: int = 0) -> tuple[str, ...]:
    """The folders of ld.so.conf and of what it includes, as ldconfig(8) reads them."""
    member = tree.file(path)
    folders: list[str] = []
    for line in member.content.decode(errors="replace").splitlines() if member and depth < 4 else ():
        words = line.partition("#")[0].split()
        if words[:1] == ["include"]:
            for pattern in words[1:]:
                beside = pattern if pattern.startswith("/") else f"/etc/{pattern}"
                for name in sorted(fnmatch.filter(tree.members, beside.lstrip("/"))):
                    folders += configured_folders(tree, f"/{name}", depth + 1)
        else:
            folders += (word for word in words if word.startswith("/"))
    return tuple(folders)


def lacking(tree: Tree) -> tuple[Lacking, ...]:
    """All that is needed by the ELF files of a tree and is not in it, each thing once, by name.

    What no program loads by itself is taken for a plug-in: it may also need what programs of the tree load.
    """
    loader = _Loader(tree=tree)
    found: dict[Lacking, None] = {}
    programs = [name for name, facts in tree.elf.items() if facts.interpreter is not None]
    for name in programs:
        found |= dict.fromkeys(_loader_lacking(tree, name))
        found |= dict.fromkeys(_all_lacking(loader, name))
    for name, facts in tree.elf.items():
        if facts.interpreter is None and facts.needed and name not in loader.loaded:
            found |= dict.fromkeys(_all_lacking(loader, name))
    return tuple(sorted(found, key=lambda each: (each.name, each.what, each.wanted)))


def _all_lacking(loader: _Loader, name: str) -> Iterator[Lacking]:
    facts = loader.tree.elf[name]
    called, order, without = loader.all_loaded(_Loaded(name=name, path=f"/{name}", facts=facts))
    yield from without
    for each in order:
        yield from _versions_lacking(each, called)
    if facts.interpreter is not None:
        loader.loaded.update(each.name for each in order)
        for call, each in called.items():
            loader.beside.setdefault(call, each)


def _versions_lacking(each: _Loaded, called: dict[str, _Loaded]) -> Iterator[Lacking]:
    for library, versions in each.facts.dynamic.versions_needed:
        if library not in called:
            continue  # lacking as a whole
        there = called[library].facts.dynamic.versions
        absent = [version for version in versions if version not in there]
        if absent:
            found = f"/{called[library].name} has {'others' if there else 'none'}"
            yield Lacking(name=each.name, what="version", wanted=f"{', '.join(absent)} of {library}", found=found)


def _loader_lacking(tree: Tree, name: str) -> Iterator[Lacking]:
    facts = tree.elf[name]
    wanted = str(facts.interpreter)
    member = tree.file(wanted)
    found = "not there"
    if member is not None:
        loader = tree.elf.get(member.name)
        if loader is None:
            found = "no ELF file"
        elif (loader.machine, loader.class_) != (facts.machine, facts.class_):
            found = f"one for {loader.machine} of {loader.class_} bit"
        elif not member.mode & _EXECUTABLE:
            found = f"not executable (mode {member.mode:04o})"
        else:
            return
    yield Lacking(name=name, what="loader", wanted=wanted, found=found)
