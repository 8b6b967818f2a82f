"""crosscourse: the graph, in the order in which data flows through it.

A release (releases/*.toml) says what is built; a target (toolchains/targets.toml) for which machine.
Each function below is a stage; ``./doit list`` names the tasks, ``./doit plan`` says what would be done and why.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from doit import doit_cmd

from crosscourse.project import open_project
from tasks import package, patches, rootfs, sources, test_source, toolchain
from tasks.boot import steps as boot_stage
from tasks.compile import steps as compile_stage
from tasks.stages import for_each_target, groups, tasks_of
from tasks.verify import steps as verify

Tasks = Iterator[dict[str, Any]]

project = open_project(Path(__file__).resolve().parent, doit_cmd._CMDLINE_VARS or {})
DOIT_CONFIG = project.doit_config()


def task_toolchain() -> Tasks:
    """1. Go, the C cross compiler and what else the release names: pinned, installed once into the cache folder."""
    yield from tasks_of(toolchain.steps(project))


def task_source() -> Tasks:
    """2. Each upstream source at its pinned commit: fetched once into the cache folder."""
    yield from tasks_of(sources.steps(project))


def task_patch() -> Tasks:
    """3. A checkout of each source with our patches on it, in sources/: a person may edit it there."""
    yield from tasks_of(patches.steps(project))


def task_modules() -> Tasks:
    """4. The Go modules that the artifacts need."""
    yield from for_each_target(project, "modules", compile_stage.module_steps)


def task_compile() -> Tasks:
    """5. Each artifact: Go programs, Go with C, C programs and libraries."""
    yield from for_each_target(project, "compile", compile_stage.steps)


def task_rootfs() -> Tasks:
    """6. The root filesystem of each resource type."""
    yield from for_each_target(project, "rootfs", rootfs.steps)


def task_package() -> Tasks:
    """7. The distribution, in dist/."""
    yield from for_each_target(project, "package", package.steps)


def task_verify() -> Tasks:
    """8. Checks that every program of the distribution is what the target needs."""
    yield from for_each_target(project, "verify", verify.steps)


def task_test_source() -> Tasks:
    """Upstream's own tests of the sources, on the host (`test-source:armv7`: for that target, under emulation)."""
    yield from test_source.tasks(project)


def task_guest() -> Tasks:
    """9. What an emulated machine of the target runs: a Debian system, an image for tasks."""
    yield from for_each_target(project, "guest", boot_stage.guest_steps)


def task_boot() -> Tasks:
    """10. The distribution proved by running it in that machine."""
    yield from for_each_target(project, "boot", boot_stage.steps)


def task_boot_more() -> Tasks:
    """The same in further scenarios: other volume drivers, other versions of cgroups."""
    yield from for_each_target(project, "boot-more", boot_stage.more_steps)


def task_build() -> Tasks:
    """All of the above but the checks: the distribution of the chosen target (`build:arm64`: of that one)."""
    yield from groups(project, "build", needs="package")
