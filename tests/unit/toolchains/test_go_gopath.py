"""Sources from before Go had modules, and such with a vendor folder that their go.mod does not speak of."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from crosscourse.errors import ManifestError
from crosscourse.manifest.load import load_manifest
from crosscourse.manifest.locks import Lock
from tasks.compile import go_binary
from tasks.kinds import TABLES, kind_of
from toolchains import go
from toolchains.targets import get_target

TEXT = """
[release]
name = "x"
version = "7"
title = "X"
date = 2026-01-01T00:00:00Z
root = "x"
targets = ["armv7"]
[toolchain]
go = "1"
[source.a]
url = "https://example.org/a"
commit = "0123456789012345678901234567890123456789"
modules = "vendor"
import-path = "example.org/old/a"
[artifact.program]
kind = "go-binary"
source = "a"
package = "./cmd/x"
path = "bin/program"
"""


def command(tmp_path: Path, text: str) -> list[str]:
    (tmp_path / "x.toml").write_text(text)
    manifest = load_manifest(tmp_path / "x.toml", patches=tmp_path, tables=TABLES)
    table = manifest.artifact["program"]
    spec = kind_of(table).spec_of(manifest, get_target("armv7"), Lock(), "program", table)
    return list(map(str, go_binary.command(spec, Path("out"))))


def test_what_go_is_told(tmp_path: Path) -> None:
    old = command(tmp_path, TEXT)
    assert old[-1] == "example.org/old/a/cmd/x"
    assert "-mod=vendor" not in old
    vendored = command(tmp_path, TEXT.replace('import-path = "example.org/old/a"', ""))
    assert vendored[-1] == "./cmd/x"
    assert "-mod=vendor" in vendored
    assert "-mod=vendor" not in command(tmp_path, TEXT.replace('"vendor"', '"proxy"').replace("import-path", "#"))


def test_a_proxy_needs_a_go_mod(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"source\.a\.import-path: a source without a go\.mod names no modules"):
        command(tmp_path, TEXT.replace('"vendor"', '"proxy"'))


def test_names_of_packages() -> None:
    assert go.named(".", "example.org/a") == "example.org/a"
    assert go.named("./cmd/x", "example.org/a", "part") == "example.org/a/part/cmd/x"
    assert go.named("./cmd/x", "") == "./cmd/x"
    assert go.named("example.org/b/y", "example.org/a") == "example.org/b/y"


@pytest.mark.skipif(shutil.which("go") is None, reason="Go is not on PATH")
def test_go_finds_what_such_a_source_brings(tmp_path: Path) -> None:
    source, home = tmp_path / "checkout", tmp_path / "home"
    (source / "cmd" / "x").mkdir(parents=True)
    (source / "own").mkdir()
    (source / "vendor" / "example.org" / "b").mkdir(parents=True)
    (source / "cmd" / "x" / "main.go").write_text(
        'package main\nimport ("example.org/b"; "example.org/old/a/own")\nfunc main() { println(b.B + own.Own) }\n'
    )
    (source / "own" / "own.go").write_text('package own\nconst Own = " and its own"\n')
    (source / "vendor" / "example.org" / "b" / "b.go").write_text('package b\nconst B = "vendored"\n')
    home.mkdir()
    env = {**os.environ, **go.without_modules(home, "example.org/old/a", source), "CGO_ENABLED": "0"}
    env |= go.without_modules(home, "example.org/old/a", source)  # a second step in the same folder
    words = ["go", "run", go.named("./cmd/x", "example.org/old/a")]
    found = subprocess.run(words, env=env, cwd=source, check=True, capture_output=True, text=True)
    assert found.stderr == "vendored and its own\n"
