"""The work of verify: reports when all is right, and when it is not."""

from __future__ import annotations

import dataclasses
import gzip
import json
from pathlib import Path

import pytest

from crosscourse.engine.places import Places
from tasks.verify.ours import Ours
from tasks.verify.report.formats import FORMATS
from tasks.verify.report.text import MOST
from tasks.verify.rules.table import RULES
from tasks.verify.works import PROJECT, REPORTS, Verification, VerificationError, verify
from tests.unit.helpers_elf import AARCH64, build_elf, member, tar_of
from tests.unit.places import make_places
from toolchains.targets import get_target

ROOT = "c/rootfs.tgz"
NAMES = [f"elf.{ending}" for ending in FORMATS]


def places(folder: Path, content: bytes) -> Places:
    package = folder / "dist" / "d.tgz"
    package.parent.mkdir()
    package.write_bytes(content)
    paths = {REPORTS: folder / "reports", PROJECT: folder / "project"}
    return make_places(folder, needed={"package": {"": package}}, labels=tuple(NAMES), paths=paths)


def distribution(*names: str, machine: int = 40) -> bytes:
    made = build_elf(machine=machine)
    root = gzip.compress(tar_of(*((member(name, made, mode=0o755), made) for name in names)))
    return gzip.compress(tar_of((member(ROOT, root), root)))


def spec(
    packaged: dict[str, Ours] | None = None,
    elsewhere: tuple[str, ...] = (),
    embedded: dict[str, tuple[str, ...]] | None = None,
) -> Verification:
    target = get_target("armv7").expected
    return Verification(
        target=target, package="package", packaged=packaged or {}, embedded=embedded or {}, elsewhere=elsewhere
    )


def test_reports_and_a_summary(tmp_path: Path) -> None:
    at = places(tmp_path, distribution("opt/x", "usr/bin/y"))
    verify(spec(), at)
    assert [at.output(name).is_file() for name in NAMES] == [True] * len(NAMES)
    assert at.reported == [f"d.tgz for armv7: 2 ELF files checked (ARM 2), {len(RULES)} rules, 0 violations"]


@pytest.mark.parametrize("place", ["project", "caches"])
def test_no_name_of_the_project_or_of_the_cache_folder(tmp_path: Path, place: str) -> None:
    """Reports of what is wrong are kept, though a step that fails has no outputs."""
    name = f"usr/src{tmp_path}/{place}/x"
    with pytest.raises(VerificationError, match="build-host: found named after"):
        verify(spec(), places(tmp_path, distribution("opt/x", name)))
    assert "build-host" in (tmp_path / "reports" / "elf.txt").read_text()


def test_what_the_spec_says_of_the_package_counts(tmp_path: Path) -> None:
    content = distribution("opt/x", machine=AARCH64)
    with pytest.raises(VerificationError, match="not-empty"):
        verify(spec(elsewhere=("c",)), places(tmp_path, content))


def test_programs_that_the_spec_names_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(VerificationError, match="usr/bin/z\n  readable: found no ELF file"):
        verify(spec(packaged={ROOT: Ours(programs=("/usr/bin/z",))}), places(tmp_path, distribution("opt/x")))


def test_where_all_violations_are_is_said_where_not_all_are_shown(tmp_path: Path) -> None:
    many = distribution(*(f"opt/{number}" for number in range(MOST + 1)), machine=AARCH64)
    with pytest.raises(VerificationError, match="machine: and 1 more") as caught:
        verify(spec(), places(tmp_path, many))
    place = Path(caught.value.remedy.removeprefix("All of them: "))
    assert len(json.loads(place.read_text())["violations"]) > MOST
    (tmp_path / "few").mkdir()
    with pytest.raises(VerificationError) as few:
        verify(spec(), places(tmp_path / "few", distribution("opt/x", machine=AARCH64)))
    assert few.value.remedy == ""


@pytest.mark.parametrize(
    ("program", "content", "lacking"),
    [
        ("c/bin/web", b"the page, and the script", []),
        ("c/bin/web", b"the script", ["c/bin/web: public/index.html"]),
        ("c/bin/web", b"the page, and the scrip", ["c/bin/web: public/page.js"]),
        ("c/bin/other", b"the page, the script", ["c/bin/web: public/index.html", "c/bin/web: public/page.js"]),
    ],
)
def test_programs_have_what_they_are_said_to_embed(
    tmp_path: Path, program: str, content: bytes, lacking: list[str]
) -> None:
    made = build_elf() + b"x" * 70_000 + content
    at = places(tmp_path, gzip.compress(tar_of((member(program, made, mode=0o755), made))))
    for name, text in (("page", "the page"), ("page.js", "the script"), ("empty", "")):
        (tmp_path / name).write_text(text)
    files = {"public/index.html": tmp_path / "page", "public/page.js": tmp_path / "page.js"}
    at = dataclasses.replace(at, needed={**at.needed, "assets:p": files, "assets:q": {"empty": tmp_path / "empty"}})
    wanted = spec(embedded={"c/bin/web": ("assets:p", *(("assets:q",) if "web" in program else ()))})
    if not lacking:
        verify(wanted, at)
        return
    with pytest.raises(VerificationError, match="embedded: found nothing of public/"):
        verify(wanted, at)
    violations = json.loads((tmp_path / "reports" / "elf.json").read_text())["violations"]
    found = [f"{each['file']}: {each['found'].removeprefix('nothing of ')}" for each in violations]
    assert found == lacking
