"""crosscourse: the graph, in the order in which data flows through it.

A release (releases/*.toml) says what is built; a target (toolchains/targets.toml) for which machine.
Each function below is a stage; ``./doit list`` names the tasks, ``./doit plan`` says what would be done and why.
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from doit import doit_cmd

import crosscourse.start.handover  # noqa: F401  # the first of ours: a doit that can't load the rest stops here
from crosscourse.engine.step import Step
from crosscourse.project import open_project
from crosscourse.start import entrance
from tasks import artifacts, assets, go_modules, lock, patches, smoke, sources, test_source, toolchain
from tasks.boot import steps as boot
from tasks.image import steps as image
from tasks.kinds import TABLES
from tasks.package import steps as package
from tasks.stages import also_called, for_each_target, groups, named_targets, tasks_of
from tasks.verify import steps as verify
from toolchains.c import identity

Tasks = Iterator[dict[str, Any]]

project = open_project(Path(__file__).resolve().parent, doit_cmd._CMDLINE_VARS or {}, TABLES)
DOIT_CONFIG = project.doit_config()
manifest, layout, settings = identity.asked(project.manifest), project.layout, project.settings
words = sys.argv[1:] if entrance.entered else []  # else they are not ours
named = named_targets(words, project.targets) if entrance.entered else None
targets = named or project.targets
native = settings.machine == "native"


def once(steps: Iterable[Step]) -> Tasks:
    """Steps that do not depend on the target."""
    return tasks_of(steps, project.shared)


def each_target(stage: str, steps: Callable[[str], Iterable[Step]]) -> Tasks:
    """Steps of every target that this call speaks of."""
    return for_each_target(targets, stage, steps, project.shared)


def across_targets(stage: str, steps: Callable[[str], Iterable[Step]]) -> Tasks:
    """Steps of every target that need those of others too; none where this call speaks of some targets only."""
    return for_each_target([] if named else targets, stage, steps, project.shared)


def task_toolchain() -> Tasks:
    """1. Go, the C cross compiler and what else the release names: pinned, installed once into the cache folder."""
    yield from once(toolchain.steps(manifest.toolchain, layout.tools))
    yield from once(toolchain.unpacked_steps(manifest.c, targets, layout.tools))


def task_source() -> Tasks:
    """2. Each upstream source at its pinned commit: fetched once into the cache folder."""
    yield from once(sources.steps(manifest, layout, settings.omit))


def task_patch() -> Tasks:
    """3. A checkout of each source with our patches on it, in sources/: a person may edit it there."""
    yield from once(patches.steps(manifest, layout, settings.omit))


def task_modules() -> Tasks:
    """4. The Go modules that the artifacts need."""
    yield from each_target("modules", lambda target: go_modules.steps(manifest, layout, target))


def task_assets() -> Tasks:
    """What is the same for every target: the pages of a web node, programs to download."""
    yield from once([*assets.steps(manifest, layout), *image.once_steps(manifest, layout)])


def task_compile() -> Tasks:
    """5. Each artifact: Go programs, Go with C, C programs and libraries."""
    yield from each_target("compile", lambda target: artifacts.steps(manifest, layout, target, "compile"))


def task_rootfs() -> Tasks:
    """6. The root filesystem of each resource type."""
    yield from each_target("rootfs", lambda target: artifacts.steps(manifest, layout, target, "rootfs"))


def task_package() -> Tasks:
    """7. The distribution, in dist/, in each form that people install."""
    yield from each_target(
        "package", lambda target: [*package.steps(manifest, layout, target), *image.steps(manifest, layout, target)]
    )


def task_verify() -> Tasks:
    """8. Checks that every program of the distribution is what the target needs."""
    yield from each_target("verify", lambda target: verify.steps(manifest, layout, target))


def task_test_source() -> Tasks:
    """Upstream's own tests of the sources, on the host (`test-source:armv7`: for that target, under emulation)."""
    yield from test_source.tasks(manifest, layout, [] if named else targets, project.shared)


def task_smoke() -> Tasks:
    """Each program is started, under user-mode emulation where this machine can't run it."""
    yield from each_target("smoke", lambda target: smoke.steps(manifest, layout, target))


def task_guest() -> Tasks:
    """9. What an emulated machine of the target runs: a Debian system, an image for tasks."""
    yield from across_targets("guest", lambda target: boot.guest_steps(manifest, layout, target, native=native))


def task_lock() -> Tasks:
    """The Debian packages of root filesystems, guests and GCC, asked anew and written to where they are locked."""
    yield from for_each_target(targets, "lock", lambda target: lock.steps(manifest, layout, target), project.shared)


def task_lock_elm() -> Tasks:
    """The commits of Elm's packages, asked anew and written to releases/locks/."""
    yield from once(assets.lock_steps(manifest, layout))


def task_boot() -> Tasks:
    """10. The distribution proved by running it in that machine."""
    yield from across_targets("boot", lambda target: boot.steps(manifest, layout, target, native=native))


def task_boot_more() -> Tasks:
    """The same in further scenarios: volume drivers, packages, all on one machine (also `boot:armv7:deb`, ...)."""
    more = across_targets("boot-more", lambda target: boot.more_steps(manifest, layout, target, native=native))
    yield from also_called(more, words, stage="boot-more", other="boot")


def task_build() -> Tasks:
    """All of the above but the checks: the distribution of the chosen target (`build:arm64`: of that one)."""
    yield from groups(targets, "build", needs="package")
