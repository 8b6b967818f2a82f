"""The rows of a preflight: when a fault counts as found."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from crosscourse.manifest.installed import Fault, Installed
from tasks.boot.guest.machine import Answer
from tasks.boot.report import Check, RowError
from tasks.boot.rows import preflight
from tasks.boot.rows.course import Course

FAULT = Fault(make="break it", undo="mend it", says="error: it is broken", status=2)
INSTALLED = Installed(
    guest=["mount"],
    package="p",
    unit="p.service",
    preflight=["look", "now"],
    of_kernel=["control group"],
    fault={"broken": FAULT},
)
HOSTS = "error: the control group cpu is off"


@dataclass
class Guest:
    """A guest in which a command says what it is told, while a fault is there or not."""

    good: Answer
    bad: Answer
    broken: bool = False
    asked: list[str] = field(default_factory=list)

    def run(self, script: str, *, seconds: int = 60) -> Answer:
        assert seconds
        self.asked.append(script)
        if script == "look now":
            return self.bad if self.broken else self.good
        self.broken = {"break it": True, "mend it": False}.get(script, self.broken)
        return Answer(status=0, text="")


def said(status: int, *lines: str) -> Answer:
    return Answer(status=status, text="".join(f"{line}\n" for line in lines))


def rows(guest: Guest, *, native: bool = False, installed: Installed = INSTALLED) -> dict[str, Check]:
    session = SimpleNamespace(guest=guest, spec=SimpleNamespace(machine=None if native else "a machine"))
    course = cast(Course, cast(Any, SimpleNamespace(session=session)))
    return {check.name: check for check in preflight.checks(course, installed)}


def test_a_good_guest_and_a_fault() -> None:
    guest = Guest(good=said(0), bad=said(2, "error: it is broken: mend it"))
    found = rows(guest)
    assert found["preflight"].act().remark == ""
    assert found["broken"].needs == ("preflight",)
    assert found["broken"].act().remark == "2: error: it is broken: mend it"
    assert guest.asked == ["look now", "break it", "look now", "mend it"]


@pytest.mark.parametrize(
    "answer",
    [
        said(0),
        said(2, "error: something else"),
        said(2, "error: it is broken", "warning: and this"),
        said(1, "error: it is broken"),
    ],
)
def test_a_fault_that_is_not_found_as_it_must_be(answer: Answer) -> None:
    guest = Guest(good=said(0), bad=answer)
    found = rows(guest)
    found["preflight"].act()
    with pytest.raises(RowError, match="broken"):
        found["broken"].act()
    assert not guest.broken


def test_a_good_guest_that_something_is_said_of() -> None:
    for answer in (said(1, "warning: no"), said(2, HOSTS)):
        with pytest.raises(RowError, match="said of a good guest"):
            rows(Guest(good=answer, bad=answer))["preflight"].act()
    with pytest.raises(RowError, match="exit status 1"):
        rows(Guest(good=said(1), bad=said(1)))["preflight"].act()


def test_what_is_the_hosts_counts_in_no_native_guest() -> None:
    guest = Guest(good=said(2, HOSTS), bad=said(2, HOSTS, "error: it is broken"))
    found = rows(guest, native=True)
    assert found["preflight"].act().remark.startswith("1 line of this machine's own kernel")
    # The unit is started in spite of it.
    assert "ExecStartPre=" in guest.asked[-1]
    assert found["broken"].act().remark == "2: error: it is broken"
    other = Guest(good=said(2, HOSTS, "error: more"), bad=said(2))
    with pytest.raises(RowError, match="error: more"):
        rows(other, native=True)["preflight"].act()


def test_no_preflight() -> None:
    none = Installed(guest=["mount"], package="p", unit="p.service")
    assert rows(Guest(good=said(0), bad=said(0)), installed=none) == {}
