"""Modules of Go's proxy that hold tools: downloaded by a pinned Go, checked by their sum, built into programs.

A module's sum covers its go.sum, so that all modules that a program is built from are pinned with it
(https://go.dev/ref/mod#go-sum-files).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Protocol

from toolchains.tools.pins import HashMismatchError, Tool


class Run(Protocol):
    """Runs a program to its end and logs what it prints. ``env``: variables set over the caller's environment.

    Raises CommandError when the program fails, DiskFullError when that is the reason.
    """

    def __call__(self, argv: list[str], *, env: dict[str, str] | None = None, cwd: Path | None = None) -> object: ...


def environment(partial: Path) -> dict[str, str]:
    """The environment of a Go that writes below ``partial`` only, and nowhere else."""
    home = partial / "home"
    home.mkdir(exist_ok=True)
    return {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
        "GOPATH": str(partial / "go"),
        "GOMODCACHE": str(partial / "mod"),
        "GOCACHE": str(partial / "cache"),
        "GOENV": "off",
        "GOWORK": "off",
        "GOFLAGS": "-modcacherw",
        "GOROOT": "",
    }


def download(tool: Tool, wanted: str, go: Path, partial: Path, run: Run, **env: str) -> Path:
    """The module ``path@version``, unpacked below ``partial``. ``env``: more of Go's environment.

    Raises HashMismatchError, CommandError.
    """
    run([str(go), "mod", "download", wanted], env={**environment(partial), "GOTOOLCHAIN": "local", **env}, cwd=partial)
    # As https://go.dev/ref/mod#module-cache writes paths, whatever the file system.
    path, _, version = re.sub("[A-Z]", lambda found: f"!{found[0].lower()}", wanted).partition("@")
    sum_file = partial / "mod" / "cache" / "download" / path / "@v" / f"{version}.ziphash"
    found = sum_file.read_text(encoding="utf-8").strip()
    if found != tool.pin:
        raise HashMismatchError(tool, f"expected {tool.pin}\nfound    {found}")
    return partial / "mod" / f"{path}@{version}"


def install(tool: Tool, go: Path, partial: Path, run: Run) -> None:
    """Build the command of a module as ``tool/PROGRAM`` below ``partial``. A minute of work for a hundred modules."""
    source = partial / "source"
    # Not where it was unpacked: Go builds no main module inside its module cache. No checksum database is asked for the
    # module, as it is pinned here, nor for others, as they are in its go.sum.
    wanted = f"{tool.module}@v{tool.version}"
    download(tool, wanted, go, partial, run, GONOSUMDB=str(tool.module)).replace(source)
    flags = ["-trimpath", "-buildvcs=false", "-mod=readonly", "-ldflags", "-s -w -buildid="]
    run(
        [str(go), "build", *flags, "-o", str(partial / "tool" / str(tool.program)), tool.command],
        env={
            **environment(partial),
            "GOTOOLCHAIN": "local",
            "CGO_ENABLED": "0",
            "GOOS": "",
            "GOARCH": "",
            "TMPDIR": str(partial),
        },
        cwd=source,
    )
