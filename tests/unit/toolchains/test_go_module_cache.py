"""Go's module cache, filled by a real Go from a proxy in a folder."""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import platformdirs
import pytest

from crosscourse.run import process
from toolchains import go, go_module_cache
from toolchains.tools.installing import install_tool
from toolchains.tools.pins import get_tool, program

MODULE, VERSION = "example.com/Thing", "v1.0.0-RC1"
FOLDER = "example.com/!thing@v1.0.0-!r!c1"


@pytest.fixture(scope="module")
def goroot() -> Path:
    tools = Path(os.environ.get("XDG_CACHE_HOME") or platformdirs.user_cache_path()) / "crosscourse/tools"
    tool = get_tool("go", "1.26.6")
    log = Path(os.devnull)

    def run(argv: list[str], *, env: dict[str, str] | None = None, cwd: Path | None = None) -> None:
        process.run(argv, log=log, env=os.environ | (env or {}), cwd=cwd)

    install_tool(tool, tools, run=run, status=print, report=print)
    return program(tool, tools).parent.parent


class Source:
    """A module that needs another one, and a folder for a cache."""

    def __init__(self, folder: Path, goroot: Path) -> None:
        self.folder, self.caches, self.goroot = folder / "source", folder / "caches", goroot
        proxy = folder / "proxy/example.com/!thing/@v"
        proxy.mkdir(parents=True)
        stem = "v1.0.0-!r!c1"
        (proxy / f"{stem}.info").write_text(f'{{"Version": "{VERSION}"}}')
        (proxy / f"{stem}.mod").write_text(f"module {MODULE}\n")
        with zipfile.ZipFile(proxy / f"{stem}.zip", "w") as archive:
            archive.writestr(f"{MODULE}@{VERSION}/go.mod", f"module {MODULE}\n")
            archive.writestr(f"{MODULE}@{VERSION}/thing.go", 'package thing\n\nconst Said = "thing"\n')
            archive.writestr(f"{MODULE}@{VERSION}/deep/data", "data")
        self.folder.mkdir()
        (self.folder / "go.mod").write_text(f"module example.com/own\n\ngo 1.26\n\nrequire {MODULE} {VERSION}\n")
        (self.folder / "main.go").write_text(
            f'package main\n\nimport "{MODULE}"\n\nfunc main() {{ print(thing.Said) }}\n'
        )
        (folder / "home").mkdir()
        self.env = go.environment(goroot, cache=self.caches, home=folder / "home", target={})
        self.env |= {"GOPROXY": f"file://{folder}/proxy", "GONOSUMDB": "*", "GONOSUMCHECK": "1", "GOSUMDB": "off"}
        self.log = folder / "log"
        self.go("mod", "tidy")
        self.go("mod", "download")

    def go(self, *words: str) -> str:
        return process.run(["go", *words], log=self.log, env=self.env, cwd=self.folder)

    @property
    def cache(self) -> Path:
        return self.caches / "go-mod"

    @property
    def unpacked(self) -> Path:
        return self.cache / FOLDER

    @property
    def archive(self) -> Path:
        return self.cache / "cache/download/example.com/!thing/@v/v1.0.0-!r!c1.zip"

    def damage(self) -> list[str]:
        return go_module_cache.damage(self.cache, [self.folder / "go.sum", self.folder / "none/go.sum"])

    def mend(self) -> list[str]:
        return go_module_cache.mend(self.cache, [self.folder / "go.sum"])


@pytest.fixture
def source(tmp_path: Path, goroot: Path) -> Source:
    return Source(tmp_path, goroot)


def edit(folder: Path) -> None:
    (folder / "thing.go").chmod(0o644)
    (folder / "thing.go").write_text('package thing\n\nconst Said = "THING"\n')


CHANGES: list[Callable[[Path], object]] = [
    edit,
    lambda folder: (folder / "mine.go").write_text("package thing\n"),
    lambda folder: (folder / "thing.go").unlink(),
    lambda folder: (folder / "dangling").symlink_to("nowhere"),
]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("known", [True, False])
def test_a_changed_module_is_found_and_unpacked_again(
    source: Source, change: Callable[[Path], object], known: bool
) -> None:
    if known:
        assert source.damage() == []
        assert FOLDER in (source.cache / go_module_cache.RECORD).read_text()
    change(source.unpacked)
    assert source.damage() == [FOLDER]
    assert source.mend() == [FOLDER]
    assert not source.unpacked.exists()
    assert source.archive.is_file()  # whole: no network is needed
    shutil.rmtree(source.folder.parent / "proxy")
    source.go("mod", "download")
    assert source.damage() == []
    assert '"thing"' in (source.unpacked / "thing.go").read_text()


@pytest.mark.parametrize("cut", [True, False])
def test_a_damaged_archive_is_fetched_again(source: Source, cut: bool) -> None:
    edit(source.unpacked)
    content = source.archive.read_bytes()
    source.archive.chmod(0o644)
    source.archive.write_bytes(content[:100] if cut else content.replace(b'"thing"', b'"think"'))
    assert source.mend() == [FOLDER]
    assert not source.archive.exists()
    source.go("mod", "download")
    assert source.damage() == []
    assert source.archive.read_bytes() == content


def test_what_is_being_unpacked_is_not_judged(source: Source) -> None:
    edit(source.unpacked)
    source.archive.with_suffix(".partial").touch()
    assert source.damage() == []


def test_nothing_is_there(tmp_path: Path) -> None:
    assert go_module_cache.mend(tmp_path / "go-mod", [tmp_path / "go.sum"]) == []
    assert list(tmp_path.iterdir()) == []
