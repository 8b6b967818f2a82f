"""Stage 9, guest: what a boot needs of this machine, the guests' systems, and what they are given."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import msgspec

from crosscourse.engine.step import Step
from crosscourse.layout import Layout
from crosscourse.manifest.boot import BROWSER, BootPrograms, BootWorker
from crosscourse.manifest.installed import Installed
from crosscourse.manifest.locks import Lock
from crosscourse.manifest.model import Boot, Manifest
from tasks import names
from tasks.boot import specs
from tasks.boot.guest import packages
from tasks.boot.guest import works as guest_works
from tasks.boot.host import works as host_works
from tasks.boot.works.host import look_at_host
from tasks.package import deb
from tasks.package import steps as package
from tasks.package.managed import ManagedPackage
from toolchains.machines import Machine, machine_of
from toolchains.targets import Target, host_goarch

# The end of the revision that sorts after the one of the release.
_NEWER = ".1"
_WITH_APT = ", with Debian's init and apt"


def parts(
    manifest: Manifest, layout: Layout, target: Target, boot: Boot, lock: Lock, *, native: bool
) -> Iterator[Step]:
    """What the host needs, the guests' systems, the image that the pipeline's tasks run in, and more of that sort.

    ``native``: a guest of name spaces, in place of an emulated machine.
    """
    yield _host(target, boot, native=native)
    yield from _systems(layout, target, boot, lock, native=native)
    if installed := installed_of(boot):
        yield from _newer(manifest, layout, target, installed)
    if isinstance(boot, BootWorker):
        yield _image(manifest, layout, target, boot, lock)
        if boot.slim_image:
            yield _image(manifest, layout, target, boot, lock, slim=True)
        if boot.server:
            yield _stand_ins(manifest, layout, target)


def installed_of(boot: Boot | None) -> Installed | None:
    """What is installed by apt, if anything is."""
    return boot.installed if isinstance(boot, (BootPrograms, BootWorker)) else None


def delivered(manifest: Manifest, name: str) -> list[str]:
    """The packages of the release that come with one: those that it needs, and what they need, before it."""
    found: dict[str, None] = {}
    for other in manifest.package[name].needs:
        found |= dict.fromkeys(delivered(manifest, other))
    return [*found, name]


def delivery(manifest: Manifest, target: Target, installed: Installed) -> specs.Delivery:
    """What is installed in a guest of that target."""
    assert manifest.packaging is not None  # see manifest.packages.problems
    found = delivered(manifest, installed.package)
    return specs.Delivery(
        installed=installed,
        prefix=f"/{manifest.packaging.prefix.strip('/')}",
        packages=tuple(_deb(target, name) for name in found),
        newer=tuple(names.guest(target.name, f"newer:{name}.deb") for name in found),
        foreign=target.deb or "",
    )


def whole_delivery(manifest: Manifest, target: Target, boot: Boot, lock: Lock) -> specs.Delivery:
    """What is installed where all is on one machine."""
    installed = installed_of(boot)
    assert installed is not None
    assert installed.together is not None
    found = [other for name in installed.together.packages for other in delivered(manifest, name)]
    wanted = packages.wanted(boot, target)
    offered = lock.pinned(packages.OFFERED, wanted[packages.OFFERED])
    there = lock.pinned(packages.INSTALLED, wanted[packages.INSTALLED]).packages or ()
    if offered.packages is not None:
        lacking = tuple(package for package in offered.packages if package not in there)
        offered = msgspec.structs.replace(offered, packages=lacking)
    return msgspec.structs.replace(
        delivery(manifest, target, installed),
        packages=tuple(_deb(target, name) for name in dict.fromkeys(found)),
        newer=(),
        debian=offered,
    )


def browser() -> tuple[str, ...]:
    """The steps that install a browser. There is a pinned one for amd64 only."""
    pinned = BROWSER if host_goarch() == "amd64" else BROWSER[:-1]
    return tuple(map(names.toolchain, pinned))


def _deb(target: Target, name: str) -> str:
    return names.package(target.name, f"{name}.deb")


def _newer(manifest: Manifest, layout: Layout, target: Target, installed: Installed) -> Iterator[Step]:
    """The same packages as those of the release, in a version that replaces them."""
    wanted = {_deb(target, name): name for name in delivered(manifest, installed.package)}
    for step in package.steps(manifest, layout, target.name):
        if step.name not in wanted:
            continue
        assert isinstance(step.spec, ManagedPackage)
        spec = msgspec.structs.replace(step.spec, revision=f"{step.spec.revision}{_NEWER}")
        file_name = deb.file_name(spec)
        yield dataclasses.replace(
            step,
            name=names.guest(target.name, f"newer:{wanted[step.name]}.deb"),
            stage="guest",
            doc=f"{file_name}, for an upgrade in the guest",
            spec=spec,
            outputs={file_name: layout.report(target.name, "guest") / "newer" / file_name},
            kept=False,
        )


def _host(target: Target, boot: Boot, *, native: bool) -> Step:
    """Looked for before anything is built: what this machine lacks."""
    machine = None if native else machine_of(target.name)
    return Step(
        name=names.guest(target.name, "host"),
        stage="guest",
        doc=f"what this machine needs for {kind(machine)}",
        spec=specs.Host(
            machine=machine,
            worker=isinstance(boot, BootWorker),
            servers=sorted({server.kind for server in boot.server.values()}) if isinstance(boot, BootWorker) else [],
        ),
        work=look_at_host,
        place=Path("/"),
        probe=_missing,
        result=_is_there,
        removed_by="nobody",
    )


def _missing(spec: specs.Host, _place: Path) -> str | None:
    from tasks.boot.host import prerequisites

    if spec.machine is None:
        from tasks.boot.guest import native_needs

        needs = native_needs.needs(worker=spec.worker)
        lacking = native_needs.lacking(native_needs.look(worker=spec.worker))
    else:
        needs, lacking = prerequisites.needs(spec.machine, worker=spec.worker), []
    needs = [*needs, *prerequisites.of_servers(spec.servers)]
    lacking = [*lacking, *(need.title for need in prerequisites.missing(needs))]
    return f"this machine lacks {', '.join(lacking)}" if lacking else None


def _is_there(_spec: specs.Host, _place: Path) -> str:
    return "there"


def system(target: Target, machine: Machine | None, *, managed: bool) -> str:
    """The step that makes a guest's system: for a machine, or of name spaces."""
    kind = "tree" if machine is None else "system" if _is_first(machine, target) else f"system-{machine.name}"
    return names.guest(target.name, f"{'managed-' if managed else ''}{kind}")


def _is_first(machine: Machine, target: Target) -> bool:
    return machine.name == machine_of(target.name).name


def _systems(layout: Layout, target: Target, boot: Boot, lock: Lock, *, native: bool) -> Iterator[Step]:
    """Of the target's first machine, or of name spaces, both kinds; of others what is booted."""
    both = (False, True) if installed_of(boot) else (False,)
    if native:
        yield from (_tree(layout, target, boot, lock, managed=managed) for managed in both)
        return
    for machine in packages.machines(boot, target):
        for managed in both:
            if _is_first(machine, target) or managed in _managed(boot, machine):
                yield _system(layout, target, machine, boot, lock, managed=managed)


def _managed(boot: Boot, machine: Machine) -> set[bool]:
    """Whether Debian's own init is in charge in the scenarios of a machine."""
    scenarios = boot.scenario.values() if isinstance(boot, BootWorker) else ()
    return {one.in_debian for one in scenarios if one.machine == machine.name}


def _packages(*, managed: bool) -> str:
    return packages.INSTALLED if managed else packages.SYSTEM


def _folder(layout: Layout, target: Target, *kind: str, managed: bool) -> Path:
    return layout.report(target.name, "guest").joinpath(*kind, *(["managed"] if managed else []))


def _system(layout: Layout, target: Target, machine: Machine, boot: Boot, lock: Lock, *, managed: bool) -> Step:
    own = () if _is_first(machine, target) else (machine.name,)
    folder = _folder(layout, target, *own, managed=managed)
    wanted, name, kernel = packages.wanted(boot, target), _packages(managed=managed), packages.kernel(machine, target)
    parts = (specs.VMLINUZ, specs.INITRAMFS, specs.ROOT, *([specs.DTB] if machine.dtb else []))
    return Step(
        name=system(target, machine, managed=managed),
        stage="guest",
        doc=f"a Debian {wanted[name].suite} system for an emulated {machine.title}{_WITH_APT if managed else ''}",
        spec=specs.System(
            kernel=lock.pinned(kernel, wanted[kernel]),
            packages=lock.pinned(name, wanted[name]),
            managed=managed,
            dtb=machine.dtb,
            disk_modules=machine.disk_modules,
            modules=[*machine.modules, *boot.modules],
        ),
        work=guest_works.make_system,
        after=(names.guest(target.name, "host"),),
        outputs={part: folder / part for part in parts},
    )


def _tree(layout: Layout, target: Target, boot: Boot, lock: Lock, *, managed: bool) -> Step:
    name = _packages(managed=managed)
    wanted = packages.wanted(boot, target)[name]
    return Step(
        name=system(target, None, managed=managed),
        stage="guest",
        doc=f"the files of a Debian {wanted.suite} system for a native guest{_WITH_APT if managed else ''}",
        spec=specs.Tree(packages=lock.pinned(name, wanted), managed=managed),
        work=guest_works.make_tree,
        after=(names.guest(target.name, "host"),),
        outputs={"tree.tgz": _folder(layout, target, managed=managed) / "tree.tgz"},
    )


def _image(
    manifest: Manifest, layout: Layout, target: Target, boot: BootWorker, lock: Lock, *, slim: bool = False
) -> Step:
    name = "slim-image" if slim else "image"
    pinned = lock.pinned(packages.IMAGE, packages.wanted(boot, target)[packages.IMAGE])
    if slim and pinned.packages is not None:
        chosen = tuple(package for package in pinned.packages if package.name in boot.slim_image)
        pinned = msgspec.structs.replace(pinned, packages=chosen)
    return Step(
        name=names.guest(target.name, name),
        stage="guest",
        doc=f"the {'small ' if slim else ''}image for tasks on {target.name}",
        spec=specs.Image(
            packages=pinned,
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
        outputs={"layer.tgz": layout.report(target.name, "guest") / name / "layer.tgz"},
    )


def _stand_ins(manifest: Manifest, layout: Layout, target: Target) -> Step:
    return Step(
        name=names.guest(target.name, "stand-ins"),
        stage="guest",
        doc="servers of our own, which resource types are tried against",
        spec=specs.StandIns(go_flags=manifest.go.flags),
        work=host_works.make_stand_ins,
        needs=(names.toolchain("go"),),
        after=(names.guest(target.name, "host"),),
        outputs={"stand-ins": layout.report(target.name, "guest") / "stand-ins"},
    )


def kind(machine: Machine | None) -> str:
    """A guest's kind, for people."""
    return "a guest in name spaces of its own" if machine is None else f"an emulated {machine.title}"
