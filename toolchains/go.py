"""The Go toolchain as this project calls it: an environment of its own, nothing of the user's but the network."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from pathlib import Path

from crosscourse.errors import CrosscourseError
from crosscourse.run.environment import base_environment


class FlagError(CrosscourseError):
    """A flag that there is no way to tell Go."""

    def __init__(self, flag: str) -> None:
        super().__init__(
            f"flag {flag}",
            "Go can't be told a flag that has spaces or quotes, and both kinds of quotes",
            "Write it with one kind only, or without spaces.",
        )


def environment(
    goroot: Path,
    *,
    cache: Path,
    home: Path,
    target: Mapping[str, str],
    compiler: Sequence[str | Path] = (),
    programs: Sequence[Path] = (),
    **more: str,
) -> dict[str, str]:
    """The environment of a ``go`` command (``go help environment``).

    ``target``: the variables that name it; none for the host. ``compiler``: the C compiler's command for cgo; without
    one cgo is off. ``programs``: what else is to be found by its name. Caches are shared by all checkouts: Go's are
    safe for that, and keyed by content.
    """
    variables = {
        "GOROOT": str(goroot),
        "GOENV": "off",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        "GOCACHE": str(cache / "go-build"),
        "GOMODCACHE": str(cache / "go-mod"),
        "GOPATH": str(home / "go"),
        "GOFLAGS": "-modcacherw",
        "HOME": str(home),
        "CGO_ENABLED": "1" if compiler else "0",
        **target,
    }
    path = [goroot / "bin", *(program.parent for program in programs)]
    if compiler:
        # By its name: whatever characters the path to it has, and however Go would read them.
        path.append(Path(compiler[0]).parent)
        variables["CC"] = quote([Path(compiler[0]).name, *map(str, compiler[1:])])
    return {**base_environment(path), **variables, **more}


def vendor_flags(modules: str, import_path: str | None) -> list[str]:
    """What Go must be told where the dependencies are in the source, by the words of a manifest.

    From ``go 1.14`` in a ``go.mod`` on it takes them from ``vendor`` by itself (https://go.dev/ref/mod#vendoring), and
    without a ``go.mod`` it always did.
    """
    return ["-mod=vendor"] if modules == "vendor" and not import_path else []


def named(package: str, import_path: str, directory: str = ".") -> str:
    """A package of a source as Go is told it: without a ``go.mod`` (``import_path``), it knows none by its place in the
    folder that it runs in.
    """
    if not import_path or not package.startswith("."):
        return package
    return posixpath.normpath(posixpath.join(import_path, directory, package))


def in_gopath(home: Path, import_path: str) -> Path:
    """Where a source without a ``go.mod`` is for Go, see ``without_modules``."""
    return home / "go" / "src" / import_path


def without_modules(home: Path, import_path: str, source: Path) -> dict[str, str]:
    """Variables with which Go builds a source as it did before there were modules (``go help gopath``).

    There a package's import path is its place below ``src`` of a folder, in which the source is laid by a link.
    """
    place = in_gopath(home, import_path)
    if not place.is_symlink():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(source, target_is_directory=True)
    return {"GO111MODULE": "off", "GOPATH": str(home / "go"), "GOFLAGS": ""}


def listing(*words: str) -> list[str]:
    """``go list -deps`` with further words. Without a look at git, which a list says nothing of.

    A Go that can't read a checkout's tags leaves a file beside the checkout: the lock of what it takes for a clone
    (``newGitRepo`` in cmd/go/internal/modfetch/codehost/git.go).
    """
    return ["go", "list", "-deps", *words, "-buildvcs=false"]


def quote(flags: Sequence[str]) -> str:
    """Flags in one variable or argument, as Go takes such apart again (``go help build``, ``go help environment``).

    A flag stands in either kind of quotes, as a whole; nothing is escaped
    (https://pkg.go.dev/cmd/internal/quoted). Raises FlagError.
    """
    return " ".join(map(_quoted, flags))


def _quoted(flag: str) -> str:
    if flag and not set(flag) & set(" \t\r\n'\""):
        return flag
    for mark in ("'", '"'):
        if mark not in flag:
            return f"{mark}{flag}{mark}"
    raise FlagError(flag)
