"""Artifacts of kinds ``static-library`` and ``c-program``: C compiled by ``zig cc``, without make or configure."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from crosscourse import files
from crosscourse.engine.reasons import Inputs
from crosscourse.engine.step import Context, Step
from crosscourse.errors import CrosscourseError
from crosscourse.manifest.model import CProgram, Generate, StaticLibrary
from crosscourse.project import Project
from crosscourse.run import process
from tasks import toolchain
from tasks.compile.steps import artifact_inputs, compile_name, recipe
from toolchains.c import zig
from toolchains.targets import Target
from toolchains.tools import program


def prefix(project: Project, target: Target, library: str) -> Path:
    """The folder that a library is installed into: ``lib``, ``include``."""
    return project.build / target.name / "libraries" / library


def library_step(project: Project, target: Target, name: str, artifact: StaticLibrary) -> Step:
    """The step that makes a static library with its headers and its pkg-config file."""
    home = prefix(project, target, name)
    archive = home / "lib" / f"lib{artifact.library}.a"
    description = home / "lib" / "pkgconfig" / f"{name}.pc"
    headers = {home / "include" / path: source for path, source in artifact.headers.items()}

    def work(context: Context) -> None:
        with project.pool.hold(artifact.memory, f"{target.name}:{name}", context.note):
            builder = _Builder(project, target, artifact, context)
            builder.generate(artifact.generate)
            for path, source in headers.items():
                with files.replacing(path) as partial:
                    shutil.copyfile(builder.find(source), partial)
            objects = builder.compile(artifact.files, [*artifact.cflags, f"-I{home / 'include'}"])
            with files.replacing(archive) as partial:
                builder.run("ar", "rcsD", partial, *objects)
            files.write_text(
                description,
                pkgconfig(
                    name,
                    artifact,
                    project.source(artifact.source).version
                    or (project.source(artifact.source).tag or "").removeprefix("v"),
                ),
            )

    return _step(project, target, name, artifact, work, (archive, description, *headers))


def program_step(project: Project, target: Target, name: str, artifact: CProgram) -> Step:
    """The step that makes a statically linked C program."""
    output = project.artifact_file(target.name, name)

    def work(context: Context) -> None:
        with project.pool.hold(artifact.memory, f"{target.name}:{name}", context.note):
            builder = _Builder(project, target, artifact, context)
            builder.generate(artifact.generate)
            prefixes = [prefix(project, target, library) for library in artifact.libraries]
            includes = [f"-I{folder / 'include'}" for folder in prefixes]
            objects = builder.compile(artifact.files, [*artifact.cflags, *includes])
            linked = [
                f"-l{library.library}"
                for library in map(project.manifest.artifact.get, artifact.libraries)
                if isinstance(library, StaticLibrary)
            ]
            folders = [f"-L{folder / 'lib'}" for folder in prefixes]
            built = context.scratch / name
            builder.run("cc", "-static", "-o", built, *objects, *folders, *linked, *artifact.ldflags)
        with files.replacing(output, mode=0o755) as partial:
            built.replace(partial)

    return _step(project, target, name, artifact, work, (output,), artifact.libraries)


def _step(
    project: Project,
    target: Target,
    name: str,
    artifact: StaticLibrary | CProgram,
    work: object,
    outputs: tuple[Path, ...],
    libraries: Sequence[str] = (),
) -> Step:
    def inputs() -> Inputs:
        return {
            "recipe": recipe(__file__, zig.__file__),
            **artifact_inputs(project, target, artifact),
        }

    commands = {step.command[0] for step in artifact.generate if step.command}
    tools = ["zig", *sorted(commands & set(project.manifest.toolchain))]
    return Step(
        name=compile_name(target, name),
        stage="compile",
        doc=f"{name} for {target.name}",
        build=project.build,
        inputs=inputs,
        needs=(*(f"toolchain:{tool}" for tool in tools), *(compile_name(target, library) for library in libraries)),
        after=(f"patch:{artifact.source}",),
        outputs=outputs,
        work=work,  # type: ignore[arg-type]
        watches=lambda: project.fingerprints.prefetch([project.checkout(artifact.source)]),
    )


def pkgconfig(name: str, artifact: StaticLibrary, version: str) -> str:
    """A pkg-config file (pc(5)) that finds the library wherever its folder stands."""
    fields = {
        "Name": name,
        "Description": name,
        "Version": version,
        "Cflags": "-I${includedir}",
        "Libs": f"-L${{libdir}} -l{artifact.library}",
        **artifact.pkgconfig,
    }
    head = "prefix=${pcfiledir}/../..\nlibdir=${prefix}/lib\nincludedir=${prefix}/include\n\n"
    return head + "".join(f"{key}: {value}\n" for key, value in fields.items())


class _Builder:
    """The calls of the compiler for one artifact: scratch folder, checkout and flags in one place."""

    def __init__(self, project: Project, target: Target, artifact: StaticLibrary | CProgram, context: Context) -> None:
        self.project = project
        self.target = target
        self.context = context
        self.source = project.checkout(artifact.source)
        self.generated = context.scratch / "generated"
        self.objects = context.scratch / "objects"
        self.generated.mkdir()
        self.objects.mkdir()
        self.zig = program(toolchain.find(project, "zig"), toolchain.cache(project))
        self.env = process.base_environment(
            **zig.environment(project.cache),
            SOURCE_DATE_EPOCH=str(project.manifest.epoch),
        )

    def find(self, path: str) -> Path:
        """A file of the checkout, or of the generated ones (``{generated}/x``)."""
        if path.startswith("{generated}/"):
            return self.generated / path.removeprefix("{generated}/")
        return self.source / path

    def run(self, tool: str, *words: str | Path) -> None:
        """``zig ar`` or ``zig cc`` for the target, in the checkout, so that no absolute path is on the command line."""
        command = zig.compiler(self.zig, self.target) if tool == "cc" else [self.zig, tool]
        self.context.run([*command, *words], env=self.env, cwd=self.source)

    def generate(self, steps: Sequence[Generate]) -> None:
        """Make the files that are compiled but not in the source."""
        for step in steps:
            output = self.generated / step.output
            output.parent.mkdir(parents=True, exist_ok=True)
            if step.content is not None:
                output.write_text(step.content, encoding="utf-8")
            elif step.template is not None:
                text = self.find(step.template).read_text(encoding="utf-8")
                for key, value in step.replace.items():
                    text = text.replace(key, value)
                output.write_text(text, encoding="utf-8")
            elif step.command:
                self._run_generator(step.command)
            if not output.is_file():
                raise CrosscourseError(f"generate {step.output}", "was not made", f"Its log: {self.context.log}")

    def _run_generator(self, words: list[str]) -> None:
        name, *rest = [word.replace("{source}", str(self.source)) for word in words]
        tool = (
            sys.executable
            if name == "python"
            else program(toolchain.find(self.project, name), toolchain.cache(self.project))
        )
        self.context.run([tool, *rest], env=self.env, cwd=self.generated)

    def compile(self, sources: Sequence[str], flags: Sequence[str]) -> list[Path]:
        """Compile each C file to an object; returns the objects in the same order."""
        common = [
            f"-ffile-prefix-map={self.generated}=generated",
            f"-ffile-prefix-map={self.source}=.",
            f"-I{self.generated}",
            *flags,
        ]
        objects = []
        for index, path in enumerate(sources):
            self.context.note(f"compiling {path} ({index + 1} of {len(sources)})")
            made = self.objects / f"{index:03}-{Path(path).stem}.o"
            self.run("cc", *common, "-c", self.find(path) if path.startswith("{") else path, "-o", made)
            objects.append(made)
        return objects
