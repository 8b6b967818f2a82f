"""Stages 9 and 10, guest and boot: the distribution proved by running it in an emulated machine of the target."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

from crosscourse import files
from crosscourse.engine.places import Places
from crosscourse.engine.spec import Nothing
from crosscourse.engine.step import Step
from crosscourse.errors import CrosscourseError
from crosscourse.layout import Layout
from crosscourse.manifest import locks
from crosscourse.manifest.boot import BootPrograms, BootWorker, Scenario
from crosscourse.manifest.locks import Wanted
from crosscourse.manifest.model import Boot, Manifest
from tasks import names
from tasks.boot import guests, specs
from tasks.boot.guest import packages
from tasks.boot.works import all_in_one, builds, image, programs, small, types, unit, worker
from toolchains.machines import check_name, machine_of, machines_of
from toolchains.targets import Target, get_target, host_goarch, host_target

PROGRAMS, INSTALLED = "programs", "deb"
_Work = Callable[[Any, Places], None]
# By `rows` of a scenario.
_WORKS: dict[str, _Work] = {
    "worker": worker.boot,
    "types": types.boot,
    "image": image.boot,
    "builds": builds.boot,
    "all-in-one": all_in_one.boot,
    "small": small.boot,
}
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
    if manifest.boot is None or not machines_of(target.name):
        return {}
    return packages.wanted(manifest.boot, target)


def guest_steps(manifest: Manifest, layout: Layout, target: str, *, native: bool = False) -> Iterator[Step]:
    """What the host needs, the guest's system, and the image that the pipeline's tasks run in.

    ``native``: a guest of name spaces, in place of an emulated machine; here and below.
    """
    boot, machine = manifest.boot, get_target(target)
    if boot is None or _obstacle(manifest, layout, machine, native=native):
        return
    yield from guests.parts(manifest, layout, machine, boot, locks.read(layout.lock(target)), native=native)


def steps(manifest: Manifest, layout: Layout, target: str, *, native: bool = False) -> Iterator[Step]:
    """A step for each scenario that is part of ``boot``."""
    boot, machine = manifest.boot, get_target(target)
    obstacle = _obstacle(manifest, layout, machine, native=native)
    if obstacle:
        yield _impossible(machine, "boot", "impossible", obstacle)
    elif isinstance(boot, BootWorker):
        yield from _scenarios(manifest, layout, machine, boot, "boot", native=native)
    elif isinstance(boot, BootPrograms):
        spec: specs.Boot = specs.ProgramsBoot(
            **_common(manifest, machine, boot, native=native, debian=False),
            programs=boot.program,
            paths=_paths(manifest, boot),
            browse=boot.browse,
            browser=guests.browser() if boot.browse else (),
        )
        yield _boot(layout, machine, "boot", PROGRAMS, spec, spec.browser, programs.boot)
        if boot.installed:
            spec = specs.UnitBoot(**_common(manifest, machine, boot, native=native, debian=True))
            yield _boot(layout, machine, "boot", INSTALLED, spec, (), unit.boot)


def _paths(manifest: Manifest, boot: BootPrograms) -> dict[str, str]:
    """Where the programs of a boot are in the package."""
    commands = [*(one.command for one in boot.program.values()), *(one.program for one in boot.browse.values())]
    return {name: str(manifest.artifact[name].path) for name in sorted({words[0] for words in commands})}


def more_steps(manifest: Manifest, layout: Layout, target: str, *, native: bool = False) -> Iterator[Step]:
    """A step for each further scenario."""
    boot, machine = manifest.boot, get_target(target)
    if isinstance(boot, BootWorker) and not _obstacle(manifest, layout, machine, native=native):
        yield from _scenarios(manifest, layout, machine, boot, "boot-more", native=native)


def _obstacle(manifest: Manifest, layout: Layout, target: Target, *, native: bool) -> str | None:
    """Why there is no boot of a target, whatever is installed."""
    boot = manifest.boot
    if boot is None:
        return f"the release {layout.release} does not say how: its manifest has no [boot]"
    if native and target.goarch != host_goarch():
        return f"machine=native runs it on this machine itself: say target={host_target().name}"
    if not machines_of(target.name):
        return f"there is no machine to emulate: {target.name} has none in toolchains/machines.toml"
    if isinstance(boot, BootWorker) and host_target().name not in manifest.release.targets:
        return f"its web node runs here, for which the release would need the target {host_target().name}"
    return None


def _impossible(target: Target, group: str, name: str, obstacle: str) -> Step:
    """So that a boot that can't be is an error, not a success of nothing."""
    return Step(
        name=names.boot(target.name, group, name),
        stage="boot",
        doc=f"not possible for {target.name}",
        spec=Impossible(obstacle=obstacle, target=target.name),
        work=refuse,
        removed_by="nobody",
    )


def refuse(spec: Impossible, _at: Places) -> None:
    """Raise ImpossibleError."""
    raise ImpossibleError(f"boot of {spec.target}", spec.obstacle, "See docs/boot.md.")


def _common(
    manifest: Manifest, target: Target, boot: Boot, scenario: Scenario | None = None, *, native: bool, debian: bool
) -> dict[str, Any]:
    """What any boot has. ``scenario``: None where there is one of each kind; ``debian``: Debian's init is in charge."""
    machine = None if native else machine_of(target.name, scenario.machine if scenario else None)
    installed = guests.installed_of(boot) if debian else None
    return {
        "title": manifest.release.title,
        "root": manifest.release.root,
        "target": target.name,
        "machine": machine,
        "memory": (machine and machine.memory) or (scenario and scenario.memory) or boot.memory,
        "package": "" if installed else names.package(target.name, "tgz"),
        "system": guests.system(target, machine, managed=debian),
        "delivery": guests.delivery(manifest, target, installed) if installed else None,
    }


def _scenarios(
    manifest: Manifest, layout: Layout, target: Target, boot: BootWorker, group: str, *, native: bool
) -> Iterator[Step]:
    for name, scenario in boot.scenario.items():
        if scenario.machine:
            check_name(scenario.machine)
        if scenario.extra != (group == "boot-more") or not _has_machine(target, scenario):
            continue
        if native and (obstacle := _not_native(scenario)):
            yield _impossible(target, group, name, obstacle)
        else:
            make = _all_in_one if scenario.rows == "all-in-one" else _worker
            spec = make(manifest, layout, target, boot, scenario, native=native)
            needs = filter(None, (spec.image, spec.builder, spec.stand_ins, spec.web, spec.fly, *spec.browser))
            yield _boot(layout, target, group, name, spec, tuple(needs), _WORKS[scenario.rows])


def _has_machine(target: Target, scenario: Scenario) -> bool:
    return scenario.machine is None or scenario.machine in machines_of(target.name)


def _not_native(scenario: Scenario) -> str | None:
    """Why a guest of name spaces is not enough."""
    if scenario.cgroup != 2:
        return f"it needs control groups of version {scenario.cgroup}; a native guest has those of version 2 only"
    if scenario.volumes == "btrfs":
        return "its volumes need a loop device; a native guest has none"
    if scenario.machine:
        return f"it shows a {scenario.machine}, which this machine is not"
    return None


def _all_in_one(
    manifest: Manifest, layout: Layout, target: Target, boot: BootWorker, scenario: Scenario, *, native: bool
) -> specs.WorkerBoot:
    """Everything in the guest; the one resource that is tried gets the image for tasks."""
    image = str(scenario.image)
    common = _common(manifest, target, boot, scenario, native=native, debian=True)
    return specs.WorkerBoot(
        **{**common, "delivery": guests.whole_delivery(manifest, target, boot, locks.read(layout.lock(target.name)))},
        scenario=scenario,
        worker=str(manifest.artifact[boot.concourse].path),
        oci_runtime=str(manifest.artifact[boot.oci_runtime].path) if boot.oci_runtime else "",
        platform=target.oci.name,
        date=manifest.epoch,
        servers={},
        tries={image: boot.try_[image]},
        browse=boot.browse,
        browser=guests.browser() if boot.browse else (),
    )


def _worker(
    manifest: Manifest, _layout: Layout, target: Target, boot: BootWorker, scenario: Scenario, *, native: bool
) -> specs.WorkerBoot:
    host = host_target()
    types = scenario.rows == "types"
    common = _common(manifest, target, boot, scenario, native=native, debian=scenario.in_debian)
    if scenario.rows == "image":
        common["package"] = names.image(target.name, str(scenario.image))
        common["root"] = f"{specs.IMAGE_ROOT}/{manifest.image[str(scenario.image)].prefix.strip('/')}/{common['root']}"
    tries = {name: one for name, one in boot.try_.items() if types and manifest.artifact[one.type].built}
    return specs.WorkerBoot(
        **common,
        scenario=scenario,
        registry=boot.registry,
        worker=str(manifest.artifact[boot.concourse].path),
        oci_runtime=str(manifest.artifact[boot.oci_runtime].path) if boot.oci_runtime else "",
        platform=target.oci.name,
        date=manifest.epoch,
        image="" if types else names.guest(target.name, "slim-image" if scenario.rows == "small" else "image"),
        builder=names.image(target.name, str(scenario.image)) if scenario.rows == "builds" else "",
        stand_ins=names.guest(target.name, "stand-ins") if types else "",
        servers=boot.server if types else {},
        tries=tries,
        web=names.compile(host.name, boot.concourse),
        fly=names.compile(host.name, boot.fly),
    )


def _boot(
    layout: Layout, target: Target, group: str, name: str, spec: specs.Boot, needs: tuple[str, ...], work: _Work
) -> Step:
    logs = layout.report(target.name, "boot") / name
    return Step(
        name=names.boot(target.name, group, name),
        stage="boot",
        doc=f"{name} in {guests.kind(spec.machine)}",
        spec=spec,
        work=work,
        needs=(*_tried(spec), spec.system, *needs),
        after=(names.guest(target.name, "host"),),
        # One machine at a time: each takes all processors, and times are to be compared.
        memory=spec.memory + _BESIDE,
        turn="boot",
        outputs={report: logs / report for report in ("report.json", "report.txt")},
        place=logs,
        remover=_remove_logs,
        kept=False,
    )


def _tried(spec: specs.Boot) -> tuple[str, ...]:
    """The steps that make what is tried."""
    return (*spec.delivery.packages, *spec.delivery.newer) if spec.delivery else (spec.package,)


def _remove_logs(step: Step, dry_run: bool) -> Iterator[str]:
    logs = step.place
    if logs is not None and logs.exists():
        if not dry_run:
            files.remove(logs)
        yield os.path.relpath(logs)
