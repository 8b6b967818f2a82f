"""Stages 9 and 10, guest and boot: the distribution proved by running it in an emulated machine of the target."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from crosscourse import archive, files
from crosscourse.engine.reasons import Inputs
from crosscourse.engine.step import Context, Step
from crosscourse.errors import CrosscourseError
from crosscourse.manifest.boot import AnyBoot, BootWorker, Scenario
from crosscourse.project import Project
from tasks.boot import paths
from tasks.compile.steps import compile_name, recipe, table_inputs, target_inputs
from toolchains.targets import Target, get_target, host_target

if TYPE_CHECKING:
    from tasks.boot.host.prerequisites import Need

PROGRAMS = "programs"
# MiB that the emulator and the servers take beside the guest's own memory; measured, rounded up.
_BESIDE = 700


class ImpossibleError(CrosscourseError):
    """A boot that this release, this target or this machine has no way to."""


def guest_steps(project: Project, target: str) -> Iterator[Step]:
    """What the host needs, the guest's system, and the image that the pipeline's tasks run in."""
    boot = project.manifest.boot
    if boot is None or _obstacle(project, get_target(target)):
        return
    yield _host(project, get_target(target), boot)
    yield _system(project, get_target(target), boot)
    if isinstance(boot, BootWorker):
        yield _image(project, get_target(target), boot)


def steps(project: Project, target: str) -> Iterator[Step]:
    """A step for each scenario that is part of ``boot``."""
    boot, machine = project.manifest.boot, get_target(target)
    if boot is None or _obstacle(project, machine):
        yield _impossible(project, machine)
    elif isinstance(boot, BootWorker):
        yield from _scenarios(project, machine, boot, "boot", extra=False)
    else:
        yield _step(project, machine, "boot", PROGRAMS, None)


def more_steps(project: Project, target: str) -> Iterator[Step]:
    """A step for each further scenario."""
    boot, machine = project.manifest.boot, get_target(target)
    if isinstance(boot, BootWorker) and not _obstacle(project, machine):
        yield from _scenarios(project, machine, boot, "boot-more", extra=True)


def _scenarios(project: Project, target: Target, boot: BootWorker, group: str, *, extra: bool) -> Iterator[Step]:
    for name, scenario in boot.scenario.items():
        if scenario.extra == extra:
            yield _step(project, target, group, name, scenario)


def _obstacle(project: Project, target: Target) -> str | None:
    """Why there is no boot of a target, whatever is installed."""
    boot = project.manifest.boot
    if boot is None:
        return f"the release {project.release} does not say how: its manifest has no [boot]"
    if target.machine is None:
        return f"there is no machine to emulate: {target.name} has no `machine` in toolchains/targets.toml"
    if isinstance(boot, BootWorker) and host_target().name not in project.targets:
        return f"its web node runs here, for which the release would need the target {host_target().name}"
    return None


def _impossible(project: Project, target: Target) -> Step:
    """So that a boot that can't be is an error, not a success of nothing."""

    def work(_: Context) -> None:
        raise ImpossibleError(f"boot of {target.name}", _obstacle(project, target) or "", "See docs/boot.md.")

    return Step(
        name=f"boot:{target.name}:impossible",
        stage="boot",
        doc=f"not possible for {target.name}",
        build=project.build,
        inputs=dict,
        work=work,
        scope="nobody",
    )


def _host(project: Project, target: Target, boot: AnyBoot) -> Step:
    """Looked for before anything is built: what this machine lacks."""

    def missing() -> str | None:
        from tasks.boot.host import prerequisites

        lacking = prerequisites.missing(_needs(target, boot))
        return f"this machine lacks {', '.join(need.title for need in lacking)}" if lacking else None

    def work(_: Context) -> None:
        from tasks.boot.host import prerequisites

        prerequisites.require(_needs(target, boot))

    return Step(
        name=f"guest:{target.name}:host",
        stage="guest",
        doc=f"what this machine needs for an emulated {target.name} machine",
        build=project.build,
        inputs=lambda: {"recipe": recipe(*paths.code("host/prerequisites.py"))},
        work=work,
        probe=missing,
        result=lambda: "there",
        scope="nobody",
    )


def _needs(target: Target, boot: AnyBoot) -> list[Need]:
    from tasks.boot.host import prerequisites

    return prerequisites.needs(target.emulated, worker=isinstance(boot, BootWorker))


def _system(project: Project, target: Target, boot: AnyBoot) -> Step:
    parts = paths.system(project, target)
    code = paths.code("guest/system.py", "guest/disk.py", "guest/kernel_modules.py", "../crosscourse/debian/tree.py")

    def inputs() -> Inputs:
        return {
            "recipe": recipe(*code, *(str(path) for path in sorted(paths.FILES.glob("*init*")))),
            "suite": boot.suite,
            "packages": dict.fromkeys(boot.packages, "wanted"),
            "kernel": target.emulated.kernel,
            "kernel modules": dict.fromkeys([*target.emulated.modules, *boot.modules], "wanted"),
        }

    def work(context: Context) -> None:
        from tasks.boot.guest import system

        system.make(project, target, boot, context)

    return Step(
        name=f"guest:{target.name}:system",
        stage="guest",
        doc=f"a Debian {boot.suite} system for an emulated {target.name} machine",
        build=project.build,
        inputs=inputs,
        work=work,
        after=(f"guest:{target.name}:host",),
        outputs=(parts.kernel, parts.initramfs, parts.root),
    )


def _image(project: Project, target: Target, boot: BootWorker) -> Step:
    programs = [project.root / source for source in boot.image_programs.values()]
    code = paths.code("guest/image.py", "../crosscourse/debian/tree.py")
    layer = paths.image_folder(project, target) / "layer.tgz"

    def inputs() -> Inputs:
        return {
            "recipe": recipe(*code, archive.__file__, *map(str, programs)),
            "suite": boot.suite,
            "packages": dict.fromkeys(boot.image, "wanted"),
            "programs": dict(boot.image_programs),
            **target_inputs(target),
        }

    def work(context: Context) -> None:
        from tasks.boot.guest import image

        image.make_layer(project, target, boot, layer, context)

    return Step(
        name=f"guest:{target.name}:image",
        stage="guest",
        doc=f"the image for tasks on {target.name}",
        build=project.build,
        inputs=inputs,
        work=work,
        needs=("toolchain:go", "toolchain:zig"),
        after=(f"guest:{target.name}:host",),
        outputs=(layer,),
    )


def _step(project: Project, target: Target, group: str, name: str, scenario: Scenario | None) -> Step:
    boot = project.manifest.boot
    assert boot is not None
    logs = paths.report_folder(project, target, name)
    needs = [f"package:{target.name}:tgz", f"guest:{target.name}:system"]
    if isinstance(boot, BootWorker):
        host = host_target()
        needs += [f"guest:{target.name}:image", compile_name(host, boot.concourse), compile_name(host, boot.fly)]

    def inputs() -> Inputs:
        # Of the scenarios only the own one counts; of the rest all does, the memory too.
        table = {key: str(value) for key, value in msgspec.to_builtins(boot).items() if key != "scenario"}
        own = {"boot": table, **(table_inputs("scenario", scenario) if scenario else {})}
        code = sorted(str(path) for path in paths.HERE.rglob("*.py"))
        return {"recipe": recipe(*code), "machine": str(target.emulated), **own}

    def cleaner(dry_run: bool) -> Iterator[str]:
        if logs.exists():
            if not dry_run:
                files.remove(logs)
            yield os.path.relpath(logs)

    def work(context: Context) -> None:
        from tasks.boot import session

        # One machine at a time: each takes all processors, and times are to be compared.
        with project.pool.hold(boot.memory + _BESIDE, "boot", context.note):
            session.run(project, target, name, scenario, context)

    return Step(
        name=f"{group}:{target.name}:{name}",
        stage="boot",
        doc=f"{name} in an emulated {target.name} machine",
        build=project.build,
        inputs=inputs,
        work=work,
        needs=tuple(needs),
        after=(f"guest:{target.name}:host",),
        cleaner=cleaner,
        outputs=(logs / "report.json", logs / "report.txt"),
    )
