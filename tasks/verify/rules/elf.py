"""About the ELF header: the machine, and what kind of file it is."""

from __future__ import annotations

from collections.abc import Iterator

from tasks.verify.engine import Finding, Rule, Subject, each_file
from toolchains.targets import Expected


def _machine(subject: Subject, target: Expected) -> Iterator[Finding]:
    if subject.facts.machine != target.elf.machine:
        yield Finding(subject.facts.machine, target.elf.machine)


MACHINE = Rule(
    id="machine",
    title="made for the target's machine",
    why="A program for another machine ends with 'exec format error'.",
    check=each_file(_machine),
)


def _class(subject: Subject, target: Expected) -> Iterator[Finding]:
    if subject.facts.class_ != target.elf.class_:
        yield Finding(f"{subject.facts.class_} bit", f"{target.elf.class_} bit")


CLASS = Rule(
    id="class",
    title="32 or 64 bit, as the target",
    why="A kernel without support for the other width refuses the program.",
    check=each_file(_class),
)


def _endianness(subject: Subject, target: Expected) -> Iterator[Finding]:
    if subject.facts.endianness != target.elf.endianness:
        yield Finding(subject.facts.endianness, target.elf.endianness)


ENDIANNESS = Rule(
    id="endianness",
    title="the target's byte order",
    why="The kernel refuses a program of the other byte order.",
    check=each_file(_endianness),
)


def _type(subject: Subject, _target: Expected) -> Iterator[Finding]:
    if subject.facts.type not in ("ET_EXEC", "ET_DYN"):
        yield Finding(subject.facts.type, "ET_EXEC or ET_DYN")


TYPE = Rule(
    id="type",
    title="a program or a shared library",
    why="Object files and core dumps are left-overs of a build: the kernel can't start them.",
    check=each_file(_type),
    scope="own",
)
