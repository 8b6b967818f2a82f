"""What decides what a C compiler makes, whichever it is: a part of the specs of all that is made by one."""

from __future__ import annotations

import msgspec

from crosscourse.manifest.locks import Pinned


class Compiler(msgspec.Struct, frozen=True, kw_only=True):
    """A C compiler for a target.

    ``name``: its module, see ``toolchains.c.compilers``. ``tools``: those of the toolchain that it is made of.
    ``words``: what it is told of the target; ``flags``: what all calls share, compiling or linking, from C or from Go;
    ``static``: what makes a link static; empty for one that is not. ``prefix``: what stands before the names of its
    programs. ``identity``: what it says of itself, where it is not pinned; empty if it is not there.
    ``glibc``: whether that is its C library.
    """

    name: str
    tools: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    flags: tuple[str, ...]
    static: tuple[str, ...]
    prefix: str = ""
    identity: str = ""
    glibc: bool = False


class Unpacked(msgspec.Struct, frozen=True, kw_only=True):
    """What of a compiler is unpacked from Debian packages.

    ``title``: for people. ``tool``: what it is called among the tools. ``scripts``: texts of what is called, in
    ``bin`` of the tree, by name; ``program``: the one that is the compiler. ``linker``: what static links need.
    ``libraries``: the folder of the tree that has the C library in ``lib``, as a target has it in its root.
    """

    title: str
    tool: str
    packages: Pinned
    scripts: dict[str, str]
    program: str
    linker: str
    libraries: str


LIBRARIES = "libraries"
"""What that folder is called among the things that an unpacked compiler provides."""
