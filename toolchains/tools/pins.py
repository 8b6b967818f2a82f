"""The pinned tools: programs and data that builds use, by name and version, and where each lies once installed.

A tool comes as a wheel, or as a package of npm that a Node.js fetches, or as a module that a Go fetches: Go versions
that are no wheel, and programs in Go, which it builds. Either way its hash is pinned in ``tools.toml``.
"""

from __future__ import annotations

import hashlib
import platform
import sys
from functools import cache as memoized
from pathlib import Path

import msgspec

from crosscourse.errors import CrosscourseError, UnknownNameError
from toolchains.targets import Strict

FILE = Path(__file__).resolve().parent.parent / "tools.toml"
# In an installed tool's folder, written last; what it says: ``seal``.
STAMP = ".crosscourse-tool"


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


class Tool(Strict, frozen=True):
    """One version of a tool, pinned.

    ``package``: its name in the package index. ``sha256``: of its wheels, by host architecture ("any": one for all).
    ``bootstrap``: instead of these, the Go version that fetches this one. ``h1``: sums of the module, without "h1:".
    With ``module``, a program in Go: the path of its module, ``command`` the package there that Go builds.
    Or ``npm``: its name in npm's registry, ``sha512``: of that package, as base64; ``bootstrap`` is a Node.js then.
    ``program``: where its program lies in the installed folder; None where there is only data.
    """

    name: str = ""
    version: str = ""
    package: str | None = None
    sha256: dict[str, str] = msgspec.field(default_factory=dict)
    bootstrap: str | None = None
    h1: dict[str, str] = msgspec.field(default_factory=dict)
    module: str | None = None
    command: str = "."
    npm: str | None = None
    sha512: str | None = None
    program: str | None = None

    def __post_init__(self) -> None:
        ways = (self.package and self.sha256, self.bootstrap and self.h1, self.bootstrap and self.npm and self.sha512)
        if sum(map(bool, ways)) != 1 or (self.module and not (self.h1 and self.program)):
            raise ValueError(
                "a tool has either `package` and `sha256`, or `bootstrap` and `h1`, or `bootstrap`, `npm` and `sha512`"
            )

    @property
    def fetched_by(self) -> tuple[str, str] | None:
        """Name and version of the tool that fetches this one; None where pip does."""
        by = "node" if self.npm else "go" if self.module else self.name
        return (by, self.bootstrap) if self.bootstrap else None

    @property
    def made_from(self) -> str:
        """What its pin is of, in words that differ where what is installed would."""
        # What Go builds differs with the Go, too.
        return f"{self.module} {self.command} {self.bootstrap}" if self.module else str(self.package or self.npm)

    @property
    def title(self) -> str:
        """Name and version, for people."""
        return f"{self.name} {self.version}"

    @property
    def pin(self) -> str:
        """What its file must hash to on this machine. Raises UnsupportedHostError, NoWheelError."""
        if self.sha512:
            return f"sha512-{self.sha512}"
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
    digest = hashlib.sha256(f"{tool.made_from}\n{tool.pin}".encode()).hexdigest()
    return cache / f"{tool.name}-{tool.version}-{digest[:10]}"


def program(tool: Tool, cache: Path) -> Path:
    """The tool's program in the cache, there or not (a Go's GOROOT is two folders up)."""
    assert tool.program is not None, f"{tool.title} is data, not a program"
    return tool_path(tool, cache) / tool.program


def is_installed(tool: Tool, cache: Path) -> bool:
    """Whether the tool is in the cache, whole: one look at one file."""
    return (tool_path(tool, cache) / STAMP).exists()
