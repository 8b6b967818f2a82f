"""What lies in the user's cache folder is what it was, or is made again before it is used: the bytes stay the same."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

from tests.endtoend.conftest import Workspace, use_own_results
from toolchains import go
from toolchains.targets import get_target


def own_tools(cache: Path, name: str) -> Path:
    """Let ``cache`` have a tool of its own, whose folder is returned; the others stay this user's."""
    shared = (cache / "tools").resolve()
    (cache / "tools").unlink()
    (cache / "tools").mkdir()
    for path in shared.iterdir():
        if path.name.startswith(f"{name}-") and path.is_dir():
            shutil.copytree(path, cache / "tools" / path.name, symlinks=True)
            found = cache / "tools" / path.name
        elif path.is_dir():
            (cache / "tools" / path.name).symlink_to(path)
    return found


def own_go_cache(cache: Path) -> None:
    """Let ``cache`` have a build cache of Go of its own, with all that this user's has."""
    shared = (cache / "go-build").resolve()
    (cache / "go-build").unlink()

    def copy(old: str, new: str) -> None:  # objects are never written over, entries are
        (os.link if old.endswith("-d") else shutil.copy2)(old, new)

    shutil.copytree(shared, cache / "go-build", copy_function=copy)


def test_a_changed_tool_is_installed_again_when_something_is_made_by_it(built: Workspace, tmp_path: Path) -> None:
    before = built.package.read_bytes()
    cache = tmp_path / "cache"
    use_own_results(built, cache)
    tool = own_tools(cache, "gperf")
    built.doit("release=printer", "build")
    program = tool / "cmeel.prefix/bin/gperf"
    program.chmod(0o755)
    program.write_text("#!/bin/sh\necho 'int changed;' > words.h\n")
    assert "Up to date" in built.doit("release=printer", "build").out  # nothing is made: nobody looks
    built.doit("clean", "release=printer")
    shutil.rmtree(cache / "results", ignore_errors=True)
    said = built.doit("release=printer", "build").out
    assert "gperf 3.1 was not what its pin says (cmeel.prefix/bin/gperf was changed): installed again" in said
    assert built.package.read_bytes() == before


def test_flipped_bytes_in_the_cache_of_go(built: Workspace, tmp_path: Path) -> None:
    """Go would link them: it looks at the sizes of what it kept, and no further."""
    cache = tmp_path / "cache"
    use_own_results(built, cache)
    own_go_cache(cache)
    program = built.program("goprinter")
    before = program.read_bytes()
    kept = [
        path for path in (cache / "go-build").glob("??/*-d") if path.is_file() and b"cmd/goprinter" in path.read_bytes()
    ]
    assert kept
    for path in kept:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.unlink()
        path.write_bytes(content)
    program.unlink()
    said = built.doit("release=printer", "compile:armv7:goprinter").out
    assert "the cache go-build was damaged" in said
    assert program.read_bytes() == before


# Go's assembler as it is where a disk is full: what it was to write of a list of functions does not arrive.
CUTTING = """#!/bin/sh
"$@" || exit
case $* in *-gensymabis*) while [ "$1" != -o ]; do shift; done; : >"$2" ;; esac
"""


def test_objects_that_were_kept_while_a_disk_was_full(built: Workspace, tmp_path: Path) -> None:
    """Go keeps them for the right ones, and what is linked of them ends with an error each time.

    For amd64: 32-bit ARM has one way to call functions, and needs no list of those that are called in another.
    """
    made = ("release=printer", "target=amd64", "compile:amd64:goprinter")
    cache = tmp_path / "cache"
    use_own_results(built, cache)
    own_go_cache(cache)
    program = built.program("goprinter", "amd64")
    built.doit(*made)
    before = program.read_bytes()
    log = (built.root / "build/printer/logs/compile-amd64-goprinter.log").read_text()
    words = shlex.split(next(line for line in log.splitlines() if line.startswith("$ go build") and "-ldflags" in line))
    flags = words[3 : words.index("-ldflags")]
    (tmp_path / "cutting").write_text(CUTTING)
    (tmp_path / "cutting").chmod(0o755)
    pinned = re.search(r'^go = "([0-9.]+)"', (built.root / "releases/printer.toml").read_text(), re.MULTILINE)
    assert pinned
    (goroot,) = (cache / "tools").glob(f"go-{pinned[1]}-*/go")
    env = go.environment(goroot, cache=cache, home=tmp_path, target=get_target("amd64").go_env)
    subprocess.run(
        [goroot / "bin" / "go", "build", "-a", f"-toolexec={tmp_path / 'cutting'}", *flags, "internal/bytealg"],
        env=env,
        cwd=built.root / "sources/printer/printer",
        check=True,
    )
    for again in (True, False):
        program.unlink()
        shutil.rmtree(cache / "results")
        said = built.doit(*made).out
        assert ("the cache go-build was damaged (objects that can't be linked)" in said) is again
        assert program.read_bytes() == before


def test_a_header_that_is_gone_from_the_manifest_is_gone(built: Workspace) -> None:
    """Else what includes it would pass here, and fail from nothing."""
    manifest = built.root / "releases/printer.toml"
    text = manifest.read_text()
    more = text.replace('headers = { "print.h" =', 'headers = { "deep/more.h" = "library/print.h.in", "print.h" =')
    assert more != text
    manifest.write_text(more)
    include = built.root / "build/printer/armv7/libraries/libprinter/include"
    built.doit("release=printer", "build")
    assert (include / "deep/more.h").is_file()
    manifest.write_text(text)
    built.doit("release=printer", "build")
    assert [path.name for path in include.rglob("*") if path.is_file()] == ["print.h"]
