"""Steps outside of doit: the work of one alone, and the ``go build`` calls that a person would type in its place."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.common import Took, timed
from crosscourse.engine.places import Places
from crosscourse.engine.step import Step
from crosscourse.project import Project
from tasks import artifacts, assets, toolchain
from tasks.compile import go_binary
from tasks.package import steps as package
from tasks.verify import steps as verify


@dataclass(frozen=True, kw_only=True)
class GoBuild:
    """One ``go build``, as a step makes it, but with Go's own defaults for all that does not decide the bytes."""

    step: str
    command: list[str]
    env: dict[str, str]
    folder: Path

    def time(self) -> Took:
        """Run it; MeasuringError if it fails."""
        return timed(self.command, cwd=self.folder, env=self.env)


def steps(project: Project, target: str) -> dict[str, Step]:
    """The steps that make and check a target's distribution, by name; they are made known to what the run shares."""
    found = [
        *toolchain.steps(project.manifest.toolchain, project.layout.tools),
        *assets.steps(project.manifest, project.layout),
        *artifacts.steps(project.manifest, project.layout, target, "compile"),
        *artifacts.steps(project.manifest, project.layout, target, "rootfs"),
        *package.steps(project.manifest, project.layout, target),
        *verify.steps(project.manifest, project.layout, target),
    ]
    for step in found:
        project.shared.add(step)
    return {step.name: step for step in found}


def places(project: Project, step: Step, scratch: Path) -> Places:
    """The world as a step sees it, with an empty scratch folder. The steps must be known, see ``steps``."""
    scratch.mkdir()
    return Places(
        task=step.name,
        log=scratch / "log",
        scratch=scratch,
        caches=project.layout.cache,
        needed={need: project.shared.provided(need) for need in step.needs},
        labels=tuple(step.outputs),
        show=lambda _text: None,
        source_folder=step.source.path if step.source else None,
        own_place=step.place,
        paths=dict.fromkeys(step.paths, scratch),
    )


def go_builds(project: Project, target: str, scratch: Path) -> Iterator[GoBuild]:
    """The ``go build`` calls of a target in the manifest's order, which write below ``scratch``, a new folder.

    What they link and embed must be there; Go's build cache is the one in the project's cache folder.
    """
    scratch.mkdir()
    for step in steps(project, target).values():
        if isinstance(step.spec, go_binary.GoBuild):
            at = places(project, step, scratch / step.file_name)
            env = go_binary.environment(step.spec, at)
            go = os.path.join(env["GOROOT"], "bin", "go")  # noqa: PTH118  # a word of a command
            _, verb, *words = map(str, go_binary.command(step.spec, at.output()))
            command = [go, verb, *go_binary.overlay(step.spec, at), *words]
            yield GoBuild(step=step.name, command=command, env=env, folder=at.source / step.spec.directory)


def libraries(project: Project, target: str) -> list[str]:
    """The steps that make the libraries which Go programs of a target link."""
    return sorted({library.step for spec in _go_specs(project, target) for library in spec.libraries})


def embedded(project: Project, target: str) -> list[str]:
    """The steps that make what Go programs of a target embed, and no compiler has a part in."""
    return sorted({step for spec in _go_specs(project, target) for step in spec.assets})


def _go_specs(project: Project, target: str) -> Iterator[go_binary.GoBuild]:
    specs = (step.spec for step in steps(project, target).values())
    return (spec for spec in specs if isinstance(spec, go_binary.GoBuild))
