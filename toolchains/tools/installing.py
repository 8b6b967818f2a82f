"""Installing tools: each once into a cache folder, by pip, Go or npm, whole or not at all; again where one was changed.

pip is this Python's own, with the user's pip configuration; npm is that of a pinned Node.js, with the user's .npmrc.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path

from crosscourse.engine.lock import in_turn
from crosscourse.errors import CrosscourseError, DiskFullError
from crosscourse.run.network import is_network_trouble
from crosscourse.run.process import CommandError
from toolchains.tools import go_programs, seal
from toolchains.tools.go_programs import Run
from toolchains.tools.pins import (
    FILE,
    HashMismatchError,
    NoWheelError,
    Tool,
    get_tool,
    host_arch,
    is_installed,
    program,
    tool_path,
)

GO_MODULE = "golang.org/toolchain"

Status = Callable[[str], object]


class DownloadError(CrosscourseError):
    """The network, the package index or Go's module proxy can't be reached."""

    def __init__(self, tool: Tool, detail: str) -> None:
        sources = "HTTPS_PROXY, PIP_INDEX_URL or pip's configuration"
        if tool.h1:
            sources = "HTTPS_PROXY, GOPROXY and GOSUMDB (which must not be off: Go refuses a toolchain then)"
        if tool.npm:
            sources = "HTTPS_PROXY, NPM_CONFIG_REGISTRY or npm's configuration (~/.npmrc)"
        super().__init__(
            tool.title,
            f"can't be downloaded\n{detail}",
            f"Check the network; {sources} can point elsewhere.\nThen run the same command again.",
        )


def install_tool(tool: Tool, cache: Path, *, run: Run, status: Status, report: Status) -> Path:
    """Install the tool into the cache unless it is there, as it was installed, and return its folder.

    Works beside the folder, which appears whole or not at all; safe against others doing the same, in threads
    or processes, and against a kill at any moment: what that leaves is removed by the next.
    ``status`` is called with what is going on, ``report`` if a tool was not what it was installed as, and is again.
    Raises UnsupportedHostError, NoWheelError, HashMismatchError, DownloadError, DiskFullError, CommandError (pip or go
    failed otherwise), CrosscourseError (the cache folder can't be written).
    """
    final = tool_path(tool, cache)
    problem = _problem(tool, cache)
    if problem is None:
        return final
    if tool.fetched_by:
        install_tool(get_tool(*tool.fetched_by), cache, run=run, status=status, report=report)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with in_turn(final.with_name(f"{final.name}.lock"), status):
            problem = _problem(tool, cache)  # another may have done it meanwhile
            if problem is not None:
                status(f"fetching {tool.title}")
                _install(tool, cache, final, run)
    except CommandError as error:
        raise _explained(tool, error, problem) from None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError(str(cache)) from error
        raise CrosscourseError(
            error.filename or str(cache),
            error.strerror or str(error),
            'The cache folder can be moved with `cache = "..."` in crosscourse.toml.',
        ) from error
    if problem:
        report(f"{tool.title} was not what its pin says ({problem}): installed again")
    return final


def _problem(tool: Tool, cache: Path) -> str | None:
    """Why the tool is to be installed: empty if it is not there, None if all is well."""
    return seal.damage(tool_path(tool, cache)) if is_installed(tool, cache) else ""


def _install(tool: Tool, cache: Path, final: Path, run: Run) -> None:
    def fill(partial: Path) -> None:
        if tool.fetched_by is None:
            _fetch_wheel(tool, partial, run)
        elif tool.module:
            go_programs.install(tool, program(get_tool(*tool.fetched_by), cache), partial, run)
        elif tool.npm:
            _fetch_npm(tool, program(get_tool(*tool.fetched_by), cache), partial, run)
        else:
            _fetch_go(tool, program(get_tool(*tool.fetched_by), cache), partial, run)
        if tool.program and not os.access(partial / "tool" / tool.program, os.X_OK):
            raise CrosscourseError(tool.title, f"has no program {tool.program}", f"{FILE.name} names the wrong place.")

    seal.make(final, tool.pin, fill)


def _fetch_wheel(tool: Tool, partial: Path, run: Run) -> None:
    requirement = partial / "requirement.txt"
    requirement.write_text(f"{tool.package}=={tool.version} --hash={tool.pin}\n", encoding="utf-8")
    temporary = partial / "tmp"
    temporary.mkdir()
    run(
        [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--target",
            str(partial / "tool"),
            "--no-deps",
            "--no-compile",
            "--require-hashes",
            "--only-binary",
            ":all:",
            "--no-input",
            "--progress-bar",
            "off",
            "--disable-pip-version-check",
            "-r",
            str(requirement),
        ],
        # pip unpacks in TMPDIR, then moves: a rename if that is on the same disk. A pip.conf may say "user = true".
        env={"TMPDIR": str(temporary), "PIP_USER": "0", **_pycache()},
        cwd=partial,
    )


def _pycache() -> dict[str, str]:
    prefix = os.environ.get("PYTHONPYCACHEPREFIX")
    return {"PYTHONPYCACHEPREFIX": prefix} if prefix else {}


def _fetch_go(tool: Tool, go: Path, partial: Path, run: Run) -> None:
    version = f"v0.0.1-go{tool.version}.linux-{host_arch()}"
    env = go_programs.environment(partial)
    unpacked = go_programs.download(tool, f"{GO_MODULE}@{version}", go, partial, run)
    # Modules carry no execute bits: go sets those of a toolchain when it first runs it.
    run([str(go), "version"], env={**env, "GOTOOLCHAIN": f"go{tool.version}", "GOPROXY": "off"}, cwd=partial)
    unpacked.replace(partial / "tool" / "go")


def _fetch_npm(tool: Tool, node: Path, partial: Path, run: Run) -> None:
    """A package, as it was published; none of its scripts run, and nothing that it depends on comes with it."""
    import base64
    import hashlib

    from crosscourse.formats import folder
    from toolchains import node as nodejs

    words = [*map(str, nodejs.npm(node)), "pack", "--ignore-scripts", "--pack-destination", str(partial)]
    run([*words, f"{tool.npm}@{tool.version}"], env=nodejs.reaching(node), cwd=partial)
    archive = next(partial.glob("*.tgz"))
    found = "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if found != tool.pin:
        raise HashMismatchError(tool, f"expected {tool.pin}\nfound    {found}")
    folder.unpack(archive, partial / "tool")


def _explained(tool: Tool, error: CommandError, problem: str | None) -> CrosscourseError:
    """What the output of pip or go means, if it is known to mean something. ``problem``: of what is there already."""
    tail = f"What is there is not what its pin says ({problem}).\n{error.tail}" if problem else error.tail
    if "DO NOT MATCH THE HASHES" in tail or "SECURITY ERROR" in tail:
        return HashMismatchError(tool, tail)
    # GOSUMDB=off is no trouble of the network, but the same settings help.
    if is_network_trouble(tail) or "checksum database disabled" in tail:
        return DownloadError(tool, tail)
    if "No matching distribution" in tail:
        return NoWheelError(tool)
    return error
