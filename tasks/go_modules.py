"""Stage 4, modules: the Go modules that a source's artifacts need, downloaded ahead and with retries.

Go checks each against go.sum (https://go.dev/ref/mod#authenticating) when it arrives; we do before something is made of
it. Compiling then needs no network; should an edit import something new, Go still fetches it by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

import msgspec

from crosscourse.engine.places import Places
from crosscourse.engine.reads import Reads
from crosscourse.engine.spec import Spec
from crosscourse.engine.step import SourceFolder, Step
from crosscourse.errors import CrosscourseError, DiskFullError
from crosscourse.layout import Layout
from crosscourse.manifest.model import Manifest
from crosscourse.run import disk, process
from crosscourse.run.network import is_network_trouble
from crosscourse.run.retry import retrying
from tasks import names
from tasks.compile.go_binary import GoBinary
from toolchains import go
from toolchains.targets import Target, get_target


class ModulesError(CrosscourseError):
    """Go modules that could not be downloaded."""


class Packages(msgspec.Struct, frozen=True, kw_only=True):
    """A Go package of ``directory`` whose dependencies are wanted, as it is built."""

    directory: str
    package: str
    tags: tuple[str, ...]
    cgo: bool


class GoModules(Spec, frozen=True, kw_only=True):
    """Modules of a source."""

    source: str
    packages: tuple[Packages, ...]
    go_env: dict[str, str]


def steps(manifest: Manifest, layout: Layout, target: str) -> Iterator[Step]:
    """A step for each source with ``modules = "proxy"``, for one target."""
    found: dict[str, list[Packages]] = {}
    for _, binary in manifest.of(GoBinary):
        if manifest.source[binary.source].modules == "proxy":
            found.setdefault(binary.source, []).append(
                Packages(
                    directory=binary.directory,
                    package=binary.package,
                    tags=(*manifest.go.tags, *binary.tags),
                    cgo=binary.cgo,
                )
            )
    for name in manifest.source:
        if name in found:
            yield _step(layout, get_target(target), name, tuple(found[name]))


def _step(layout: Layout, target: Target, source: str, packages: tuple[Packages, ...]) -> Step:
    return Step(
        name=names.modules(target.name, source),
        stage="modules",
        doc=f"Go modules of {source}",
        spec=GoModules(source=source, packages=packages, go_env=target.go_env),
        work=fetch,
        needs=(names.toolchain("go"),),
        after=(names.patch(source),),
        source=SourceFolder(name=source, path=layout.checkout(source), reads=_pins(packages)),
        place=layout.cache / "go-mod",
        probe=missing,
        probed=folder,
        result=downloaded,
        sound=damaged,
        removed_by="nobody",
    )


def _pins(packages: Iterable[Packages]) -> Reads:
    """The files that pin modules. Should an edit import more than these name, Go fetches it when it compiles."""
    folders = {PurePosixPath(package.directory) for package in packages}
    return Reads.of(files=[str(folder / name) for folder in folders for name in ("go.mod", "go.sum")])


def missing(_spec: GoModules, cache: Path) -> str | None:
    """What a plan says if there are no modules."""
    return None if cache.is_dir() else "the module cache is gone"


def folder(cache: Path) -> tuple[Path, ...]:
    """What ``missing`` looks at."""
    return (cache,)


def downloaded(_spec: GoModules, _cache: Path) -> str:
    """Nothing is made again for the modules: what they are is pinned by the source."""
    return "downloaded"


def damaged(step: Step) -> str | None:
    """Which modules that the source pins are not what they were when they were downloaded; None if all are."""
    from toolchains import go_module_cache

    assert step.place is not None
    assert step.source is not None
    assert isinstance(step.spec, GoModules)
    return ", ".join(go_module_cache.damage(step.place, _sum_files(step.spec, step.source.path))) or None


def _sum_files(spec: GoModules, source: Path) -> list[Path]:
    return [source / folder / "go.sum" for folder in dict.fromkeys(package.directory for package in spec.packages)]


def fetch(spec: GoModules, at: Places) -> None:
    """Download what the packages need, and no more; again, where it was changed. Raises ModulesError."""
    from toolchains import caches, go_module_cache

    at.status("looking at modules")
    for folder in go_module_cache.mend(at.place, _sum_files(spec, at.source)):
        at.report(f"Go module {folder} was not what go.sum says: it is fetched again")
        # What Go remembers of modules is taken to stay true.
        caches.discard(at.caches / caches.GO)
    goroot = at.need(names.toolchain("go"), "program").parent.parent
    home = at.scratch / "home"
    home.mkdir()
    env = go.environment(goroot, cache=at.caches, home=home, target=spec.go_env)
    at.status("downloading modules")
    for package in spec.packages:
        words = go.listing("-tags", ",".join(package.tags), "-f", "{{if .DepsErrors}}{{end}}")
        cgo = {"CGO_ENABLED": "1" if package.cgo else "0"}
        download(at, [*words, package.package], env | cgo, at.source / package.directory, spec.source)


def download(at: Places, command: Sequence[str | Path], env: Mapping[str, str], folder: Path, source: str) -> None:
    """Run a ``go list`` in a source's ``folder`` that downloads modules, again if the network fails.

    Raises ModulesError.
    """
    try:
        retrying(lambda: at.run(command, env=env, cwd=folder), status=at.status)
    except process.CommandError as error:
        # Where Go can't write to its cache, it says that packages are not there.
        if full := disk.full([at.caches, folder], spoken=disk.speaks_of_room(error.tail)):
            raise DiskFullError(f"Go packages of '{source}'", full) from None
        if not is_network_trouble(error.tail):
            raise ModulesError(f"Go packages of '{source}'", f"can't be listed. go says:\n{error.tail}") from None
        raise ModulesError(
            f"Go modules of '{source}'",
            f"could not be downloaded. go says:\n{error.tail}",
            "Check the network, then run the same command again: what arrived is kept.\n"
            "GOPROXY can name a proxy that you reach.",
        ) from None
