"""Stage 7, package: the distribution in the form that a user takes away, in the layout of upstream's own tarballs."""

from __future__ import annotations

from collections.abc import Iterator

from crosscourse import archive, files
from crosscourse.archive import Entry
from crosscourse.engine.reasons import Inputs
from crosscourse.engine.step import Context, Step
from crosscourse.manifest.model import ResourceType
from crosscourse.project import Project
from tasks import rootfs
from tasks.compile.steps import compile_name, recipe
from toolchains.targets import Target, get_target


def steps(project: Project, target: str) -> Iterator[Step]:
    """The packages of one target."""
    yield _tgz(project, get_target(target))


def _tgz(project: Project, target: Target) -> Step:
    output = project.package_file(target.name)
    packaged = {name: artifact for name, artifact in project.manifest.artifact.items() if artifact.path is not None}
    needs = [
        rootfs.step_name(target, name) if isinstance(artifact, ResourceType) else compile_name(target, name)
        for name, artifact in packaged.items()
    ]

    def inputs() -> Inputs:
        return {
            "recipe": recipe(__file__, archive.__file__),
            "places": {name: str(artifact.path) for name, artifact in packaged.items()},
            "root": project.manifest.release.root,
            "date": str(project.manifest.epoch),
        }

    def work(context: Context) -> None:
        context.note(f"packing {output.name}")
        with (
            project.pool.hold(200, f"package:{target.name}", context.note),
            files.replacing(output, mode=0o644) as partial,
        ):
            archive.write_tgz(partial, list(entries(project, target)), epoch=project.manifest.epoch)
        context.say(f"{output.name}: {output.stat().st_size} bytes")

    return Step(
        name=f"package:{target.name}:tgz",
        stage="package",
        doc=f"{output.name}",
        build=project.build,
        inputs=inputs,
        work=work,
        needs=tuple(needs),
        outputs=(output,),
    )


def entries(project: Project, target: Target) -> Iterator[Entry]:
    """The members of a distribution, in no particular order."""
    root = project.manifest.release.root
    for name, artifact in project.manifest.artifact.items():
        if artifact.path is None:
            continue
        place = f"{root}/{artifact.path}"
        if isinstance(artifact, ResourceType):
            home = rootfs.folder(project, target, name)
            for part in (rootfs.ROOTFS, rootfs.METADATA):
                yield Entry(name=f"{place}/{part}", source=home / part)
        else:
            yield Entry(name=place, source=project.artifact_file(target.name, name), mode=0o755)
