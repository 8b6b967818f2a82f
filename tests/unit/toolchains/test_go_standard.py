"""The standard library is compiled once for all programs of a target, whoever begins first."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.unit.toolchains.test_go_closure import find_go
from toolchains.go_standard import compile_once


class Go:
    """A real ``go`` whose calls are counted; one of them at most is let run at a time."""

    def __init__(self, home: Path) -> None:
        self.calls: list[list[str]] = []
        self.fails = False
        self.env = {
            "PATH": os.pathsep.join([str(Path(find_go()).parent), os.environ["PATH"]]),
            "HOME": str(home),
            "GOCACHE": str(home / "cache"),
            "GOENV": "off",
            "GOTOOLCHAIN": "local",
            "CGO_ENABLED": "0",
        }

    def run(self, argv: Sequence[str | Path], *, env: Mapping[str, str], cwd: Path | None = None) -> str:
        self.calls.append(list(map(str, argv)))
        if self.fails:
            raise OSError("no")
        return subprocess.run(argv, env=dict(env), cwd=cwd, check=True, capture_output=True, text=True).stdout

    def once(self, *packages: str, flags: Sequence[str] = (), status: list[str] | None = None, **env: str) -> None:
        said = status if status is not None else []
        home = Path(self.env["HOME"])
        compile_once(self.run, packages, flags=flags, env={**self.env, **env}, folder=home, status=said.append)


@pytest.fixture
def go(tmp_path: Path) -> Go:
    return Go(tmp_path)


def compiled(go: Go, package: str, *flags: str, **env: str) -> bool:
    """Whether Go's cache has a package: else it would say that it compiles it."""
    words = ["go", "build", "-n", *flags, package]
    said = subprocess.run(words, env={**go.env, **env}, capture_output=True, check=True, text=True, cwd=go.env["HOME"])
    return "compile" not in said.stderr


def test_what_the_first_compiled_the_next_finds(go: Go) -> None:
    said: list[str] = []
    go.once("errors", "unsafe", "internal/cpu", flags=["-trimpath"], status=said)
    assert go.calls == [["go", "build", "-trimpath", "errors", "unsafe", "internal/cpu"]]
    assert said == ["compiling what it needs of the standard library"]
    assert compiled(go, "errors", "-trimpath")
    go.once("errors", flags=["-trimpath"], status=said)
    assert len(go.calls) == len(said) == 1


def test_each_way_to_compile_it_has_its_own(go: Go) -> None:
    go.once("errors")
    go.once("errors", flags=["-trimpath"])
    go.once("errors", GOARCH="arm", GOARM="7")
    go.once("errors", GOARCH="arm", GOARM="6")
    assert len(go.calls) == 4
    assert compiled(go, "errors", GOARCH="arm", GOARM="6")
    go.once("errors", GOARCH="arm", GOARM="7", HOME=go.env["HOME"], CGO_CFLAGS="-DA")
    assert len(go.calls) == 4


def test_one_that_failed_is_tried_again(go: Go) -> None:
    go.fails = True
    with pytest.raises(OSError, match="no"):
        go.once("errors")
    go.fails = False
    go.once("errors")
    assert len(go.calls) == 2


def test_nothing_is_asked_where_nothing_is_needed(go: Go) -> None:
    go.once()
    assert not go.calls


def test_of_two_that_begin_at_once_one_compiles_and_the_other_waits(go: Go) -> None:
    said: list[list[str]] = [[], []]
    threads = [threading.Thread(target=go.once, args=("errors",), kwargs={"status": each}) for each in said]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(go.calls) == 1
    assert compiled(go, "errors")
    assert ["compiling what it needs of the standard library"] in said
