"""Kind ``go-binary``: a program made by one ``go build``, with the flags that all of a release share."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from crosscourse import files
from crosscourse.engine.spec import Spec
from crosscourse.manifest import placeholders, references
from crosscourse.manifest.locks import Lock
from crosscourse.manifest.model import Artifact, Manifest
from crosscourse.manifest.types import FolderPath, GoPackage, GoTag, Line, Name
from tasks import names
from tasks.compile import c, program
from tasks.compile.static_library import libraries
from toolchains import go
from toolchains.c import compilers
from toolchains.c.compiler import Compiler
from toolchains.targets import Target

if TYPE_CHECKING:
    from crosscourse.engine.places import Places


class GoBinary(Artifact, frozen=True, kw_only=True, tag="go-binary"):
    """A program linked by Go. ``cgo``: with C code. ``libraries``: static libraries that it links.

    ``assets``: artifacts whose outputs are laid over the source, at their own paths, for it to embed.
    """

    is_program: ClassVar[bool] = True

    package: GoPackage
    directory: FolderPath = "."
    cgo: bool = False
    tags: list[GoTag] = []
    ldflags: list[Line] = []
    libraries: list[Name] = []
    cflags: list[Line] = []
    external_ldflags: list[Line] = []
    assets: list[Name] = []

    @property
    def uses_c_compiler(self) -> bool:
        """Through cgo."""
        return self.cgo

    @property
    def can_be_dynamic(self) -> bool:
        """With C; a program of Go alone has no use for a C library."""
        return self.cgo

    def problems(self, key: str, manifest: Manifest) -> Iterator[str]:
        """Libraries that are none or without cgo, no Go, placeholders that nothing fills in."""
        yield from references.library_problems(f"{key}.libraries", self.libraries, manifest)
        for asset in self.assets:
            yield from references.asset_problems(f"{key}.assets", asset, manifest)
        if self.libraries and not self.cgo:
            yield f"{key}.cgo: libraries are linked through cgo; set it to true"
        if "go" not in manifest.toolchain:
            yield f"{key}: made by Go, but [toolchain] names no version of go"
        for flag in self.ldflags:
            yield from placeholders.problems(f"{key}.ldflags", flag)
        try:
            shlex.split(" ".join(self.ldflags))
        except ValueError as error:
            yield f"{key}.ldflags: quotes that do not match: {error}"


class GoBuild(Spec, frozen=True, kw_only=True):
    """What decides how a program comes out.

    ``ldflags``: the release's, then its own, with versions and commits filled in. ``go_env``: what Go calls the target.
    ``import_path``: of the source, where that has no ``go.mod``; else empty.
    ``compiler``: for C code; None without cgo. ``pkgconf``: whether the release has its own pkg-config.
    ``assets``: the steps whose outputs are laid over the source; ``stand_ins``: path there → text, in place of those of
    assets that are left out.
    """

    package: str
    directory: str
    import_path: str = ""
    flags: tuple[str, ...]
    tags: tuple[str, ...]
    ldflags: tuple[str, ...]
    go_env: dict[str, str]
    compiler: Compiler | None
    pkgconf: bool
    cflags: tuple[str, ...]
    external_ldflags: tuple[str, ...]
    libraries: tuple[c.Library, ...]
    assets: tuple[str, ...] = ()
    stand_ins: dict[str, str] = {}


table: type[GoBinary] = GoBinary
stage = "compile"
reads_source = True
# They share most packages: one after the other, so that each is compiled once.
turn_of_source = True
folder, outputs, members = program.folder, program.outputs, program.members


def spec_of(
    manifest: Manifest, target: Target, lock: Lock, name: str, table: GoBinary  # noqa: ARG001  # one for all kinds
) -> GoBuild:
    """What decides how it comes out for a target."""
    source = manifest.source[table.source]
    own = " ".join(placeholders.fill_in(flag, manifest, table.source) for flag in table.ldflags)
    return GoBuild(
        package=table.package,
        directory=table.directory,
        import_path=source.import_path or "",
        flags=(*manifest.go.flags, *go.vendor_flags(source.modules, source.import_path)),
        tags=(*manifest.go.tags, *table.tags),
        ldflags=(*manifest.go.ldflags, *shlex.split(own)),
        go_env=target.go_env,
        compiler=compilers.of(manifest.c, target, static=name not in manifest.dynamic) if table.cgo else None,
        pkgconf=table.cgo and "pkgconf" in manifest.toolchain,
        cflags=tuple(table.cflags),
        external_ldflags=tuple(table.external_ldflags),
        libraries=libraries(manifest, target, table.libraries),
        assets=tuple(names.once(asset) for asset in table.assets if manifest.artifact[asset].built),
        stand_ins={
            path: text
            for asset in table.assets
            if not manifest.artifact[asset].built
            for path, text in manifest.artifact[asset].stand_ins.items()
        },
    )


def needs(spec: GoBuild) -> tuple[str, ...]:
    """The steps that come before."""
    tools = ["go", *(spec.compiler.tools if spec.compiler else ()), *(["pkgconf"] if spec.pkgconf else [])]
    return (*map(names.toolchain, tools), *(library.step for library in spec.libraries), *spec.assets)


def build(spec: GoBuild, at: Places) -> None:
    """The question what of the source goes into it, then one ``go build``."""
    build_to(at.output(), spec, at)


def build_elsewhere(output: Path, spec: GoBuild, at: Places) -> None:
    """The same, for a system that may be no target: what no target's programs are made of may not be there yet."""
    from crosscourse.run.retry import retrying

    env, source = environment(spec, at), at.source / spec.directory
    words = go.listing(*spec.flags, "-tags", ",".join(spec.tags), "-f", "{{if .DepsErrors}}{{end}}")
    at.status("downloading modules")
    retrying(lambda: at.run([*words, _named(spec)], env=env, cwd=source), status=at.status)
    build_to(output, spec, at)


def build_to(output: Path, spec: GoBuild, at: Places) -> None:
    """The same as ``build``, of a program that is not itself what the step makes."""
    # Here, not above: a build with nothing to do compiles nothing, and must start fast.
    from toolchains import caches, go_room
    from toolchains.go_closure import closure
    from toolchains.go_memory import go_memory_settings
    from toolchains.go_standard import compile_once

    env, folder = environment(spec, at), at.source / spec.directory
    settings, more = {}, []
    if at.grant:
        # Go commands run beside each other. A compiler for each processor, of one thread: on two processors two such
        # commands took 379 CPU seconds of the 414 that they take by themselves, for the same bytes.
        settings = {**go_memory_settings(at.grant.memory, at.grant.processors), "GOMAXPROCS": "1"}
        more = ["-p", str(at.grant.processors)]
    flags = [*spec.flags, "-tags", ",".join(spec.tags)]
    at.status("listing what it is made of")
    found = closure(at.ask, package=_named(spec), flags=flags, env=env | settings, folder=folder, checkout=at.source)
    at.read(found.reads)
    if spec.compiler and found.unseen:
        env["CGO_CFLAGS"] += f" -DCROSSCOURSE_INCLUDED={found.unseen[:16]}"
    own, kept = {"GOCACHE": str(at.scratch / "go-build")}, at.caches / caches.GO
    if found.uncached:  # a macro for the assembler would be told in the program
        env |= own
    words = command(spec, output)

    def run(status: str, cache: dict[str, str]) -> None:
        at.status(status)
        at.run([*words[:2], *more, *words[2:]], env=env | settings | cache, cwd=folder)

    with go_room.forgetting(kept):
        if at.grant and not found.uncached:
            compile_once(
                at.run, found.standard, flags=[*more, *flags], env=env | settings, folder=folder, status=at.status
            )
        more += overlay(spec, at)
        damaged = go_room.linked(lambda: run("compiling", {}), lambda: run("compiling without what Go kept", own))
    if damaged:
        at.report(f"the cache {kept.name} was damaged (objects that can't be linked): what was lost is made again")
        caches.discard(kept)


def overlay(spec: GoBuild, at: Places) -> list[str]:
    """Flags that lay assets over the source, which itself stays as it is (``go help build``, "-overlay").

    Files so laid are embedded as those of the source are, as new ones or in place of others.
    """
    laid = {path: str(place) for step in spec.assets for path, place in at.needed[step].items()}
    for number, (path, text) in enumerate(spec.stand_ins.items()):
        place = at.scratch / f"stand-in-{number}"
        place.write_text(text, encoding="utf-8")
        laid[path] = str(place)
    if not laid:
        return []
    # By the paths that go sees: where a checkout is a link, it is in what that leads to.
    home = at.scratch / "home"
    source = go.in_gopath(home, spec.import_path) if spec.import_path else at.source.resolve()
    told = at.scratch / "overlay.json"
    told.write_text(json.dumps({"Replace": {str(source / path): laid[path] for path in laid}}), encoding="utf-8")
    return ["-overlay", str(told)]


def command(spec: GoBuild, output: Path) -> list[str | Path]:
    """``go build`` with the release's flags first, then the artifact's."""
    ldflags = list(spec.ldflags)
    if spec.compiler:
        external = go.quote([*spec.compiler.static, *spec.external_ldflags])
        ldflags += ["-linkmode=external", f"-extldflags={external}"]
    tags = ",".join(spec.tags)
    return ["go", "build", *spec.flags, "-tags", tags, "-ldflags", go.quote(ldflags), "-o", output, _named(spec)]


def _named(spec: GoBuild) -> str:
    return go.named(spec.package, spec.import_path, spec.directory)


def environment(spec: GoBuild, at: Places) -> dict[str, str]:
    """The environment of ``go build``: for cgo with the C compiler and the libraries' pkg-config files."""
    goroot = at.need(names.toolchain("go"), "program").parent.parent
    home = at.scratch / "home"
    home.mkdir(exist_ok=True)
    old = go.without_modules(home, spec.import_path, at.source) if spec.import_path else {}
    if not spec.compiler:
        return go.environment(goroot, cache=at.caches, home=home, target=spec.go_env) | old
    prefixes = [c.prefix(at, library) for library in spec.libraries]
    module = compilers.module(spec.compiler)
    more = {
        # Not empty: Go would put its own -O2 -g in place of nothing.
        "CGO_CFLAGS": go.quote([*spec.compiler.flags, *spec.cflags, *_library_mark(prefixes)]),
        "CGO_LDFLAGS": go.quote(spec.compiler.flags),
        "PKG_CONFIG_LIBDIR": os.pathsep.join(str(prefix / "lib" / "pkgconfig") for prefix in prefixes),
        **module.environment(at.caches),
        **old,
    }
    programs = [at.need(names.toolchain("pkgconf"), "program")] if spec.pkgconf else []
    if programs:
        more["PKG_CONFIG"] = programs[0].name
    compiler = module.command(spec.compiler, lambda tool: at.need(names.toolchain(tool), "program"))
    return go.environment(
        goroot, cache=at.caches, home=home, target=spec.go_env, compiler=compiler, programs=programs, **more
    )


def _library_mark(prefixes: Sequence[Path]) -> list[str]:
    """A macro that nobody reads. Go's build cache keeps where C libraries and headers lie, and does not look into them:
    with their places and contents among the flags, what was compiled against other ones is not taken for this.
    (CROSSCOURSE_INCLUDED is another one, for files of the source that lie elsewhere than the package that uses them.)
    """
    found = [path for prefix in prefixes for path in sorted(prefix.rglob("*")) if path.suffix in (".a", ".h")]
    if not found:
        return []
    told = "".join(f"{path} {files.digest(path)}\n" for path in found)
    return [f"-DCROSSCOURSE_LIBRARIES={files.digest_text(told)[:16]}"]
