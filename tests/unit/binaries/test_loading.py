"""What is lacking in root filesystems, as glibc's loader would find it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import pytest

from crosscourse.binaries.elf import ElfFacts, read_elf
from crosscourse.binaries.loading import configured_folders, lacking
from crosscourse.binaries.trees import Member, Tree, make_tree
from tests.unit.helpers_elf import AARCH64, ARM, X86_64, build_elf

LOADER = "/lib/ld-linux-armhf.so.3"
Made = dict[str, Any]
Content = Mapping[str, Made | str | bytes]


def facts(made: Made) -> ElfFacts:
    return read_elf(io.BytesIO(build_elf(**made)), "x")


def program(*needed: str, **made: Any) -> Made:
    return {"type": 3, "pie": True, "interpreter": LOADER, "needed": needed} | made


def library(name: str, *needed: str, **made: Any) -> Made:
    return {"type": 3, "soname": name, "needed": needed} | made


def tree(content: Content, mode: int = 0o755) -> Tree:
    """ELF files, links (text) and files (bytes), with a loader."""
    found: list[tuple[Member, ElfFacts | None]] = []
    for name, made in {LOADER[1:]: library("ld-linux-armhf.so.3"), **content}.items():
        if isinstance(made, str):
            found.append((Member(name, "link", to=made), None))
        elif isinstance(made, bytes):
            found.append((Member(name, "file", content=made), None))
        else:
            found.append((Member(name, "file", mode=mode), facts(made)))
    return make_tree(found)


def found_in(content: Content) -> list[tuple[str, str, str]]:
    return [(each.name, each.what, each.wanted) for each in lacking(tree(content))]


C = library("libc.so.6", "ld-linux-armhf.so.3", versions=("GLIBC_2.4",))


@pytest.mark.parametrize(
    "content",
    [
        {"lib/arm-linux-gnueabihf/libc.so.6": C},
        {"usr/lib/arm-linux-gnueabihf/libc.so.6": C},
        {"lib/libc.so.6": C},
        {"usr/lib/libc.so.6": C},
        {"usr/lib/libc.so.6": "../../opt/libc-2.so", "opt/libc-2.so": C},
        {"usr/lib/libc.so.6": "/opt/libc-2.so", "opt/libc-2.so": C},
        {"opt/libc.so.6": C, "etc/ld.so.conf": b"/opt\n", "etc/ld.so.cache": b"x"},
        {"lib/arm-linux-gnueabihf/libc.so.6": C | {"machine": AARCH64}, "usr/lib/libc.so.6": C},
        {"lib/arm-linux-gnueabihf/libc.so.6": b"INPUT(libc.so)", "usr/lib/libc.so.6": C},
    ],
)
def test_default_folders(content: Content) -> None:
    made = program("libc.so.6", versions_needed={"libc.so.6": ("GLIBC_2.4",)})
    assert found_in({"usr/bin/x": made, **content}) == []


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"opt/libc.so.6": C},
        {"opt/libc.so.6": C, "etc/ld.so.conf": b"/opt\n"},
        {"lib/aarch64-linux-gnu/libc.so.6": C},
        {"usr/lib/libc.so.6": "/nowhere/libc.so.6"},
        {"usr/lib/libc.so.6": C | {"machine": AARCH64}},
        {"usr/lib/libc.so.6": C | {"bits": 64}},
        {"usr/lib/libc.so.6": C | {"type": 1}},
        {"usr/lib/libc.so.6": b"text"},
    ],
)
def test_a_library_that_is_not_there(content: Content) -> None:
    """Nowhere; where the loader does not look (no ld.so.cache); for another machine; no library."""
    expected = ("usr/bin/x", "library", "libc.so.6")
    assert expected in found_in({"usr/bin/x": program("libc.so.6"), **content})


@pytest.mark.parametrize(
    ("machine", "bits", "folder"),
    [(AARCH64, 64, "aarch64-linux-gnu"), (X86_64, 64, "x86_64-linux-gnu"), (3, 32, "i386-linux-gnu"),
     (ARM, 32, "arm-linux-gnueabihf"), (243, 64, "riscv64-linux-gnu")],
)  # fmt: skip
def test_folders_of_architectures(machine: int, bits: int, folder: str) -> None:
    kind = {"machine": machine, "bits": bits, "tags": None}
    content = {
        LOADER[1:]: library("ld", **kind), "bin/x": program("a.so", **kind), f"lib/{folder}/a.so": library("a", **kind),
    }  # fmt: skip
    assert found_in(content) == []


def test_files_with_soft_floats_look_elsewhere() -> None:
    made = {"flags": 0x5000200, "tags": None}
    content = {
        LOADER[1:]: library("ld", **made),
        "bin/x": program("a.so", **made),
        "lib/arm-linux-gnueabi/a.so": library("a", **made),
        "bin/hard": program("a.so"),
    }
    assert found_in(content) == [("bin/hard", "library", "a.so")]


@pytest.mark.parametrize(
    ("made", "place", "there"),
    [
        ({"rpath": "/opt/lib"}, "opt/lib", True),
        ({"runpath": "/nowhere:/opt/lib"}, "opt/lib", True),
        ({"runpath": "$ORIGIN/../lib64"}, "usr/lib64", True),
        ({"runpath": "${ORIGIN}/../lib64"}, "usr/lib64", True),
        ({"rpath": "/opt/$LIB"}, "opt/lib/arm-linux-gnueabihf", True),
        ({"runpath": "$ORIGIN"}, "usr/bin", True),
        ({"runpath": "$ORIGIN"}, "opt", False),
        # RPATH counts for nothing where there is a RUNPATH.
        ({"rpath": "/opt/lib", "runpath": "/other"}, "opt/lib", False),
    ],
)
def test_folders_of_the_file_itself(made: Made, place: str, there: bool) -> None:
    content = {"usr/bin/x": program("liba.so", **made), f"{place}/liba.so": library("liba.so")}
    assert found_in(content) == ([] if there else [("usr/bin/x", "library", "liba.so")])


@pytest.mark.parametrize(
    ("of_program", "of_library", "there"),
    [
        ({"rpath": "/opt"}, {}, True),
        # RUNPATH is a file's own; and what has one does not ask for the RPATH of others.
        ({"runpath": "/opt"}, {}, False),
        ({"rpath": "/opt"}, {"runpath": "/other"}, False),
        ({"runpath": "/opt"}, {"rpath": "/opt"}, True),
        ({"rpath": "/opt", "runpath": "/first"}, {}, False),
    ],
)
def test_what_a_library_needs_is_looked_for_where_the_program_says(
    of_program: Made, of_library: Made, there: bool
) -> None:
    content: Content = {
        "bin/x": program("liba.so", **of_program),
        "first/liba.so": "/opt/liba.so",
        "opt/liba.so": library("liba.so", "libb.so", **of_library),
        "opt/libb.so": library("libb.so"),
    }
    assert found_in(content) == ([] if there else [("opt/liba.so", "library", "libb.so")])


def test_origin_of_a_program_behind_a_link_is_where_it_is() -> None:
    content: Content = {
        "usr/bin/x": "../lib/y/x",
        "usr/lib/y/x": program("liba.so", runpath="$ORIGIN"),
        "usr/lib/y/liba.so": library("liba.so"),
    }
    assert found_in(content) == []


def test_a_library_that_is_loaded_is_found_by_its_own_name() -> None:
    content = {
        "bin/x": program("liba.so", "libb.so", rpath="/one", runpath="/one:/two"),
        "one/liba.so": library("libreal.so.1"),
        "two/libb.so": library("libb.so", "libreal.so.1"),
    }
    assert found_in(content) == []


def test_a_library_may_need_the_loader_which_is_loaded_wherever_it_is() -> None:
    content = {
        "lib64/ld-x.so": library("ld-x.so"),
        "bin/x": program("libc.so.6", interpreter="/lib64/ld-x.so"),
        "lib/libc.so.6": library("libc.so.6", "ld-x.so"),
    }
    assert found_in(content) == []


def test_a_needed_path() -> None:
    assert found_in({"bin/x": program("/opt/liba.so"), "opt/liba.so": library("liba.so")}) == []
    assert found_in({"bin/x": program("/opt/liba.so")}) == [("bin/x", "library", "/opt/liba.so")]


def test_plug_ins_have_what_programs_load() -> None:
    content = {
        "bin/x": program("libp.so", rpath="/private"),
        "private/libp.so": library("libp.so"),
        "plug/in.so": library("in.so", "libp.so"),
    }
    assert found_in(content) == []
    del content["bin/x"]
    assert found_in(content) == [("plug/in.so", "library", "libp.so")]


@pytest.mark.parametrize(
    ("has", "lacking_versions"),
    [(("A_1", "A_2", "A_3"), None), (("A_1",), "A_2, A_3"), ((), "A_2, A_1, A_3")],
    ids=["all", "others", "none"],
)
def test_versions_of_symbols(has: tuple[str, ...], lacking_versions: str | None) -> None:
    content = {
        "bin/x": program("liba.so", versions_needed={"liba.so": ("A_2", "A_1", "A_3", "?A_9")}),
        "lib/liba.so": library("liba.so", versions=has),
    }
    found = [(each.name, each.what, each.wanted, each.found) for each in lacking(tree(content))]
    there = f"/lib/liba.so has {'others' if has else 'none'}"
    assert found == ([("bin/x", "version", f"{lacking_versions} of liba.so", there)] if lacking_versions else [])


def test_versions_are_asked_of_the_library_that_is_found_first() -> None:
    content = {
        "bin/x": program("liba.so", runpath="/opt", versions_needed={"liba.so": ("A_2",)}),
        "lib/liba.so": library("liba.so", versions=("A_2",)),
        "opt/liba.so": library("liba.so", versions=("A_1",)),
    }
    assert found_in(content) == [("bin/x", "version", "A_2 of liba.so")]


def test_versions_that_a_library_needs() -> None:
    content = {
        "bin/x": program("liba.so"),
        "lib/liba.so": library("liba.so", "libb.so", versions_needed={"libb.so": ("B_2",)}),
        "lib/libb.so": library("libb.so"),
    }
    assert found_in(content) == [("lib/liba.so", "version", "B_2 of libb.so")]


def test_what_a_program_loads_is_not_judged_by_itself_too() -> None:
    """By itself the library would find another one, without the version: but nobody loads it so."""
    content = {
        "bin/x": program("liba.so", rpath="/opt"),
        "opt/liba.so": library("liba.so", "libb.so", versions_needed={"libb.so": ("B_2",)}),
        "opt/libb.so": library("libb.so", versions=("B_2",)),
        "lib/libb.so": library("libb.so", versions=("B_1",)),
    }
    assert found_in(content) == []


@pytest.mark.parametrize(
    ("loader", "found"),
    [
        ({LOADER[1:]: "nowhere"}, "not there"),
        ({LOADER[1:]: b"text"}, "no ELF file"),
        ({LOADER[1:]: {"machine": X86_64, "bits": 64, "tags": None}}, "one for EM_X86_64 of 64 bit"),
        ({LOADER[1:]: {"bits": 64}}, "one for EM_ARM of 64 bit"),
    ],
)
def test_the_loader(loader: Content, found: str) -> None:
    result = lacking(tree({"bin/x": program(), **loader}))
    assert [(each.name, each.what, each.wanted, each.found) for each in result] == [("bin/x", "loader", LOADER, found)]


def test_a_loader_that_is_not_executable() -> None:
    (result,) = lacking(tree({"bin/x": program()}, mode=0o644))
    assert result.found == "not executable (mode 0644)"


def test_a_static_program_needs_nothing() -> None:
    assert found_in({"bin/x": {}, "bin/y": {"type": 3, "pie": True}}) == []


def test_configuration_with_includes_and_comments() -> None:
    made = tree(
        {
            "etc/ld.so.conf": b"# a comment\n/one # another\ninclude /etc/ld.so.conf.d/*.conf\ninclude more\n",
            "etc/ld.so.conf.d/b.conf": b"/three\n",
            "etc/ld.so.conf.d/a.conf": b"/two\n\nnot/absolute\n",
            "etc/ld.so.conf.d/c.old": b"/never\n",
            "etc/more": b"/four\ninclude more\n",
        }
    )
    folders = configured_folders(made)
    assert folders[:4] == ("/one", "/two", "/three", "/four")
    assert "/never" not in folders
