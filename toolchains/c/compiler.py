"""What decides what a C compiler makes, whichever it is: a part of the specs of all that is made by one."""

from __future__ import annotations

import msgspec


class Compiler(msgspec.Struct, frozen=True, kw_only=True):
    """A C compiler for a target.

    ``name``: its module, see ``toolchains.c.compilers``. ``tools``: those of ``[toolchain]`` that it is made of.
    ``words``: what it is told of the target; ``flags``: what all calls share, compiling or linking, from C or from Go;
    ``static``: what makes a link static. ``prefix``: what stands before the names of its programs, where they are not
    of a tool. ``identity``: what it says of itself, where it is not pinned; empty if it is not there.
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
