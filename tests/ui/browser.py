"""A browser without a window: on amd64 a pinned one, elsewhere the system's, where it has one."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from crosscourse.run import process
from crosscourse.run.environment import base_environment
from toolchains.tools.installing import install_tool
from toolchains.tools.pins import get_tool, host_arch, program

if TYPE_CHECKING:
    Done = subprocess.CompletedProcess[str]

NODE, PLAYWRIGHT, CHROMIUM = ("node", "24.19.0"), ("playwright-core", "1.65.1"), ("chromium", "153.0.0")
# Of Debian's packages chromium and chromium-headless-shell, and of others.
NAMES = ("chromium", "chromium-headless-shell", "chromium-browser", "google-chrome")


@dataclass(frozen=True, kw_only=True)
class Browser:
    """A browser and what drives it. ``libraries``: where it finds those that it brings; none for the system's."""

    program: Path
    node: Path
    playwright: Path
    libraries: Path | None = None

    def run(self, script: str, *words: str | Path, env: Mapping[str, str] = MappingProxyType({})) -> Done:
        """Run a script beside this module, which drives the browser; its first arguments are Playwright and that."""
        more = {"LD_LIBRARY_PATH": str(self.libraries)} if self.libraries else {}
        argv = [self.node, Path(__file__).with_name(script), self.playwright, self.program, *words]
        return subprocess.run(
            argv, env={**os.environ, **env, **more}, capture_output=True, text=True, check=False, timeout=600
        )

    def shown(self, url: str) -> str:
        """The document of a page when its scripts have run and it asks for nothing any more, as HTML."""
        done = self.run("show.mjs", url)
        assert done.returncode == 0, done.stderr
        return done.stdout


def find() -> str | None:
    """The system's; None if there is none."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


def get(tools: Path, folder: Path) -> Browser | None:
    """A browser, fetched into the cache of tools unless it is there, and unpacked into ``folder``; None if none can be
    had.
    """

    def install(name: str, version: str) -> Path:
        def run(argv: list[str], *, env: dict[str, str] | None = None, cwd: Path | None = None) -> None:
            process.run(argv, log=folder / "tools.log", env=base_environment() | (env or {}), cwd=cwd)

        return install_tool(get_tool(name, version), tools, run=run, status=lambda _: None, report=lambda _: None)

    of_system = find()
    if host_arch() != "amd64" and of_system is None:
        return None
    install(*NODE)
    node, playwright = program(get_tool(*NODE), tools), install(*PLAYWRIGHT) / "package"
    if host_arch() != "amd64":
        return Browser(program=Path(of_system or ""), node=node, playwright=playwright)
    packed = install(*CHROMIUM) / "package" / "bin"
    unpacked_to = folder / "browser"
    unpacked_to.mkdir()
    place = unpacked_to / "chromium"
    with place.open("wb") as unpacked:
        _unpack(node, packed / "chromium.br", unpacked.fileno())
    place.chmod(0o755)
    with subprocess.Popen(["tar", "-x", "-C", unpacked_to], stdin=subprocess.PIPE) as tar:
        assert tar.stdin is not None
        _unpack(node, packed / "al2023.tar.br", tar.stdin.fileno())
    return Browser(program=place, node=node, playwright=playwright, libraries=unpacked_to / "lib")


def _unpack(node: Path, packed: Path, to: int) -> None:
    """Write what a file packed by brotli has: Python knows no brotli, Node.js does."""
    script = "require('stream').pipeline(require('fs').createReadStream(process.argv[1]), "
    script += "require('zlib').createBrotliDecompress(), process.stdout, (error) => { if (error) throw error; })"
    subprocess.run([node, "-e", script, packed], check=True, stdout=to)
