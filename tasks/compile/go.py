"""Artifacts of kind ``go-binary``: one ``go build`` each, with the flags that all of a release share."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from crosscourse import files
from crosscourse.engine.reasons import Inputs
from crosscourse.engine.step import Context, Step
from crosscourse.git.fingerprint import walk
from crosscourse.manifest.model import GoBinary
from crosscourse.project import Project
from tasks import go_modules as modules
from tasks import toolchain
from tasks.compile import c as compile_c
from tasks.compile.steps import artifact_inputs, compile_name, placeholders, recipe, table_inputs
from toolchains import go as golang
from toolchains.c import zig
from toolchains.targets import Target
from toolchains.tools import program


def step(project: Project, target: Target, name: str, artifact: GoBinary) -> Step:
    """The step that makes ``artifact`` for ``target``."""
    output = project.artifact_file(target.name, name)
    source = project.source(artifact.source)
    after = [modules.name_of(target, artifact.source)] if source.modules == "proxy" else []

    def inputs() -> Inputs:
        return {
            "recipe": recipe(__file__, golang.__file__, zig.__file__),
            "shared Go flags": table_inputs("", project.manifest.go)[""],
            "stamp": stamp(project, artifact),
            **artifact_inputs(project, target, artifact),
        }

    def work(context: Context) -> None:
        # Artifacts of one source share most packages: one after the other, so that each is compiled once.
        with project.pool.hold(artifact.memory, f"{target.name}:{artifact.source}", context.note):
            built = context.scratch / name
            context.run(
                build_command(project, artifact, built),
                env=build_environment(project, target, artifact),
                cwd=project.checkout(artifact.source) / artifact.directory,
            )
        with files.replacing(output, mode=0o755) as partial:
            built.replace(partial)

    tools = ["toolchain:go", *(["toolchain:zig", *_pkgconf(project)] if artifact.cgo else [])]
    libraries = [compile_name(target, library) for library in artifact.libraries]
    return Step(
        name=compile_name(target, name),
        stage="compile",
        doc=f"{name} for {target.name}",
        build=project.build,
        inputs=inputs,
        work=work,
        needs=(*tools, *libraries),
        after=(f"patch:{artifact.source}", *after),
        outputs=(output,),
        watches=lambda: project.fingerprints.prefetch([project.checkout(artifact.source)]),
    )


def _pkgconf(project: Project) -> list[str]:
    return ["toolchain:pkgconf"] if "pkgconf" in project.manifest.toolchain else []


def _library_mark(prefixes: list[Path]) -> list[str]:
    """A macro that nobody reads. Go's build cache keeps where C libraries and headers lie, and does not look into them:
    with their places and contents among the flags, what was compiled against other ones is not taken for this.
    """
    found = [path for prefix in prefixes for path in sorted(walk(prefix)) if path.suffix in (".a", ".h")]
    if not found:
        return []
    told = "".join(f"{path} {files.digest(path)}\n" for path in found)
    return [f"-DCROSSCOURSE_LIBRARIES={files.digest_text(told)[:16]}"]


def stamp(project: Project, artifact: GoBinary) -> str:
    """The artifact's own linker flags, filled in: versions and commits."""
    values = placeholders(project, artifact)
    return " ".join(flag.format_map(values) for flag in artifact.ldflags)


def build_command(project: Project, artifact: GoBinary, output: Path) -> list[str | Path]:
    """``go build`` with the release's flags first, then the artifact's."""
    settings = project.manifest.go
    ldflags = [*settings.ldflags, *shlex.split(stamp(project, artifact))]
    if artifact.cgo:
        external = shlex.join(["-static", *artifact.external_ldflags])
        ldflags += ["-linkmode=external", f"-extldflags={external}"]
    return [
        "go",
        "build",
        *settings.flags,
        "-tags",
        ",".join([*settings.tags, *artifact.tags]),
        "-ldflags",
        _quote(ldflags),
        "-o",
        output,
        artifact.package,
    ]


def _quote(flags: list[str]) -> str:
    """Flags as the go command splits them: space-separated, quoted where a flag has spaces (``go help build``)."""
    return " ".join(f"'{flag}'" if " " in flag else flag for flag in flags)


def build_environment(project: Project, target: Target, artifact: GoBinary) -> dict[str, str]:
    """The environment of ``go build``: for cgo with the C compiler and the libraries' pkg-config files."""
    cache = toolchain.cache(project)
    goroot = toolchain.goroot(project)
    home = project.build / "home"
    home.mkdir(parents=True, exist_ok=True)
    if not artifact.cgo:
        return golang.environment(goroot, cache=project.cache, home=home, target=target)
    compiler = program(toolchain.find(project, "zig"), cache)
    prefixes = [compile_c.prefix(project, target, library) for library in artifact.libraries]
    more = {
        # Not empty: Go would put its own -O2 -g in place of nothing.
        "CGO_CFLAGS": shlex.join([*zig.FLAGS, *artifact.cflags, *_library_mark(prefixes)]),
        "CGO_LDFLAGS": shlex.join(zig.FLAGS),
        "PKG_CONFIG_LIBDIR": os.pathsep.join(str(prefix / "lib" / "pkgconfig") for prefix in prefixes),
        **zig.environment(project.cache),
    }
    if "pkgconf" in project.manifest.toolchain:
        more["PKG_CONFIG"] = str(program(toolchain.find(project, "pkgconf"), cache))
    return golang.environment(
        goroot,
        cache=project.cache,
        home=home,
        target=target,
        compiler=zig.compiler(compiler, target),
        **more,
    )
