"""Kind ``generated-source``: files that are made of a source on this machine before it is compiled.

Upstream's own build scripts call programs that write Go files (of assets, of migrations, of an interface) and then
compile. Here they are called in a folder that has nothing of the source but the inputs, once for all targets; what they
write is laid over the source when a program is built (``assets``), which itself stays as it is.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import msgspec

from crosscourse.engine.spec import Spec
from crosscourse.manifest.locks import Lock
from crosscourse.manifest.model import Artifact, Manifest
from crosscourse.manifest.types import Argument, RelativePath
from tasks import names
from tasks.compile import inputs
from tasks.members import Member
from toolchains.targets import Target

if TYPE_CHECKING:
    from crosscourse.engine.places import Places

# What may stand first in a command.
TOOLS = ("go", "python")

Command = Annotated[list[Argument], msgspec.Meta(min_length=1)]


class GeneratedSource(Artifact, frozen=True, kw_only=True, tag="generated-source"):
    """Files made by programs of this machine.

    ``inputs``: files and folders of the source that they are made of. ``files``: path → text, laid over the inputs, new
    or in place of one. ``run``: commands, one after the other, in the folder of the inputs; the first word is ``go`` or
    ``python``. ``outputs``: what they make, as paths there.
    """

    is_asset: ClassVar[bool] = True

    inputs: Annotated[list[RelativePath], msgspec.Meta(min_length=1)]
    files: dict[RelativePath, str] = {}
    run: Annotated[list[Command], msgspec.Meta(min_length=1)]
    outputs: Annotated[list[RelativePath], msgspec.Meta(min_length=1)]

    def problems(self, key: str, manifest: Manifest) -> Iterator[str]:
        """A path, a program that is none of ours, no Go, an output that is named twice."""
        if self.path is not None:
            yield f"{key}.path: what is laid over a source has no place of its own in the distribution"
        for command in self.run:
            if command[0] not in TOOLS:
                yield f"{key}.run: '{command[0]}' is none of {', '.join(TOOLS)}"
        if any(command[0] == "go" for command in self.run) and "go" not in manifest.toolchain:
            yield f"{key}: runs Go, but [toolchain] names no version of go"
        for output in sorted({output for output in self.outputs if self.outputs.count(output) > 1}):
            yield f"{key}.outputs: '{output}' is named twice"


class GeneratedSourceBuild(Spec, frozen=True, kw_only=True):
    """What decides how they come out; its fields as in the manifest."""

    inputs: tuple[str, ...]
    files: dict[str, str]
    run: tuple[tuple[str, ...], ...]
    outputs: tuple[str, ...]


table: type[GeneratedSource] = GeneratedSource
stage = names.ONCE
reads_source = True
turn_of_source = False


def folder(name: str) -> str:
    """A folder of its own."""
    return name


def outputs(name: str, table: GeneratedSource) -> tuple[str, ...]:  # noqa: ARG001  # one signature for all kinds
    """All of them, by their paths in the source."""
    return tuple(table.outputs)


def members(name: str, table: GeneratedSource) -> Iterator[Member]:  # noqa: ARG001
    """None: they are compiled."""
    return iter(())


def spec_of(
    manifest: Manifest,  # noqa: ARG001
    target: Target,  # noqa: ARG001
    lock: Lock,  # noqa: ARG001
    name: str,  # noqa: ARG001
    table: GeneratedSource,
) -> GeneratedSourceBuild:
    """What decides how they come out, for any target."""
    return GeneratedSourceBuild(
        inputs=tuple(table.inputs),
        files=table.files,
        run=tuple(map(tuple, table.run)),
        outputs=tuple(table.outputs),
    )


def needs(spec: GeneratedSourceBuild) -> tuple[str, ...]:
    """The steps that come before."""
    return (names.toolchain("go"),) if any(command[0] == "go" for command in spec.run) else ()


def build(spec: GeneratedSourceBuild, at: Places) -> None:
    """Run the commands. Raises AssetsError, CommandError."""
    from crosscourse.engine.reads import Reads, through_links

    at.read(through_links(at.source, Reads.of(trees=spec.inputs)))
    tree, home = at.scratch / "tree", at.scratch / "home"
    home.mkdir()
    inputs.copy_inputs(at.source, tree, spec.inputs, spec.outputs)
    for path, text in spec.files.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text, encoding="utf-8")
    before = inputs.beside(tree, spec.outputs)
    _run(spec.run, tree, home, at)
    inputs.check_outputs(tree, spec.outputs, before)
    for output in spec.outputs:
        shutil.copyfile(tree / output, at.output(output))


def _run(commands: Sequence[Sequence[str]], tree: Path, home: Path, at: Places) -> None:
    from crosscourse.run.environment import base_environment
    from crosscourse.run.retry import retrying
    from toolchains import go

    env = base_environment(HOME=str(home))
    if names.toolchain("go") in at.needed:
        goroot = at.need(names.toolchain("go"), "program").parent.parent
        env = go.environment(goroot, cache=at.caches, home=home, target={})
    for command in commands:
        at.status(f"running {' '.join(command)}"[:60])
        words = [sys.executable, *command[1:]] if command[0] == "python" else list(command)
        # Again, if the network fails: `go run` fetches the modules of its program.
        retrying(partial(at.run, words, env=env, cwd=tree), status=at.status)
