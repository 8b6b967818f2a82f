"""The Go toolchain as this project calls it: an environment of its own, nothing of the user's but the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from crosscourse.run.environment import base_environment


def environment(
    goroot: Path,
    *,
    cache: Path,
    home: Path,
    target: Mapping[str, str],
    compiler: Sequence[str | Path] = (),
    **more: str,
) -> dict[str, str]:
    """The environment of a ``go`` command (``go help environment``).

    ``target``: the variables that name it; none for the host. ``compiler``: the C compiler's command for cgo; without
    one cgo is off. Caches are shared by all checkouts: Go's are safe for that, and keyed by content.
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
    if compiler:
        variables["CC"] = " ".join(map(str, compiler))
    base = base_environment([goroot / "bin"])
    return {**base, **variables, **more}
