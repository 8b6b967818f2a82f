"""Programs in Go from a module proxy: checked by their sum, built by a pinned Go."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import msgspec
import pytest

from crosscourse.run import process
from crosscourse.run.environment import base_environment
from tests.unit.toolchains.test_go_closure import find_go
from toolchains.go_module_cache import tree_sum
from toolchains.tools import go_programs
from toolchains.tools.pins import HashMismatchError, Tool, tool_path

NAME = "example.org/tool@v1.2.3"
FILES = {
    "go.mod": "module example.org/tool\n\ngo 1.20\n",
    "cmd/tool/main.go": 'package main\n\nfunc main() { println("built") }\n',
}


@pytest.fixture
def proxy(tmp_path: Path) -> Path:
    """A module proxy as a folder (https://go.dev/ref/mod#goproxy-protocol) with one module."""
    folder = tmp_path / "proxy" / "example.org" / "tool" / "@v"
    folder.mkdir(parents=True)
    (folder / "list").write_text("v1.2.3\n")
    (folder / "v1.2.3.info").write_text('{"Version": "v1.2.3"}')
    (folder / "v1.2.3.mod").write_text(FILES["go.mod"])
    with zipfile.ZipFile(folder / "v1.2.3.zip", "w") as archive:
        for name, text in FILES.items():
            archive.writestr(f"{NAME}/{name}", text)
    return tmp_path / "proxy"


@pytest.fixture
def tool(tmp_path: Path) -> Tool:
    folder = tmp_path / "module"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return Tool(
        name="tool",
        version="1.2.3",
        module="example.org/tool",
        command="./cmd/tool",
        bootstrap="1.26.6",
        program="tool",
        h1={"any": tree_sum(folder, NAME)},
    )


def install(tool: Tool, proxy: Path, partial: Path) -> Path:
    def run(argv: list[str], *, env: dict[str, str] | None = None, cwd: Path | None = None) -> None:
        # One cache for all: Go's own packages take longest.
        more = {"GOPROXY": proxy.as_uri(), "GOSUMDB": "off", "GOCACHE": str(proxy.parent / "go-build")}
        process.run(argv, log=partial / "log", env=base_environment() | (env or {}) | more, cwd=cwd)

    (partial / "tool").mkdir(parents=True)
    go_programs.install(tool, Path(find_go()), partial, run)
    return partial / "tool" / str(tool.program)


def test_a_program_is_built(tool: Tool, proxy: Path, tmp_path: Path) -> None:
    programs = [install(tool, proxy, tmp_path / folder) for folder in ("one", "two")]
    done = subprocess.run([programs[0]], capture_output=True, text=True, check=True)
    assert done.stderr == "built\n"
    assert programs[0].read_bytes() == programs[1].read_bytes()


def test_another_module_than_the_pinned_one_is_refused(tool: Tool, proxy: Path, tmp_path: Path) -> None:
    with pytest.raises(HashMismatchError, match=r"(?s)tool 1\.2\.3: .*expected h1:x.*found    h1:"):
        install(msgspec.structs.replace(tool, h1={"any": "x"}), proxy, tmp_path / "partial")


def test_a_program_is_another_one_if_another_go_builds_it(tool: Tool, tmp_path: Path) -> None:
    assert tool.fetched_by == ("go", "1.26.6")
    paths = {
        tool_path(one, tmp_path)
        for one in (tool, msgspec.structs.replace(tool, bootstrap="1.26.5"), msgspec.structs.replace(tool, command="."))
    }
    assert len(paths) == 3
