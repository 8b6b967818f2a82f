"""Stage 4, modules: the Go modules that a source's artifacts need, downloaded ahead and with retries.

Go checks each against go.sum (https://go.dev/ref/mod#authenticating). Compiling then needs no network; should an edit
import something new, Go still fetches it by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from crosscourse import files
from crosscourse.engine.reasons import Inputs
from crosscourse.engine.step import Context, Step
from crosscourse.errors import CrosscourseError
from crosscourse.manifest.model import GoBinary
from crosscourse.project import Project
from crosscourse.run import process
from crosscourse.run.retry import retrying
from tasks import toolchain
from tasks.compile.steps import target_inputs
from toolchains import go as golang
from toolchains.targets import Target

_NETWORK_WORDS = re.compile(
    r"dial tcp|no such host|i/o timeout|connection re(fused|set)|TLS handshake|unexpected EOF|server misbehaving|"
    r"50[0-9] |429 |network is unreachable|proxyconnect",
    re.IGNORECASE,
)


class ModulesError(CrosscourseError):
    """Go modules that could not be downloaded."""


def name_of(target: Target, source: str) -> str:
    """The name of the step that downloads a source's modules."""
    return f"modules:{target.name}:{source}"


def steps(project: Project, target: Target) -> Iterator[Step]:
    """A step for each source with ``modules = "proxy"``."""
    for source, table in project.manifest.source.items():
        binaries = [a for a in project.manifest.artifact.values() if isinstance(a, GoBinary) and a.source == source]
        if table.modules == "proxy" and binaries:
            yield _step(project, target, source, binaries)


def _step(project: Project, target: Target, source: str, binaries: list[GoBinary]) -> Step:
    folder = project.checkout(source)
    directories = sorted({binary.directory for binary in binaries})

    def inputs() -> Inputs:
        wanted = {f"{d}/{name}": _digest(folder / d / name) for d in directories for name in ("go.mod", "go.sum")}
        packages = {f"{binary.directory} {binary.package}": ",".join(binary.tags) for binary in binaries}
        return {"modules": wanted, "packages": packages, **target_inputs(target)}

    def work(context: Context) -> None:
        goroot = toolchain.goroot(project)
        env = golang.environment(goroot, cache=project.cache, home=project.build / "home", target=target)
        context.note("downloading modules")
        for binary in binaries:
            tags = ",".join([*project.manifest.go.tags, *binary.tags])
            # `go list -deps` downloads what these packages need, and no more than that.
            command: list[str | Path] = [
                goroot / "bin" / "go",
                "list",
                "-deps",
                "-tags",
                tags,
                "-f",
                "{{if .DepsErrors}}{{end}}",
            ]
            cgo = {"CGO_ENABLED": "1" if binary.cgo else "0"}
            download(context, [*command, binary.package], env | cgo, folder / binary.directory, source)

    return Step(
        name=name_of(target, source),
        stage="modules",
        doc=f"Go modules of {source}",
        build=project.build,
        needs=("toolchain:go",),
        after=(f"patch:{source}",),
        inputs=inputs,
        work=work,
        result=lambda: "downloaded",
        probe=lambda: None if (project.cache / "go-mod").is_dir() else "the module cache is gone",
    )


def _digest(path: Path) -> str:
    return files.digest(path) if path.is_file() else "none"


def download(context: Context, command: list[str | Path], env: dict[str, str], folder: Path, source: str) -> None:
    """Run a ``go list`` in a source's ``folder`` that downloads modules, again if the network fails.

    Raises ModulesError.
    """
    try:
        retrying(
            lambda: context.run(command, env=env, cwd=folder),
            trouble=lambda error: bool(_NETWORK_WORDS.search(error.tail)),
            note=context.note,
        )
    except process.CommandError as error:
        if not _NETWORK_WORDS.search(error.tail):
            raise ModulesError(f"Go packages of '{source}'", f"can't be listed. go says:\n{error.tail}") from None
        raise ModulesError(
            f"Go modules of '{source}'",
            f"could not be downloaded. go says:\n{error.tail}",
            "Check the network, then run the same command again: what arrived is kept.\n"
            "GOPROXY can name a proxy that you reach.",
        ) from None
