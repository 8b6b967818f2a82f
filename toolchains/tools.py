"""Tools: the pinned programs and data that builds use, each installed once into a cache folder.

A tool comes as a wheel, by pip (this Python's own, with the user's pip configuration), or, for Go versions
that are no wheel, as a module that another Go fetches. Either way its hash is pinned in ``tools.toml``.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from functools import cache as memoized
from pathlib import Path
from typing import Protocol

import msgspec

from crosscourse import files
from crosscourse.engine.lock import in_turn
from crosscourse.errors import CrosscourseError, UnknownNameError
from crosscourse.run.process import CommandError, DiskFullError
from toolchains.targets import Strict

FILE = Path(__file__).with_name("tools.toml")
STAMP = ".crosscourse-tool"
GO_MODULE = "golang.org/toolchain"

Note = Callable[[str], object]


class Run(Protocol):
    """Runs a program to its end and logs what it prints. ``env``: variables set over the caller's environment.

    Raises CommandError when the program fails, DiskFullError when that is the reason.
    """

    def __call__(self, argv: list[str], *, env: dict[str, str] | None = None, cwd: Path | None = None) -> object: ...


class UnsupportedHostError(CrosscourseError):
    """This machine can't run the tools."""

    def __init__(self, found: str) -> None:
        super().__init__(
            "this machine",
            f"{found}; the tools run on 64-bit Linux on amd64 or arm64 only",
            "Build on such a machine: what comes out is made for other machines anyway, yours may be among them.",
        )


class NoWheelError(CrosscourseError):
    """The package index has no file of a tool that this machine can use."""

    def __init__(self, tool: Tool) -> None:
        library = platform.libc_ver()[0] or "no glibc"
        super().__init__(
            tool.title,
            f"the package index has none that runs here ({host_arch()}, {library})",
            "A mirror may lack it: ask its keeper, or choose another with `pip config set global.index-url URL`.\n"
            "Most tools need a system with glibc: on Alpine and the like, build in a container of Debian.",
        )


class HashMismatchError(CrosscourseError):
    """What arrived is not what ``tools.toml`` pins."""

    def __init__(self, tool: Tool, detail: str) -> None:
        super().__init__(
            tool.title,
            f"what arrived is not what {FILE.name} pins\n{detail}",
            "Nothing of it was kept. A proxy or mirror may have altered it: try another network or index.\n"
            f"If you changed the version in {FILE.name}, its hashes must be changed too.",
        )


class DownloadError(CrosscourseError):
    """The network, the package index or Go's module proxy can't be reached."""

    def __init__(self, tool: Tool, detail: str) -> None:
        sources = "HTTPS_PROXY, PIP_INDEX_URL or pip's configuration"
        if tool.bootstrap:
            sources = "HTTPS_PROXY, GOPROXY and GOSUMDB (which must not be off: Go refuses a toolchain then)"
        super().__init__(
            tool.title,
            f"can't be downloaded\n{detail}",
            f"Check the network; {sources} can point elsewhere.\nThen run the same command again.",
        )


class Tool(Strict, frozen=True):
    """One version of a tool, pinned.

    ``package``: its name in the package index. ``sha256``: of its wheels, by host architecture ("any": one for all).
    ``bootstrap``: instead of these, the Go version that fetches this one. ``h1``: sums of the module, without "h1:".
    ``program``: where its program lies in the installed folder; None where there is only data.
    """

    name: str = ""
    version: str = ""
    package: str | None = None
    sha256: dict[str, str] = msgspec.field(default_factory=dict)
    bootstrap: str | None = None
    h1: dict[str, str] = msgspec.field(default_factory=dict)
    program: str | None = None

    def __post_init__(self) -> None:
        if bool(self.package and self.sha256) == bool(self.bootstrap and self.h1):
            raise ValueError("a tool has either `package` and `sha256`, or `bootstrap` and `h1`")

    @property
    def title(self) -> str:
        """Name and version, for people."""
        return f"{self.name} {self.version}"

    @property
    def pin(self) -> str:
        """What its file must hash to on this machine. Raises UnsupportedHostError, NoWheelError."""
        arch = host_arch()
        hashes = self.sha256 or self.h1
        found = hashes.get(arch) or hashes.get("any")
        if not found:
            raise NoWheelError(self)
        return f"sha256:{found}" if self.package else f"h1:{found}"


def host_arch() -> str:
    """ "amd64" or "arm64": what this machine, and this Python, run. Raises UnsupportedHostError."""
    machine = platform.machine().lower()
    arch = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}.get(machine)
    if not sys.platform.startswith("linux"):
        raise UnsupportedHostError(f"it runs {platform.system()}")
    if arch is None:
        raise UnsupportedHostError(f"its processor is {machine or 'of unknown kind'}")
    if sys.maxsize < 2**32:
        raise UnsupportedHostError(f"its system has 32-bit programs (on a 64-bit kernel, {machine})")
    return arch


@memoized
def load_tools(path: Path = FILE) -> dict[str, dict[str, Tool]]:
    """All tools: by name, then by version. Raises msgspec.ValidationError for a malformed file."""
    import msgspec.toml

    tables = msgspec.toml.decode(path.read_bytes(), type=dict[str, dict[str, Tool]])
    return {
        name: {version: msgspec.structs.replace(tool, name=name, version=version) for version, tool in versions.items()}
        for name, versions in tables.items()
    }


def get_tool(name: str, version: str) -> Tool:
    """The tool of that name and version; UnknownNameError names the nearest one."""
    tools = load_tools()
    if name not in tools:
        raise UnknownNameError("tool", name, tools)
    if version not in tools[name]:
        raise UnknownNameError(f"{name} version", version, tools[name])
    return tools[name][version]


def tool_path(tool: Tool, cache: Path) -> Path:
    """The tool's folder in the cache, there or not: another one for each pin, so that a changed pin is installed anew.

    Raises UnsupportedHostError, NoWheelError.
    """
    digest = hashlib.sha256(f"{tool.package}\n{tool.pin}".encode()).hexdigest()
    return cache / f"{tool.name}-{tool.version}-{digest[:10]}"


def program(tool: Tool, cache: Path) -> Path:
    """The tool's program in the cache, there or not (a Go's GOROOT is two folders up)."""
    assert tool.program is not None, f"{tool.title} is data, not a program"
    return tool_path(tool, cache) / tool.program


def is_installed(tool: Tool, cache: Path) -> bool:
    """Whether the tool is in the cache, whole: one look at one file."""
    return (tool_path(tool, cache) / STAMP).exists()


def install_tool(tool: Tool, cache: Path, *, run: Run, note: Note) -> Path:
    """Install the tool into the cache unless it is there, and return its folder.

    Works beside the folder, which appears whole or not at all; safe against others doing the same, in threads
    or processes, and against a kill at any moment: what that leaves is removed by the next.
    ``note`` is told what is going on. Raises UnsupportedHostError, NoWheelError, HashMismatchError, DownloadError,
    DiskFullError, CommandError (pip or go failed otherwise), CrosscourseError (the cache folder can't be written).
    """
    final = tool_path(tool, cache)
    if is_installed(tool, cache):
        return final
    if tool.bootstrap:
        install_tool(get_tool(tool.name, tool.bootstrap), cache, run=run, note=note)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with in_turn(final.with_name(f"{final.name}.lock"), note):
            if not is_installed(tool, cache):
                note(f"fetching {tool.title}")
                _install(tool, cache, final, run)
    except CommandError as error:
        raise _explained(tool, error) from None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError(str(cache)) from error
        raise CrosscourseError(
            error.filename or str(cache),
            error.strerror or str(error),
            'The cache folder can be moved with `cache = "..."` in crosscourse.toml.',
        ) from error
    return final


def _install(tool: Tool, cache: Path, final: Path, run: Run) -> None:
    for left_over in (*cache.glob(f"{final.name}.partial-*"), final):
        files.remove(left_over)
    # A name of its own each time: a pip that outlived its killed parent may still be writing into the former one.
    partial = Path(tempfile.mkdtemp(prefix=f"{final.name}.partial-", dir=cache))
    try:
        root = partial / "tool"
        root.mkdir()
        if tool.bootstrap:
            _fetch_go(tool, program(get_tool(tool.name, tool.bootstrap), cache), partial, run)
        else:
            _fetch_wheel(tool, partial, run)
        if tool.program and not os.access(root / tool.program, os.X_OK):
            raise CrosscourseError(tool.title, f"has no program {tool.program}", f"{FILE.name} names the wrong place.")
        (root / STAMP).write_text(f"{tool.pin}\n", encoding="utf-8")
        root.replace(final)
    finally:
        with contextlib.suppress(OSError):
            files.remove(partial)


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
    modules = partial / "mod"
    home = partial / "home"
    home.mkdir()
    env = {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
        "GOPATH": str(partial / "go"),
        "GOMODCACHE": str(modules),
        "GOCACHE": str(partial / "cache"),
        "GOENV": "off",
        "GOWORK": "off",
        "GOFLAGS": "-modcacherw",
        "GOROOT": "",
    }
    run([str(go), "mod", "download", f"{GO_MODULE}@{version}"], env={**env, "GOTOOLCHAIN": "local"}, cwd=partial)
    sum_file = modules / "cache" / "download" / GO_MODULE / "@v" / f"{version}.ziphash"
    found = sum_file.read_text(encoding="utf-8").strip()
    if found != tool.pin:
        raise HashMismatchError(tool, f"expected {tool.pin}\nfound    {found}")
    # Modules carry no execute bits: go sets those of a toolchain when it first runs it.
    run([str(go), "version"], env={**env, "GOTOOLCHAIN": f"go{tool.version}", "GOPROXY": "off"}, cwd=partial)
    (modules / f"{GO_MODULE}@{version}").replace(partial / "tool" / "go")


_SIGNS_OF_NETWORK = (
    "connection",
    "name resolution",
    "timed out",
    "timeout",
    "unreachable",
    "proxyerror",
    "certificate",
    "http error",
    "bad gateway",
    "dial tcp",
    "no such host",
    "checksum database disabled",
)


def _explained(tool: Tool, error: CommandError) -> CrosscourseError:
    """What the output of pip or go means, if it is known to mean something."""
    tail = error.tail
    if "DO NOT MATCH THE HASHES" in tail or "SECURITY ERROR" in tail:
        return HashMismatchError(tool, tail)
    if any(sign in tail.lower() for sign in _SIGNS_OF_NETWORK):
        return DownloadError(tool, tail)
    if "No matching distribution" in tail:
        return NoWheelError(tool)
    return error
