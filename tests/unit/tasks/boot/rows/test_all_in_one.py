"""Everything on one machine: it is set up as the documentation says; and what of a guest's answers is an error."""

from __future__ import annotations

import shlex
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from crosscourse.layout import Layout
from crosscourse.manifest.boot import BootWorker, Try
from crosscourse.manifest.load import load_manifest
from crosscourse.manifest.model import Manifest
from tasks.boot import specs, steps
from tasks.boot.guest.machine import Answer
from tasks.boot.report import Check, RowError
from tasks.boot.rows import all_in_one
from tasks.boot.rows.fly import Fly, FlyError, InGuest
from tasks.boot.session import Session
from tasks.kinds import TABLES
from tests.unit.places import make_places
from tests.unit.tasks.boot.rows.test_installed import Guest

ROOT = Path(__file__).resolve().parents[5]
RELEASE = "concourse-8.2.5"


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    return load_manifest(ROOT / f"releases/{RELEASE}.toml", patches=ROOT / "vendor-patches", tables=TABLES)


@pytest.fixture(scope="module")
def spec(manifest: Manifest) -> specs.WorkerBoot:
    layout = Layout(root=ROOT, release=RELEASE, cache=ROOT / "none", override={})
    found = {step.name: step for step in steps.more_steps(manifest, layout, "armv7")}["boot-more:armv7:all-in-one"]
    assert isinstance(found.spec, specs.WorkerBoot)
    # Nothing of the host's is in it but a browser.
    assert not [need for need in found.needs if need.startswith("compile:") or need.endswith(":stand-ins")]
    return found.spec


def rows(spec: specs.WorkerBoot, guest: Guest, tmp_path: Path) -> dict[str, Check]:
    session = cast(Session, cast(Any, SimpleNamespace(guest=guest, spec=spec, at=make_places(tmp_path))))
    return {check.name: check for check in all_in_one.checks(session, spec)}


def test_it_is_set_up_as_the_documentation_says(manifest: Manifest) -> None:
    assert isinstance(manifest.boot, BootWorker)
    assert manifest.boot.installed is not None
    together = manifest.boot.installed.together
    assert together is not None
    text = (ROOT / "docs/install.md").read_text(encoding="utf-8")
    assert together.setup in text
    assert f"fly -t here login -c {together.url} -u {together.user} -p {together.password}" in text
    assert {f"./{name}_*.deb" for name in together.packages} <= set(text.split())
    assert together.debian[0] in text
    assert f"needs `{together.debian[1]}`" in text


def test_what_the_guest_is_offered_it_does_not_have(spec: specs.WorkerBoot) -> None:
    assert spec.delivery is not None
    assert spec.delivery.debian is not None
    offered = {package.name for package in spec.delivery.debian.packages or ()}
    assert {"postgresql", "postgresql-15", "libnss-systemd"} <= offered
    assert not {"apt", "dpkg", "systemd", "libc6"} & offered
    names = [step.rpartition(":")[2] for step in spec.delivery.packages]
    assert names == ["concourse.deb", "concourse-worker.deb", "concourse-web.deb", "concourse-fly.deb"]


def test_the_documentations_words_work_for_root(spec: specs.WorkerBoot, tmp_path: Path) -> None:
    guest = Guest()
    rows(spec, guest, tmp_path)["setup"].act()
    (script,) = guest.asked
    assert "setpriv --reuid" in script
    assert shlex.split(script)[:2] == ["/usr/bin/bash", "-c"]
    assert script.endswith("sudo concourse-worker-setup\n'")
    bad = Guest({"createuser": Answer(status=1, text="psql: error: connection refused")})
    with pytest.raises(RowError, match="exit status 1: psql: error"):
        rows(spec, bad, tmp_path)["setup"].act()


def test_a_web_node_that_does_not_answer(spec: specs.WorkerBoot, tmp_path: Path) -> None:
    guest = Guest({"wget": Answer(status=1, text=""), "journalctl": "FATAL: Peer authentication failed"})
    with pytest.raises(RowError, match="http://localhost:8080: does not answer:\nFATAL: Peer"):
        rows(spec, guest, tmp_path)["web"].act()


def test_fly_in_the_guest(tmp_path: Path) -> None:
    guest = Guest({"trigger-job": "started boot/get #12\n", "watch": Answer(status=2, text="failed\n")})
    session = cast(Session, cast(Any, SimpleNamespace(guest=guest, at=make_places(tmp_path))))
    fly = Fly(caller=InGuest(session=session, program="fly"))
    build = fly.trigger("get")
    assert build.number == "12"
    with pytest.raises(FlyError, match="fly watch: ended with exit status 2:\nfailed"):
        fly.await_build(build)
    fly.set_pipeline({"a": "it's"})
    assert guest.asked[0] == "HOME=/root timeout -k 5 60 fly -t boot trigger-job -j boot/get"
    assert "'\"'\"'" in guest.asked[2]


def test_the_task_that_is_looked_at_ends_when_someone_was_in_its_container() -> None:
    found = all_in_one.pipeline("first", Try(title="x", type="mock", source={"a": "b"}, get={"c": "d"}))
    jobs = {job["name"]: job["plan"] for job in found["jobs"]}
    assert jobs["get"] == [{"get": "first", "params": {"c": "d"}}]
    assert {plan[-1]["image"] for name, plan in jobs.items() if name != "get"} == {"first"}
    assert "[ ! -e /tmp/over ]" in jobs["patient"][-1]["config"]["run"]["args"][1]
