"""``[boot]`` of a release manifest: how a distribution is proved by running it in an emulated machine.

The kinds are what can be run there: programs one by one, or a Concourse worker with a pipeline.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec

from crosscourse.manifest.types import Name, RelativePath, Table


class BootProgram(Table, frozen=True, kw_only=True):
    """``[boot.program.NAME]``: a program of the distribution and what it must do in the guest.

    ``command``: words; the first is the name of an artifact. ``expect``: a text that its output has.
    ``status``: its exit status.
    """

    command: Annotated[list[str], msgspec.Meta(min_length=1)]
    expect: str = ""
    status: int = 0


class Scenario(Table, frozen=True, kw_only=True):
    """``[boot.scenario.NAME]``: one boot of the worker.

    ``runtime``, ``volumes``: the worker's options ``--runtime`` and ``--baggageclaim-driver``. ``cgroup``: the version
    that the guest mounts. ``env``: more of the worker's environment; ``{root}`` stands for the distribution's folder.
    ``extra``: not part of ``boot``, only of ``boot-more``.
    """

    runtime: str
    cgroup: Literal[1, 2] = 2
    volumes: str = "overlay"
    env: dict[str, str] = {}
    extra: bool = False


class Boot(Table, frozen=True, kw_only=True, tag_field="kind"):
    """``[boot]``: ``suite`` of Debian for the guest, its ``packages`` and kernel ``modules`` beside the ones that any
    guest has; ``memory`` of the guest in MiB.
    """

    suite: str
    packages: list[str] = []
    modules: list[str] = []
    memory: int = 1024


class BootPrograms(Boot, frozen=True, kw_only=True, tag="programs"):
    """Programs of the distribution are run in the guest, one after the other."""

    program: dict[Name, BootProgram]


class BootWorker(Boot, frozen=True, kw_only=True, tag="worker"):
    """A Concourse worker runs in the guest, joined to a web node of the same release on the host.

    ``concourse``, ``fly``: the artifacts of that name; both are built for the host too.
    ``image``: Debian packages of the image that the pipeline's tasks run in.
    ``image-programs``: programs compiled for that image, path in the image → C or Go file of the project.
    """

    concourse: str
    fly: str
    image: list[str]
    image_programs: dict[str, RelativePath] = {}
    scenario: dict[Name, Scenario]


AnyBoot: TypeAlias = BootPrograms | BootWorker
