"""The rows of a package that is installed: what the guest is told, and what of its answers is an error."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from crosscourse.manifest.installed import Installed
from tasks.boot.guest.machine import Answer
from tasks.boot.report import Check, RowError
from tasks.boot.rows import installed
from tasks.boot.rows.course import Course
from tasks.boot.rows.unit import Unit
from tasks.boot.session import Session
from tasks.boot.specs import Delivery

TABLE = Installed(
    guest=["mount"],
    package="p",
    unit="p.service",
    expect="it ran",
    setup=["p-setup", "--host", "{tsa}", "--key", "{tsa-key}", "--name={name}"],
    key="/etc/p/key.pub",
    settings="/etc/p/env",
    drain="STOP=later",
)
GIVEN = Delivery(installed=TABLE, prefix="/usr/lib/p", packages=("a",), newer=("b",))


@dataclass
class Guest:
    """A guest that answers a script by the first text that is in it."""

    answers: dict[str, str | Answer] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def run(self, script: str, *, seconds: int = 60) -> Answer:
        assert seconds
        self.asked.append(script)
        found = next((answer for text, answer in self.answers.items() if text in script), "")
        return found if isinstance(found, Answer) else Answer(status=0, text=found)


def rows(guest: Guest, given: Delivery = GIVEN) -> dict[str, Check]:
    session = cast(Session, cast(Any, SimpleNamespace(guest=guest)))
    return {check.name: check for check in installed.checks(session, given)}


def test_each_row_needs_the_one_before() -> None:
    needs = {name: check.needs for name, check in rows(Guest()).items()}
    assert needs == {
        "boot": (),
        "system": ("boot",),
        "install": ("system",),
        "unit": ("install",),
        "upgrade": ("unit",),
        "remove": ("install",),
        "purge": ("remove",),
    }


def test_a_unit_that_failed_at_the_start_is_named() -> None:
    guest = Guest({"--failed": "x.service failed", "systemctl is-system-running": "degraded\n"})
    with pytest.raises(RowError, match=r"is degraded: x\.service failed"):
        rows(guest)["system"].act()


def test_apt_has_the_last_word() -> None:
    guest = Guest({"apt-get": Answer(status=100, text="E: Unable to correct problems")})
    with pytest.raises(RowError, match=r"exit status 100: E: Unable"):
        rows(guest)["install"].act()


@pytest.mark.parametrize(("foreign", "first"), [("", "apt-get"), ("armhf", "/usr/bin/dpkg --add-architecture armhf")])
def test_packages_for_another_architecture_are_let_in_before_apt_reads_their_list(foreign: str, first: str) -> None:
    guest = Guest({"dpkg-query": "1-1"})
    rows(guest, msgspec.structs.replace(GIVEN, foreign=foreign))["install"].act()
    assert first in next(script for script in guest.asked if "dpkg --" in script or "apt-get" in script)


@pytest.mark.parametrize(
    ("state", "said", "wrong"),
    [("active\nsuccess", "no", "without 'it ran'"), ("failed\nexit-code", "it ran", "is exit-code, failed")],
)
def test_a_unit_that_did_not_do_what_it_must(state: str, said: str, wrong: str) -> None:
    with pytest.raises(RowError, match=wrong):
        rows(Guest({"systemctl show": state, "journalctl": said}))["unit"].act()


def test_the_order_of_a_units_properties_does_not_matter() -> None:
    guest = Guest({"systemctl show": "success\nactive\n", "journalctl": "began\nit ran\n", "dpkg-query": "1-1"})
    assert rows(guest)["unit"].act().remark == "1-1: it ran"


def test_an_upgrade_that_changes_nothing() -> None:
    guest = Guest({"dpkg-query": "1-1", "systemctl show": "active success", "journalctl": "it ran"})
    with pytest.raises(RowError, match="is 1-1 still"):
        rows(guest)["upgrade"].act()


def test_what_runs_after_removal() -> None:
    with pytest.raises(RowError, match="is active"):
        rows(Guest({"is-active": "active"}))["remove"].act()
    with pytest.raises(RowError, match="left processes 12, 13"):
        rows(Guest({"is-active": "inactive", "cgroup.procs": "12\n13\n"}))["remove"].act()


def test_what_a_purge_leaves_or_takes() -> None:
    rows(Guest())["purge"].act()
    with pytest.raises(RowError, match="left /etc/p; took /etc/q"):
        rows(Guest({"comm -13": "/etc/p\n", "comm -23": "/etc/q\n"}))["purge"].act()


def course(guest: Guest, tmp_path: Path, trusted: list[str]) -> Course:
    host = tmp_path / "host"
    host.with_suffix(".pub").write_text("ssh-rsa HOST\n")
    node = SimpleNamespace(tsa_port=22, keys=SimpleNamespace(host=host), trust=trusted.append)
    spec = SimpleNamespace(delivery=GIVEN, scenario=SimpleNamespace(runtime="r", volumes="v", env={"A": "b c"}))
    return cast(Course, cast(Any, SimpleNamespace(session=SimpleNamespace(guest=guest), spec=spec, node=node)))


def test_worker_and_web_node_are_told_of_each_other(tmp_path: Path) -> None:
    trusted: list[str] = []
    guest = Guest({"p-setup": "add this line:\nssh-rsa WORKER\n", "cat /etc/p/key.pub": "ssh-rsa WORKER\n"})
    installed.setup(course(guest, tmp_path, trusted))
    assert guest.asked[0] == "p-setup --host 10.0.2.2:22 --key 'ssh-rsa HOST' --name=guest"
    assert trusted == ["ssh-rsa WORKER"]


def test_a_setup_that_does_not_say_the_key(tmp_path: Path) -> None:
    trusted: list[str] = []
    with pytest.raises(RowError, match="did not say the worker's key"):
        installed.setup(course(Guest({"cat /etc/p/key.pub": "ssh-rsa WORKER"}), tmp_path, trusted))
    assert trusted == []


def test_a_unit_is_given_its_settings_and_asked_to_end(tmp_path: Path) -> None:
    unit, guest = Unit(installed=TABLE), Guest({"is-active": "activating\n"})
    it = course(guest, tmp_path, [])
    unit.prepare(it)
    assert guest.asked == ["printf %s 'CONCOURSE_BAGGAGECLAIM_DRIVER=v\nA=b c\n' >>/etc/p/env"]
    assert unit.runs(it)
    guest.answers = {"systemctl start": Answer(status=1, text="Job failed"), "journalctl": "why"}
    with pytest.raises(RowError, match=r"(?s)did not start: Job failed.*why"):
        unit.start(it)
    guest.answers = {"systemctl stop": Answer(status=137, text="")}
    with pytest.raises(RowError, match="did not end within"):
        unit.end(it)
