"""The guest of name spaces: what starts it, what it needs of a machine, and what stands before an OCI runtime."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from crosscourse.layout import Layout
from crosscourse.manifest.load import load_manifest
from crosscourse.manifest.model import Manifest
from tasks.boot import specs, steps
from tasks.boot.guest import launcher, native, native_needs
from tasks.boot.guest.native_needs import Facts, NativeError
from tasks.boot.guest.system import FILES
from tasks.kinds import TABLES
from toolchains.targets import host_target

ROOT = Path(__file__).resolve().parents[5]
HOST = host_target().name
OTHER = "armv7" if HOST != "armv7" else "amd64"
GOOD = Facts(
    user=0,
    capabilities=(1 << 41) - 1,
    spaces=frozenset({"cgroup", "ipc", "mnt", "net", "pid", "user", "uts"}),
    file_systems=frozenset({"cgroup2", "devpts", "overlay", "proc", "sysfs", "tmpfs"}),
    groups=None,
    tun=True,
)


def test_the_command_line() -> None:
    words = native.command(
        Path("/t"), Path("/d"), Path("/w"), line=Path("/r/agent"), log=Path("/l"), group=Path("/g"), memory=512
    )
    text = [str(word) for word in words]
    assert text[3:8] == [launcher.__file__, "/r/agent", "/l", "/g", "512"]
    # No name space of users; the first process ends with the one that started it; nothing mounted is seen outside.
    assert text[8] == "unshare"
    assert text[text.index("--") - 3 : text.index("--")] == ["--propagation=private", "--fork", "--kill-child=KILL"]
    assert {"--mount", "--pid", "--net", "--ipc", "--uts", "--cgroup"} <= set(text)
    assert "--user" not in text
    assert text[text.index("--") + 1 :] == [
        "/t/usr/bin/busybox",
        "sh",
        "/t/usr/lib/crosscourse/enter",
        "/t",
        "/d",
        "/w",
    ]


def test_a_machine_that_has_everything() -> None:
    assert native_needs.lacking(GOOD) == []
    native_needs.require(GOOD)
    assert GOOD.whole


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"user": 1000, "capabilities": 0}, "root's rights (this is user 1000)"),
        ({"capabilities": GOOD.capabilities & ~(1 << 21)}, "CAP_SYS_ADMIN"),
        ({"spaces": GOOD.spaces - {"cgroup"}}, "name spaces of kind cgroup"),
        ({"file_systems": GOOD.file_systems - {"overlay"}}, "the file system overlay"),
        ({"groups": "control groups that it may write to"}, "control groups that it may write to"),
        ({"tun": False}, "/dev/net/tun"),
        ({"options": ("VETH",)}, "CONFIG_VETH of its kernel"),
    ],
)
def test_what_a_machine_lacks_is_named(change: dict[str, Any], expected: str) -> None:
    facts = Facts(**{**{name: getattr(GOOD, name) for name in GOOD.__dataclass_fields__}, **change})
    assert native_needs.lacking(facts) == [expected]
    with pytest.raises(NativeError, match="lacks") as caught:
        native_needs.require(facts)
    assert expected in str(caught.value)


def test_options_of_a_kernel() -> None:
    kernel = "".join(f"CONFIG_{name}={'ym'[number % 2]}\n" for number, name in enumerate(native_needs._OPTIONS))
    assert native_needs.unset(kernel) == ()
    assert native_needs.unset(kernel.replace("CONFIG_VETH=", "# CONFIG_VETH is not ")) == ("VETH",)
    assert native_needs.unset(kernel.replace("CONFIG_BRIDGE=", "CONFIG_BRIDGE_NETFILTER=")) == ("BRIDGE",)
    assert native_needs.unset("") == ()  # it is not to be found, and so nothing is known


def test_a_right_that_containers_can_do_without() -> None:
    facts = Facts(
        user=0,
        capabilities=GOOD.capabilities & ~(1 << 24),
        spaces=GOOD.spaces,
        file_systems=GOOD.file_systems,
        groups=None,
        tun=True,
    )
    assert native_needs.lacking(facts) == []
    assert not facts.whole


def test_this_machine_can_be_looked_at() -> None:
    facts = native_needs.look()
    assert facts.user == os.geteuid()
    assert {"proc", "tmpfs"} <= facts.file_systems
    assert {"mnt", "pid"} <= facts.spaces


def test_a_group_that_is_in_use_is_held(tmp_path: Path) -> None:
    users = [launcher.hold(tmp_path), launcher.hold(tmp_path)]
    assert launcher.hold(tmp_path, fcntl.LOCK_EX) is None
    for user in users:
        assert user is not None
        os.close(user)
    alone = launcher.hold(tmp_path, fcntl.LOCK_EX)
    assert alone is not None
    os.close(alone)


@pytest.fixture(scope="module")
def concourse() -> Manifest:
    path = next((ROOT / "releases").glob("concourse-*.toml"))
    return load_manifest(path, patches=ROOT / "vendor-patches", tables=TABLES)


def layout(release: str, folder: Path) -> Layout:
    return Layout(root=ROOT, release=release, cache=folder, override={})


def test_a_native_boot_makes_no_kernel_and_no_disks(concourse: Manifest, tmp_path: Path) -> None:
    release = next((ROOT / "releases").glob("concourse-*.toml")).stem
    made = {step.name for step in steps.guest_steps(concourse, layout(release, tmp_path), HOST, native=True)}
    assert {f"guest:{HOST}:host", f"guest:{HOST}:tree"} <= made
    assert f"guest:{HOST}:system" not in made
    for step in steps.steps(concourse, layout(release, tmp_path), HOST, native=True):
        assert isinstance(step.spec, specs.WorkerBoot)
        assert step.spec.machine is None
        assert step.spec.system == f"guest:{HOST}:{'managed-' if step.spec.scenario.installed else ''}tree"
        assert step.spec.oci_runtime


def test_what_a_native_guest_can_not_be(concourse: Manifest, tmp_path: Path) -> None:
    (step,) = steps.steps(concourse, layout("any", tmp_path), OTHER, native=True)
    assert isinstance(step.spec, steps.Impossible)
    assert f"say target={HOST}" in step.spec.obstacle
    assert list(steps.guest_steps(concourse, layout("any", tmp_path), OTHER, native=True)) == []


def test_scenarios_that_a_native_guest_is_not_enough_for(concourse: Manifest, tmp_path: Path) -> None:
    release = next((ROOT / "releases").glob("concourse-*.toml")).stem
    obstacles = {
        step.name.rpartition(":")[2]: step.spec.obstacle
        for step in steps.more_steps(concourse, layout(release, tmp_path), HOST, native=True)
        if isinstance(step.spec, steps.Impossible)
    }
    assert "loop device" in obstacles["containerd-btrfs"]
    assert "version 1" in obstacles["guardian-cgroup1"]
    assert "containerd-naive" not in obstacles


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    """What stands before the runtime, with a runtime that prints its words and the process that it is told of."""
    real = tmp_path / "real"
    real.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\nfor last; do :; done\n[ ! -f "$last" ] || cat "$last"\n')
    real.chmod(0o755)
    text = (FILES / "native-runtime").read_text()
    for old, new in (("/usr/lib/crosscourse/oci-runtime", real), ("/run/process", tmp_path / "process")):
        assert old in text
        text = text.replace(old, str(new))
    before = tmp_path / "before"
    before.write_text(text)
    return before


def call(runtime: Path, *words: str | Path, given: str = "") -> list[str]:
    done = subprocess.run(["sh", runtime, *words], input=given, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


CAPABILITIES = ["CAP_CHOWN", "CAP_SYS_RESOURCE", "CAP_KILL"]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("names", [CAPABILITIES, CAPABILITIES[:2], CAPABILITIES[1:]], ids=["amid", "last", "first"])
def test_a_container_without_what_root_lacks(
    runtime: Path, tmp_path: Path, names: list[str], indent: int | None
) -> None:
    spec = {"process": {"args": ["a b"], "capabilities": {"bounding": names, "effective": names}}, "root": "r"}
    (tmp_path / "a bundle").mkdir()
    config = tmp_path / "a bundle" / "config.json"
    separators = (",", ":") if indent is None else None
    config.write_text(json.dumps(spec, indent=indent, separators=separators))
    said = call(runtime, "--root", "/run/r", "create", "--bundle", config.parent, "an id")
    assert said == ["--root", "/run/r", "create", "--bundle", str(config.parent), "an id"]
    kept = [name for name in names if name != "CAP_SYS_RESOURCE"]
    spec["process"] = {"args": ["a b"], "capabilities": {"bounding": kept, "effective": kept}}
    assert json.loads(config.read_text()) == spec


def test_a_process_may_come_by_a_pipe(runtime: Path, tmp_path: Path) -> None:
    given = json.dumps({"capabilities": {"bounding": CAPABILITIES}}, separators=(",", ":"))
    *words, place, process = call(runtime, "exec", "id", "-p", "/dev/stdin", given=given)
    assert words == ["exec", "id", "-p"]
    assert place.startswith(str(tmp_path / "process"))
    assert msgspec.json.decode(process) == {"capabilities": {"bounding": ["CAP_CHOWN", "CAP_KILL"]}}


def test_a_word_that_looks_like_an_option_is_none(runtime: Path) -> None:
    assert call(runtime, "kill", "--all", "x", "") == ["kill", "--all", "x", ""]
