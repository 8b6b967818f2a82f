"""About what a program needs beside itself."""

from __future__ import annotations

from collections.abc import Iterator

from crosscourse.binaries.elf import ElfFacts
from tasks.verify.engine import Finding, Rule, Subject, each_file
from tasks.verify.rules.facts import UNKNOWN
from toolchains.targets import Expected

PREFIX = "GLIBC_"
GLIBC = (
    *("libc.so.", "libm.so.", "libpthread.so.", "libdl.so.", "librt.so.", "libresolv.so.", "libutil.so."),
    *("ld-linux", "ld64.so.", "ld.so."),
)
"""What the names of glibc's own libraries, and of its loader, begin with
(https://sourceware.org/git/?p=glibc.git;a=blob;f=shlib-versions)."""


def _others(facts: ElfFacts) -> Iterator[str]:
    """The libraries that are needed, and are not glibc's."""
    return (library for library in facts.needed if not library.startswith(GLIBC))


def _static(subject: Subject, target: Expected) -> Iterator[Finding]:
    facts = subject.facts
    promised = target.glibc is not None and facts.interpreter is not None
    if facts.static or (promised and not any(_others(facts))):
        return
    loader = [f"loader {facts.interpreter}"] if facts.interpreter else []
    libraries = _others(facts) if target.glibc else facts.needed
    expected = "static, or nothing but glibc" if target.glibc else "static"
    yield Finding(", ".join([*loader, *(f"needs {library}" for library in libraries)]), expected)


STATIC = Rule(
    id="static",
    title="statically linked, or nothing needed but glibc where the release promises one",
    why="A distribution brings no libraries: what needs a loader or a library fails on a host that has another libc.",
    check=each_file(_static),
    scope="own",
)


def _number(version: str) -> tuple[int, ...] | None:
    """``2.34`` as numbers that can be compared; None for what is no number."""
    parts = version.split(".")
    return tuple(map(int, parts)) if all(part.isdecimal() for part in parts) else None


def _glibc(subject: Subject, target: Expected) -> Iterator[Finding]:
    if target.glibc is None or subject.facts.static:
        return
    promise = _number(target.glibc)
    assert promise is not None  # by the type of its key
    wanted = {name for library, names in subject.facts.dynamic.versions_needed for name in names}
    versions = {name: _number(name.removeprefix(PREFIX)) for name in wanted if name.startswith(PREFIX)}
    expected = f"at most {PREFIX}{target.glibc}"
    if not versions:
        yield Finding(f"{UNKNOWN}: no versions of symbols", expected)
    for name, version in sorted(versions.items()):
        # GLIBC_PRIVATE is for glibc's own parts, and changes as it likes.
        if version is None or version > promise:
            yield Finding(name, expected)


GLIBC_FLOOR = Rule(
    id="glibc",
    title="no newer symbols of glibc than the release promises to do with",
    why=(
        "A program that was linked against a newer glibc than a machine has does not start there: 'version GLIBC_2.38 "
        "not found'. Read from the versions of symbols that it needs (.gnu.version_r)."
    ),
    check=each_file(_glibc),
    scope="own",
)
