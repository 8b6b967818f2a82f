"""Stages 9 and 10, guest and boot: the distribution proved by running it in an emulated machine of the target."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from crosscourse import files
from crosscourse.engine.places import Places
from crosscourse.engine.spec import Nothing
from crosscourse.engine.step import Step
from crosscourse.errors import CrosscourseError
from crosscourse.layout import Layout
from crosscourse.manifest import locks
from crosscourse.manifest.boot import BootPrograms, BootWorker, Scenario
from crosscourse.manifest.locks import Lock, Wanted
from crosscourse.manifest.model import Boot, Manifest
from tasks import names
from tasks.boot import specs, works
from tasks.boot.guest import packages
from tasks.boot.guest import works as guest_works
from toolchains.targets import Target, get_target, host_target

PROGRAMS = "programs"
# MiB that the emulator and the servers take beside the guest's own memory; measured, rounded up.
_BESIDE = 700


class Impossible(Nothing, frozen=True, kw_only=True):
    """A boot that can't be, and why."""

    obstacle: str
    target: str


class ImpossibleError(CrosscourseError):
    """A boot that this release, this target or this machine has no way to."""


def wanted(manifest: Manifest, target: Target) -> dict[str, Wanted]:
    """What the guest is made of, as the lock file is asked for it; nothing where there is no guest."""
    if manifest.boot is None or target.machine is None:
        return {}
    return packages.wanted(manifest.boot, target)


def guest_steps(manifest: Manifest, layout: Layout, target: str) -> Iterator[Step]:
    """What the host needs, the guest's system, and the image that the pipeline's tasks run in."""
    boot, machine = manifest.boot, get_target(target)
    if boot is None or _obstacle(manifest, layout, machine):
        return
    lock = locks.read(layout.lock(target))
    yield _host(machine, boot)
    yield _system(layout, machine, boot, lock)
    if isinstance(boot, BootWorker):
        yield _image(manifest, layout, machine, boot, lock)


def steps(manifest: Manifest, layout: Layout, target: str) -> Iterator[Step]:
    """A step for each scenario that is part of ``boot``."""
    boot, machine = manifest.boot, get_target(target)
    obstacle = _obstacle(manifest, layout, machine)
    if obstacle:
        yield _impossible(machine, obstacle)
    elif isinstance(boot, BootWorker):
        yield from _scenarios(manifest, layout, machine, boot, "boot", extra=False)
    elif isinstance(boot, BootPrograms):
        spec = specs.ProgramsBoot(
            **_common(manifest, machine, boot),
            programs=boot.program,
            paths={name: str(manifest.artifact[name].path) for name in {p.command[0] for p in boot.program.values()}},
        )
        yield _boot(layout, machine, "boot", PROGRAMS, spec, ())


def more_steps(manifest: Manifest, layout: Layout, target: str) -> Iterator[Step]:
    """A step for each further scenario."""
    boot, machine = manifest.boot, get_target(target)
    if isinstance(boot, BootWorker) and not _obstacle(manifest, layout, machine):
        yield from _scenarios(manifest, layout, machine, boot, "boot-more", extra=True)


def _obstacle(manifest: Manifest, layout: Layout, target: Target) -> str | None:
    """Why there is no boot of a target, whatever is installed."""
    boot = manifest.boot
    if boot is None:
        return f"the release {layout.release} does not say how: its manifest has no [boot]"
    if target.machine is None:
        return f"there is no machine to emulate: {target.name} has no `machine` in toolchains/targets.toml"
    if isinstance(boot, BootWorker) and host_target().name not in manifest.release.targets:
        return f"its web node runs here, for which the release would need the target {host_target().name}"
    return None


def _impossible(target: Target, obstacle: str) -> Step:
    """So that a boot that can't be is an error, not a success of nothing."""
    return Step(
        name=names.boot(target.name, "boot", "impossible"),
        stage="boot",
        doc=f"not possible for {target.name}",
        spec=Impossible(obstacle=obstacle, target=target.name),
        work=refuse,
        removed_by="nobody",
    )


def refuse(spec: Impossible, _at: Places) -> None:
    """Raise ImpossibleError."""
    raise ImpossibleError(f"boot of {spec.target}", spec.obstacle, "See docs/boot.md.")


def _host(target: Target, boot: Boot) -> Step:
    """Looked for before anything is built: what this machine lacks."""
    return Step(
        name=names.guest(target.name, "host"),
        stage="guest",
        doc=f"what this machine needs for an emulated {target.name} machine",
        spec=specs.Host(machine=target.emulated, worker=isinstance(boot, BootWorker)),
        work=works.look_at_host,
        place=Path("/"),
        probe=_missing,
        result=_is_there,
        removed_by="nobody",
    )


def _missing(spec: specs.Host, _place: Path) -> str | None:
    from tasks.boot.host import prerequisites

    lacking = prerequisites.missing(prerequisites.needs(spec.machine, worker=spec.worker))
    return f"this machine lacks {', '.join(need.title for need in lacking)}" if lacking else None


def _is_there(_spec: specs.Host, _place: Path) -> str:
    return "there"


def _system(layout: Layout, target: Target, boot: Boot, lock: Lock) -> Step:
    folder = layout.report(target.name, "guest")
    wanted = packages.wanted(boot, target)
    return Step(
        name=names.guest(target.name, "system"),
        stage="guest",
        doc=f"a Debian {boot.suite} system for an emulated {target.name} machine",
        spec=specs.System(
            kernel=lock.pinned(packages.KERNEL, wanted[packages.KERNEL]),
            packages=lock.pinned(packages.SYSTEM, wanted[packages.SYSTEM]),
            drivers=target.emulated.modules,
            modules=boot.modules,
        ),
        work=guest_works.make_system,
        after=(names.guest(target.name, "host"),),
        outputs={name: folder / name for name in ("vmlinuz", "initramfs.cpio", "root.ext4")},
    )


def _image(manifest: Manifest, layout: Layout, target: Target, boot: BootWorker, lock: Lock) -> Step:
    return Step(
        name=names.guest(target.name, "image"),
        stage="guest",
        doc=f"the image for tasks on {target.name}",
        spec=specs.Image(
            packages=lock.pinned(packages.IMAGE, packages.wanted(boot, target)[packages.IMAGE]),
            programs={
                place: specs.Program(name=Path(source).name, text=(layout.root / source).read_text(encoding="utf-8"))
                for place, source in boot.image_programs.items()
            },
            go_env=target.go_env,
            go_flags=manifest.go.flags,
            zig=target.zig,
            date=manifest.epoch,
        ),
        work=guest_works.make_image,
        needs=(names.toolchain("go"), names.toolchain("zig")),
        after=(names.guest(target.name, "host"),),
        outputs={"layer.tgz": layout.report(target.name, "guest") / "image" / "layer.tgz"},
    )


def _common(manifest: Manifest, target: Target, boot: Boot) -> dict[str, Any]:
    return {
        "title": manifest.release.title,
        "root": manifest.release.root,
        "target": target.name,
        "machine": target.emulated,
        "memory": boot.memory,
        "package": names.package(target.name, "tgz"),
        "system": names.guest(target.name, "system"),
    }


def _scenarios(
    manifest: Manifest, layout: Layout, target: Target, boot: BootWorker, group: str, *, extra: bool
) -> Iterator[Step]:
    for name, scenario in boot.scenario.items():
        if scenario.extra == extra:
            spec = _worker(manifest, target, boot, scenario)
            yield _boot(layout, target, group, name, spec, (spec.image, spec.web, spec.fly))


def _worker(manifest: Manifest, target: Target, boot: BootWorker, scenario: Scenario) -> specs.WorkerBoot:
    host = host_target()
    return specs.WorkerBoot(
        **_common(manifest, target, boot),
        scenario=scenario,
        worker=str(manifest.artifact[boot.concourse].path),
        platform=target.oci.name,
        date=manifest.epoch,
        image=names.guest(target.name, "image"),
        web=names.compile(host.name, boot.concourse),
        fly=names.compile(host.name, boot.fly),
    )


def _boot(layout: Layout, target: Target, group: str, name: str, spec: specs.Boot, needs: tuple[str, ...]) -> Step:
    logs = layout.report(target.name, "boot") / name
    return Step(
        name=names.boot(target.name, group, name),
        stage="boot",
        doc=f"{name} in an emulated {target.name} machine",
        spec=spec,
        work=works.boot,
        needs=(spec.package, spec.system, *needs),
        after=(names.guest(target.name, "host"),),
        # One machine at a time: each takes all processors, and times are to be compared.
        memory=spec.memory + _BESIDE,
        turn="boot",
        outputs={report: logs / report for report in ("report.json", "report.txt")},
        place=logs,
        remover=_remove_logs,
        kept=False,
    )


def _remove_logs(step: Step, dry_run: bool) -> Iterator[str]:
    logs = step.place
    if logs is not None and logs.exists():
        if not dry_run:
            files.remove(logs)
        yield os.path.relpath(logs)
