"""The browser that pages are looked at with, for tests: as a boot has it, and installed by themselves."""

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
from tasks.boot.host import browser
from toolchains.tools.installing import install_tool
from toolchains.tools.pins import get_tool, host_arch, program

if TYPE_CHECKING:
    Done = subprocess.CompletedProcess[str]

NODE, PLAYWRIGHT, CHROMIUM = ("node", "24.19.0"), ("playwright-core", "1.65.1"), ("chromium", "153.0.0")
NAMES = browser.CHROMIUM.names


@dataclass(frozen=True, kw_only=True)
class Browser:
    """A browser that runs scripts beside this module."""

    browser: browser.Browser

    def run(self, script: str, *words: str | Path, env: Mapping[str, str] = MappingProxyType({})) -> Done:
        """Run a script beside this module, which drives the browser; its first arguments are Playwright and that."""
        argv = self.browser.command(Path(__file__).with_name(script), *words)
        more = self.browser.environment({**os.environ, **env})
        return subprocess.run(argv, env=more, capture_output=True, text=True, check=False, timeout=600)

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
    node, playwright = program(get_tool(*NODE), tools), install(*PLAYWRIGHT)
    if host_arch() != "amd64":
        found = browser.Browser(program=Path(of_system or ""), node=node, playwright=playwright / "package")
    else:
        found = browser.unpacked(node=node, playwright=playwright, chromium=install(*CHROMIUM), folder=folder)
    return Browser(browser=found)
