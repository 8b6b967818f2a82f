"""The rows of a small machine: what its processes take, its pipeline and its guest."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from crosscourse.engine.step import Step
from crosscourse.layout import Layout
from crosscourse.manifest.boot import BootWorker, Registry
from crosscourse.manifest.load import load_manifest
from crosscourse.manifest.model import Manifest
from tasks.boot import specs, steps
from tasks.boot.report import Check, RowError
from tasks.boot.rows import pipeline, processes, small
from tasks.boot.session import Session
from tasks.kinds import TABLES
from tests.unit.places import make_places
from tests.unit.tasks.boot.rows.test_installed import Guest

ROOT = Path(__file__).resolve().parents[5]
RELEASE = "concourse-8.2.5"


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    return load_manifest(ROOT / f"releases/{RELEASE}.toml", patches=ROOT / "vendor-patches", tables=TABLES)


def found(manifest: Manifest, target: str, *, native: bool = False) -> dict[str, Step]:
    layout = Layout(root=ROOT, release=RELEASE, cache=ROOT / "none", override={})
    made = [
        *steps.guest_steps(manifest, layout, target, native=native),
        *steps.more_steps(manifest, layout, target, native=native),
    ]
    return {step.name: step for step in made}


def spec_of(step: Step) -> specs.WorkerBoot:
    assert isinstance(step.spec, specs.WorkerBoot)
    return step.spec


def test_a_board_is_booted_with_what_it_has(manifest: Manifest) -> None:
    made = found(manifest, "armv7")
    boot = made["boot-more:armv7:raspi2b"]
    spec = spec_of(boot)
    assert spec.machine is not None
    assert (spec.machine.type, spec.memory) == ("raspi2b", 1024)
    assert spec.system == "guest:armv7:managed-system-raspi2b"
    assert set(boot.needs) >= {spec.system, "guest:armv7:slim-image", "package:armv7:concourse-worker.deb"}
    guest, first = made[spec.system], made["guest:armv7:managed-system"]
    assert set(guest.outputs) == {*first.outputs, specs.DTB}
    assert not set(guest.outputs.values()) & set(first.outputs.values())
    assert isinstance(guest.spec, specs.System)
    assert isinstance(first.spec, specs.System)
    assert guest.spec.kernel == first.spec.kernel
    assert guest.spec.kernel.packages is not None  # it is locked
    assert "guest:armv7:system-raspi2b" not in made  # nothing boots that


def test_other_targets_have_no_such_board(manifest: Manifest) -> None:
    assert not [name for name in found(manifest, "arm64") if "raspi" in name]
    assert spec_of(found(manifest, "arm64")["boot-more:arm64:small"]).memory == 1024


def test_a_native_guest_of_the_same_memory(manifest: Manifest) -> None:
    made = found(manifest, "amd64", native=True)
    spec = spec_of(made["boot-more:amd64:small"])
    assert (spec.machine, spec.memory, spec.system) == (None, 1024, "guest:amd64:managed-tree")


def test_the_image_has_what_needs_nothing_else(manifest: Manifest) -> None:
    assert isinstance(manifest.boot, BootWorker)
    slim, whole = (found(manifest, "armv7")[f"guest:armv7:{name}"].spec for name in ("slim-image", "image"))
    assert isinstance(slim, specs.Image)
    assert isinstance(whole, specs.Image)
    assert slim.packages.packages is not None
    assert {package.name for package in slim.packages.packages} == set(manifest.boot.slim_image)
    assert slim.programs == whole.programs


def rows(manifest: Manifest, guest: Guest, tmp_path: Path) -> dict[str, Check]:
    spec = spec_of(found(manifest, "armv7")["boot-more:armv7:raspi2b"])
    session = cast(Session, cast(Any, SimpleNamespace(guest=guest, spec=spec, at=make_places(tmp_path))))
    return {check.name: check for check in small.checks(session, spec)}


def test_a_small_machine_may_say_that_it_is_small(manifest: Manifest, tmp_path: Path) -> None:
    line = "warning: this machine has 933 MiB of memory and no swap: apt install zram-tools"
    assert rows(manifest, Guest({"concourse-worker-preflight": line}), tmp_path)["preflight"].act().remark == line
    with pytest.raises(RowError, match="no iptables"):
        rows(manifest, Guest({"concourse-worker-preflight": "error: no iptables"}), tmp_path)["preflight"].act()


def test_its_pipeline_takes_busyboxs_shell() -> None:
    made = pipeline.small(5000, Registry())
    tasks = [step for job in made["jobs"] for step in job["plan"] if "task" in step]
    assert [(step["config"]["run"]["path"], step["config"]["run"]["args"][:2]) for step in tasks] == [
        ("busybox", ["sh", "-c"]),
        ("busybox", ["sh", "-c"]),
    ]
    said = tasks[0]["config"]["run"]["args"][2]
    assert [line.split()[1] for line in said.splitlines() if line.startswith("try ")] == list(pipeline.SMALL)


SAID = """\
PROCESS /usr/lib/concourse/bin/concourse worker --x
stat: S 1 1 1 0 -1 4194560 9 0 9 0 1200 250 0 0 20 0
VmHWM:\t   81920 kB
Pss:               61440 kB
Anonymous:         30720 kB
PROCESS /usr/lib/concourse/bin/containerd-shim-runc-v2 -namespace concourse
stat: S 1 1 1 0 -1 4194560 9 0 9 0 10 5 0 0 20 0
VmHWM:\t   10240 kB
Pss:                4096 kB
Anonymous:          3072 kB
PROCESS /usr/lib/concourse/bin/containerd-shim-runc-v2 -namespace concourse
stat: S 1 1 1 0 -1 4194560 9 0 9 0 10 5 0 0 20 0
VmHWM:\t   11264 kB
Pss:                4096 kB
Anonymous:          3072 kB
MACHINE
MemTotal:         955744 kB
MemAvailable:     512000 kB
"""


def test_what_processes_take_by_name_the_largest_first() -> None:
    assert processes.table(SAID).splitlines() == [
        "process                 number  CPU s  MiB: proportional  anonymous  one's peak",
        "concourse worker             1   14.5               60.0       30.0        80.0",
        "containerd-shim-runc-v2      2    0.3                8.0        6.0        11.0",
        "all                          3   14.8               68.0       36.0        80.0",
        "the machine, MiB: 933 of memory, 500 of it available",
    ]


def test_many_are_summed_up() -> None:
    head, machine = SAID.split("MACHINE\n")
    first, shim = head.partition("PROCESS /usr/lib/concourse/bin/containerd")[0], head.split("PROCESS ")[2]
    many = first + "".join(f"PROCESS /p{number} {shim}" for number in range(20))
    lines = processes.table(f"{many}MACHINE\n{machine}").splitlines()
    assert len(lines) == 1 + processes._MOST + 3
    assert lines[-3].split() == ["others", "9", "1.3", "36.0", "27.0", "10.0"]
    assert lines[-2].split() == ["all", "21", "17.5", "140.0", "90.0", "80.0"]


def test_the_kernel_is_asked_for_processes_that_are_there() -> None:
    with subprocess.Popen(["sleep", "60"]) as one:
        said = subprocess.run(["sh", "-c", processes.LOOK], capture_output=True, text=True, check=True).stdout
        one.kill()
    lines = processes.table(said).splitlines()
    assert lines[-1].startswith("the machine, MiB: ")
    assert int(lines[-2].split()[1]) >= 2  # at least sleep, and the shell itself
    assert "PROCESS sleep 60" in said
