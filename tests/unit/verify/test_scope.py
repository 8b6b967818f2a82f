"""Which files a rule is for: all, our own and not Debian's, none of those for other machines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tasks.verify.ours import Ours
from tasks.verify.rules.table import RULES
from tests.unit.helpers_elf import build_elf
from tests.unit.verify.roots import (
    ELSEWHERE,
    GOOD,
    PROGRAM,
    ROOT,
    Tree,
    archive,
    broken,
    elf,
    file,
    link,
    verify,
)

OWN_RULES = {"type", "fp-arch", "neon", "static", "glibc", "executable"}
NEWER: dict[str, Any] = PROGRAM | {"tags": {6: 14, 10: 7, 12: 3, 28: 1}}
FOUR = ["cpu-arch", "fp-arch", "neon", "static"]


def rules_broken_by(tmp_path: Path, content: Tree, name: str, **more: Any) -> list[str]:
    return [rule for file, rule in broken(tmp_path, GOOD | content, **more) if file == name]


def test_scope_is_for_the_rules_that_it_is_meant_for() -> None:
    assert {rule.id for rule in RULES if rule.scope == "own"} == OWN_RULES


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("opt/resource/in", Ours()),
        ("usr/local/bin/in", Ours()),
        ("usr/bin/in", Ours(programs=("/usr/bin/in",))),
        ("usr/bin/in", Ours(programs=("bin/in",))),
        ("usr/lib/ours/in", Ours(places=("/lib/ours",))),
        ("usr/lib/ours/in", Ours(places=("usr/lib/ours/in",))),
        ("usr/bin/in", None),
    ],
)
def test_own_programs_are_held_to_all_rules(tmp_path: Path, name: str, ours: Ours | None) -> None:
    """In a root filesystem of packages too, under whatever path they are named; and all in any other."""
    assert rules_broken_by(tmp_path, elf(name, **NEWER), name, ours=ours) == FOUR


def test_files_of_packages_are_not_held_to_what_is_meant_for_own_ones(tmp_path: Path) -> None:
    for name in ("usr/bin/in", "usr/lib/oursin", "optional/in"):
        assert not OWN_RULES & set(
            rules_broken_by(tmp_path, elf(name, **NEWER), name, ours=Ours(places=("usr/lib/ours",)))
        )
    data = file("usr/lib/x.o", build_elf(type=1), mode=0o644)
    assert rules_broken_by(tmp_path, data, "usr/lib/x.o") == []


def test_a_program_behind_a_link_is_what_the_link_leads_to(tmp_path: Path) -> None:
    content = elf("usr/lib/real/in", **NEWER) | link("usr/bin/in", "../lib/real/in")
    assert rules_broken_by(tmp_path, content, "usr/lib/real/in", ours=Ours(programs=("/bin/in",))) == FOUR


@pytest.mark.parametrize(("place", "held"), [("c/fly-assets", False), ("c/fly", True), ("c/fly-assets/fly.tgz", False)])
def test_programs_for_other_machines_are_held_to_nothing(tmp_path: Path, place: str, held: bool) -> None:
    """Where they are meant to be; the machine's name is in the report all the same."""
    report = verify(tmp_path, elf("fly", **ELSEWHERE), ours=None, name="c/fly-assets/fly.tgz", elsewhere=(place,))
    found = {violation.rule for violation in report.violations}
    assert found == ({"machine", "class"} if held else {"not-empty"})
    assert report.machines == {"EM_AARCH64": 1}


@pytest.mark.parametrize("content", [{}, file("usr/bin/in", b"text")])
def test_an_own_program_that_is_not_there(tmp_path: Path, content: Tree) -> None:
    assert broken(tmp_path, GOOD | content, ours=Ours(programs=("/usr/bin/in",))) == [("usr/bin/in", "readable")]


def test_a_root_filesystem_that_is_not_there(tmp_path: Path) -> None:
    report = verify(tmp_path, GOOD, name="c/other/rootfs.tgz")
    assert (ROOT, "readable") in [(violation.file, violation.rule) for violation in report.violations]


def test_an_archive_in_an_archive_for_other_machines(tmp_path: Path) -> None:
    content = file("inner.tgz", archive(elf("fly", **ELSEWHERE)))
    place = "c/fly.tgz"
    assert broken(tmp_path, content, ours=None, name=place, elsewhere=(place,)) == [
        ("(the whole distribution)", "not-empty")
    ]
