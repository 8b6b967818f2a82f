"""C compiled without make or configure: files generated, each file compiled, then archived or linked."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from crosscourse.errors import CrosscourseError
from crosscourse.manifest.types import Argument, RelativePath, Table

GENERATED = "{generated}/"


class Generate(Table, frozen=True, kw_only=True):
    """One step that makes a file before C code is compiled: a template filled in, or a command run.

    ``output``: the file, relative to the folder of generated files (which is on the include path).
    ``template`` with ``replace``: a file of the source, copied with each key replaced by its value.
    ``content``: the file's text itself. ``command``: a program with arguments, run in the folder of generated files;
    the program is a tool of ``[toolchain]`` or ``python``; ``{source}`` stands for the checkout.
    """

    output: RelativePath
    template: RelativePath | None = None
    replace: dict[str, str] = {}
    content: str | None = None
    command: list[Argument] | None = None


class Run(Protocol):
    """Runs a program to its end and logs what it prints. Raises CommandError."""

    def __call__(self, argv: Sequence[str | Path], *, env: Mapping[str, str], cwd: Path | None = None) -> object: ...


@dataclass(frozen=True, kw_only=True)
class Builder:
    """The calls of the compiler for one artifact.

    ``compiler``: its command for the target. ``static``: what makes a link static. ``archiver``: the command of ``ar``.
    ``source``: the checkout.
    ``generated``, ``objects``: folders for what is made on the way. ``program``: where a program that generates files
    is, by its name. ``status`` is told what is going on.
    """

    compiler: Sequence[str | Path]
    static: Sequence[str]
    archiver: Sequence[str | Path]
    env: Mapping[str, str]
    source: Path
    generated: Path
    objects: Path
    run: Run
    program: Callable[[str], Path]
    status: Callable[[str], object]

    def find(self, path: str) -> Path:
        """A file of the checkout, or of the generated ones (``{generated}/x``)."""
        if path.startswith(GENERATED):
            return self.generated / path.removeprefix(GENERATED)
        return self.source / path

    def generate(self, steps: Sequence[Generate]) -> None:
        """Make the files that are compiled but not in the source."""
        self.generated.mkdir(parents=True, exist_ok=True)
        for step in steps:
            output = self.generated / step.output
            output.parent.mkdir(parents=True, exist_ok=True)
            if step.content is not None:
                output.write_text(step.content, encoding="utf-8")
            elif step.template is not None:
                text = self.find(step.template).read_text(encoding="utf-8")
                output.write_text(fill_in(text, step.replace), encoding="utf-8")
            elif step.command:
                name, *words = (word.replace("{source}", str(self.source)) for word in step.command)
                self._generator(self.program(name), words)
            if not output.is_file():
                raise CrosscourseError(
                    f"generate {step.output}", "was not made", "Check `output` and `command` in the manifest."
                )

    def compile(self, files: Sequence[str], flags: Sequence[str]) -> list[Path]:
        """Compile each C file to an object; returns the objects in the same order.

        The compiler runs in the checkout, so that no absolute path is on its command line.
        """
        self.objects.mkdir(parents=True, exist_ok=True)
        common = [
            f"-ffile-prefix-map={self.generated}=generated",
            f"-ffile-prefix-map={self.source}=.",
            f"-I{self.generated}",
            *flags,
        ]
        objects = []
        for index, path in enumerate(files):
            self.status(f"compiling {path} ({index + 1} of {len(files)})")
            made = self.objects / f"{index:03}-{Path(path).stem}.o"
            words: list[str | Path] = ["-MD", "-MF", made.with_suffix(".d"), "-o", made]
            self._compiler(*common, "-c", self.find(path) if path.startswith(GENERATED) else path, *words)
            objects.append(made)
        return objects

    def read(self) -> list[str]:
        """The files that were read, as the compiler's dep-files say; relative ones are of the checkout."""
        from toolchains.c import dependencies

        return [
            path
            for file in sorted(self.objects.glob("*.d"))
            for path in dependencies.parse(file.read_text(encoding="utf-8", errors="surrogateescape"))
        ]

    def archive(self, output: Path, objects: Sequence[Path]) -> None:
        """Make a static library (ar(1): D writes no times and owners)."""
        self.run([*self.archiver, "rcsD", output, *objects], env=self.env, cwd=self.source)

    def link(self, output: Path, objects: Sequence[Path], flags: Sequence[str]) -> None:
        """Link a static program."""
        self._compiler(*self.static, "-o", output, *objects, *flags)

    def _generator(self, program: Path, words: Sequence[str]) -> None:
        """Called by its name: some write into the file how they were called, and where they are must not matter."""
        path = os.pathsep.join(filter(None, [str(program.parent), self.env.get("PATH")]))
        self.run(["env", program.name, *words], env={**self.env, "PATH": path}, cwd=self.generated)

    def _compiler(self, *words: str | Path) -> None:
        self.run([*self.compiler, *words], env=self.env, cwd=self.source)


def fill_in(text: str, replace: Mapping[str, str]) -> str:
    """``text`` with each key replaced by its value; of two keys, one of which starts the other, the longer one first.

    So what comes out does not depend on the order in which they were written.
    """
    for key in sorted(replace, key=lambda key: (-len(key), key)):
        text = text.replace(key, replace[key])
    return text


def commands(steps: Sequence[Generate]) -> Iterator[str]:
    """The programs that generate files, by name, again where one is called again."""
    for step in steps:
        if step.command:
            yield step.command[0]
