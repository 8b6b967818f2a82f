"""Kind ``node-assets``: files for a web page, made by Node.js programs, once on the host and the same for all targets.

The packages that ``yarn.lock`` names are fetched first, and those of Elm; what is made of them is made without a
network, in a folder that has nothing of the source but the inputs. A Go program embeds the result (``assets``).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import msgspec

from crosscourse.engine.spec import Spec
from crosscourse.manifest.locks import Lock
from crosscourse.manifest.model import Artifact, Manifest
from crosscourse.manifest.types import Argument, FolderPath, RelativePath
from tasks import names
from tasks.compile import inputs
from tasks.members import Member
from toolchains.targets import Target

if TYPE_CHECKING:
    from crosscourse.engine.places import Places

# What may stand first in a command, beside the programs of node_modules/.bin.
TOOLS = ("node", "yarn", "go")

Command = Annotated[list[Argument], msgspec.Meta(min_length=1)]


class NodeAssets(Artifact, frozen=True, kw_only=True, tag="node-assets"):
    """Files made by Node.js programs.

    ``inputs``: files and folders of the source that they are made of, ``package.json`` and ``yarn.lock`` among them.
    ``elm``: the folder with ``elm.json``, if there is Elm. ``run``: commands, one after the other, in the folder of the
    inputs. ``outputs``: what they make, as paths there. ``stand-in``: path → text, a file that is laid over the source
    in place of the outputs where the artifact is left out.
    """

    is_asset: ClassVar[bool] = True
    is_embedded: ClassVar[bool] = True
    can_be_left_out: ClassVar[bool] = True

    inputs: Annotated[list[RelativePath], msgspec.Meta(min_length=1)]
    elm: FolderPath | None = None
    run: Annotated[list[Command], msgspec.Meta(min_length=1)]
    outputs: Annotated[list[RelativePath], msgspec.Meta(min_length=1)]
    stand_in: dict[RelativePath, str] = {}

    @property
    def stand_ins(self) -> dict[RelativePath, str]:
        """As the manifest has them."""
        return self.stand_in

    def problems(self, key: str, manifest: Manifest) -> Iterator[str]:
        """A path, tools that are not in the release, an output that is named twice."""
        if self.path is not None:
            yield f"{key}.path: files of a page have no place of their own in the distribution: a program embeds them"
        wanted = {"node", "yarn", *(command[0] for command in self.run if command[0] in TOOLS)}
        for tool in sorted(wanted - manifest.toolchain.keys()):
            yield f"{key}: [toolchain] names no version of {tool}"
        for output in sorted({output for output in self.outputs if self.outputs.count(output) > 1}):
            yield f"{key}.outputs: '{output}' is named twice"


class NodeAssetsBuild(Spec, frozen=True, kw_only=True):
    """What decides how they come out. ``elm_commits``: of the release's lock file, by package and version."""

    inputs: tuple[str, ...]
    elm: str | None
    elm_commits: dict[str, str]
    run: tuple[tuple[str, ...], ...]
    outputs: tuple[str, ...]


table: type[NodeAssets] = NodeAssets
stage = names.ONCE
reads_source = True
turn_of_source = False


def folder(name: str) -> str:
    """A folder of its own."""
    return name


def outputs(name: str, table: NodeAssets) -> tuple[str, ...]:  # noqa: ARG001  # one signature for all kinds
    """All of them, by their paths in the source."""
    return tuple(table.outputs)


def members(name: str, table: NodeAssets) -> Iterator[Member]:  # noqa: ARG001
    """None: they are embedded."""
    return iter(())


def spec_of(
    manifest: Manifest,  # noqa: ARG001
    target: Target,  # noqa: ARG001
    lock: Lock,  # noqa: ARG001
    name: str,  # noqa: ARG001
    table: NodeAssets,
) -> NodeAssetsBuild:
    """What decides how they come out, for any target; but for ``elm_commits``, which the stage fills in."""
    return NodeAssetsBuild(
        inputs=tuple(table.inputs),
        elm=table.elm,
        elm_commits={},
        run=tuple(map(tuple, table.run)),
        outputs=tuple(table.outputs),
    )


def needs(spec: NodeAssetsBuild) -> tuple[str, ...]:
    """The steps that come before."""
    more = sorted({command[0] for command in spec.run if command[0] in TOOLS} - {"node", "yarn"})
    return tuple(map(names.toolchain, ("node", "yarn", *more)))


def build(spec: NodeAssetsBuild, at: Places) -> None:
    """Fetch the packages, then make the files without a network. Raises AssetsError, ElmLockError, CommandError."""
    from crosscourse.engine.reads import Reads, through_links
    from toolchains import node as nodejs

    at.read(through_links(at.source, Reads.of(trees=spec.inputs)))
    tree, home = at.scratch / "tree", at.scratch / "home"
    home.mkdir()
    inputs.copy_inputs(at.source, tree, spec.inputs, spec.outputs)
    before = inputs.beside(tree, spec.outputs)
    node, yarn = (at.need(names.toolchain(tool), "program") for tool in ("node", "yarn"))
    nodejs.install(at, node=node, yarn=yarn, folder=tree, home=home)
    more = _elm_home(spec, tree, at)
    programs = [tree / "node_modules" / ".bin"]
    if "go" in (command[0] for command in spec.run):
        more |= _go(at, home)
        programs.append(Path(more["GOROOT"]) / "bin")
    env = nodejs.alone(node, caches=at.caches, home=home, programs=programs, **more)
    for command in spec.run:
        at.status(f"running {' '.join(command)}"[:60])
        words: Sequence[str | Path] = [node, yarn, *command[1:]] if command[0] == "yarn" else command
        at.run(nodejs.offline(words), env=env, cwd=tree)
    inputs.check_outputs(tree, spec.outputs, before)
    for output in spec.outputs:
        shutil.copyfile(tree / output, at.output(output))


def _elm_home(spec: NodeAssetsBuild, tree: Path, at: Places) -> dict[str, str]:
    """ELM_HOME with the packages of the application; nothing without Elm."""
    if spec.elm is None:
        return {}
    from tasks.web import elm_packages, locks
    from toolchains import elm

    wanted = elm.application(tree / spec.elm / "elm.json")
    place = at.scratch / "elm"
    elm_packages.fill(place, wanted.elm, locks.packages(wanted, spec.elm_commits), at)
    return {"ELM_HOME": str(place)}


def _go(at: Places, home: Path) -> dict[str, str]:
    """Variables of Go for programs of the standard library alone, run on this machine."""
    from toolchains import go

    goroot = at.need(names.toolchain("go"), "program").parent.parent
    env = go.environment(goroot, cache=at.caches, home=home, target={})
    kept = ("GOROOT", "GOENV", "GOTOOLCHAIN", "GOWORK", "GOCACHE", "GOMODCACHE", "GOPATH", "GOFLAGS", "CGO_ENABLED")
    return {**{name: env[name] for name in kept}, "GOPROXY": "off"}
