"""What a C program is made of, told by a real compiler's dep-files where there is one to tell."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from crosscourse.engine.reads import WHOLE, Reads
from toolchains.c.dependencies import Included, folders_in, included, parse, reads


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("x.o: x.c a/y.h\n", ["x.c", "a/y.h"]),
        ("x.o: \\\n  x.c \\\n  y.h\n\ny.h:\n", ["x.c", "y.h"]),
        ("x.o: x.c \\\r\n  y.h\r\n", ["x.c", "y.h"]),
        ("a\\ b.o c.o: with\\ space.c cash$$.h \\#hash.h\n", ["with space.c", "cash$.h", "#hash.h"]),
        ("x.o: ends\\\\\\ here.c back\\slash.c x.c x.c\n", ["ends\\ here.c", "back\\slash.c", "x.c"]),
        ("c:x.o : x.c\n", ["x.c"]),
        ("", []),
    ],
)
def test_parse(text: str, paths: list[str]) -> None:
    assert parse(text) == paths


def test_parse_what_a_compiler_writes(tmp_path: Path) -> None:
    compiler = next(found for name in ("cc", "gcc", "clang") if (found := shutil.which(name)))
    write(tmp_path, {"a $b.c": '#include "sub/c #d.h"\n', "sub/c #d.h": '#include "../e.h"\n', "e.h": ""})
    command = [compiler, "-MD", "-MP", "-MF", "x.d", "-c", "a $b.c", "-o", "x y.o"]
    subprocess.run(command, cwd=tmp_path, check=True)
    read = [path for path in parse((tmp_path / "x.d").read_text()) if not path.startswith("/")]  # what libc adds
    assert read == ["a $b.c", "sub/c #d.h", "sub/../e.h"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('#include "a.h"\n  #  include <b.h> // why\n', Included(quoted=frozenset(["a.h"]), angled=frozenset(["b.h"]))),
        ('#inc\\\nlude "a.h"\n', Included(quoted=frozenset(["a.h"]))),
        ('/* x */ # /* y */ include_next /* z */ <a.h>\n', Included(angled=frozenset(["a.h"]))),
        ('a comment ends */ #include "a.h"\n', Included(quoted=frozenset(["a.h"]))),
        ('#if __has_include("a") && 1\n', Included(quoted=frozenset(["a"]))),
        ("#if __has_include( <a> ) || __has_embed(<b>)\n", Included(angled=frozenset(["a", "b"]))),
        ("#include FT_FREETYPE_H\n", Included(unclear=True)),
        ("#if __has_include(HEADER)\n", Included(unclear=True)),
        ("#ifdef __has_include\n#error include it\n#define include 1\n", Included()),
        ('__asm__(".incbin \\"x\\"");\n', Included(unclear=True)),
        ("int includes; // #include FOO\n", Included()),
    ],
)  # fmt: skip
def test_included(text: str, expected: Included) -> None:
    assert included(text) == expected


@pytest.mark.parametrize(
    ("flags", "folders"),
    [
        (["-O2", "-Iinclude", "-I", "src", "-isystem", "sys", "-Llib", "-lfoo"], ["include", "src", "sys", "lib"]),
        (['-DX="a/b"', "-D", "Y", "-Umips", "-ffile-prefix-map=/a=/b"], []),
        (["-fvisibility=hidden", "-std=gnu11", "-march=armv8.2-a+fp", "-Wall", "-Wno-error=x", "-pthread"], []),
        (["-Wl,-z,noexecstack,--gc-sections", "lib/libx.a"], ["lib"]),
        (["-include", "x.h"], None),
        (["@flags"], None),
        (["-l:libx.a.1"], None),
        (["-Wl,-T,script"], None),
        (["-Wl,--version-script=x"], None),
        (["-fprofile-use=x"], None),
        (["-fplugin=x"], None),
        (["-Tscript.ld"], None),
        (["-I"], None),
    ],
)  # fmt: skip
def test_folders_in(flags: list[str], folders: list[str] | None) -> None:
    assert folders_in(flags) == folders


def test_the_trees_of_what_was_read_and_of_where_it_was_looked_for(tmp_path: Path) -> None:
    write(tmp_path, {"src/main.c": '#include "a.h"\n', "include/a.h": "", "README": ""})
    found = reads(
        ["src/main.c", "include/a.h", tmp_path / "include" / "a.h", "/usr/include/stdio.h"],
        checkout=tmp_path,
        sources=["src/main.c", "{generated}/x.c"],
        flags=["-Iinclude", "-Inot-yet", "-I/usr/include"],
        copied=["print.h.in", "{generated}/print.h"],
    )
    assert found == Reads.of(files=["print.h.in"], trees=["src", "include", "not-yet"])


def test_files_in_the_root(tmp_path: Path) -> None:
    write(tmp_path, {"main.c": '#include "sub/a.h"\n#include "./b.h"\n#include <c/d.h>\n', "sub/a.h": "", "b.h": ""})
    # sub: another sub/a.h could be found there first; b.h is in the folder.
    assert reads(["main.c", "b.h"], checkout=tmp_path) == Reads.of(folders=["."], trees=["sub"])
    assert reads(["main.c"], checkout=tmp_path, flags=["-I."]) == WHOLE


def test_names_that_lead_out_of_their_folder(tmp_path: Path) -> None:
    write(tmp_path, {"a/b/main.c": '#include "../c/x.h"\n#include "../../y.h"\n', "i/c/x.h": ""})
    # Found as i/k/../c/x.h: another in a/c would take its place.
    assert reads(["a/b/main.c", "i/c/x.h"], checkout=tmp_path, flags=["-Ii/k"]) == Reads.of(
        files=["y.h"], trees=["a/b", "a/c", "i/c", "i/k"]
    )


@pytest.mark.parametrize("text", ["#include HEADER\n", '__asm__(".incbin \\"../blob\\"");\n'])
def test_what_can_not_be_told_is_everything(tmp_path: Path, text: str) -> None:
    write(tmp_path, {"src/main.c": text})
    assert reads(["src/main.c"], checkout=tmp_path) == WHOLE
    write(tmp_path, {"src/main.c": ""})
    assert reads(["src/main.c"], checkout=tmp_path) == Reads.of(trees=["src"])
    assert reads(["src/main.c"], checkout=tmp_path, flags=["-include", "x.h"]) == WHOLE


def test_links_are_followed(tmp_path: Path) -> None:
    write(tmp_path, {"src/main.c": "", "far/a.h": ""})
    (tmp_path / "src" / "a.h").symlink_to("../far/a.h")
    assert reads(["src/main.c"], checkout=tmp_path) == Reads.of(files=["far/a.h"], trees=["src"])


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["gperf", "words.gperf"], Reads()),
        (["python", "-c", "import sys", "{source}/src"], Reads.of(trees=["src"])),
        (["python", "{source}/tools/make.py"], Reads.of(trees=["tools"])),  # may import what lies beside it
        (["gen", "--input={source}/src/x.csv"], Reads.of(trees=["src"])),
        (["python", "{source}/make.py"], WHOLE),
        (["gen", "{source}"], WHOLE),
        (["gen", "{source}/"], WHOLE),
        (["gen", "{source}/src/../.."], WHOLE),
        (["sh", "-c", "cat {source}/src/*"], WHOLE),
    ],
)
def test_generators(tmp_path: Path, command: list[str], expected: Reads) -> None:
    write(tmp_path, {"src/x.csv": "", "tools/make.py": "", "make.py": ""})
    assert reads([], checkout=tmp_path, commands=[command]) == expected
