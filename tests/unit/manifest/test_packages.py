"""What a manifest can say of packages, and what is refused in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from crosscourse.manifest.packages import Package, Packaging, problems

PACKAGING = Packaging(maintainer="A <a@example.org>", homepage="https://x", license="MIT", prefix="/usr/lib/x")
PATHS = {"a": "bin/a", "b": "bin/b", "kinds": "types/one"}


def package(**more: Any) -> Package:
    given = {"summary": "S", "description": "D", "section": "devel", **more}
    return msgspec.convert(given, Package)


def found(packages: dict[str, Package], root: Path, packaging: Packaging | None = PACKAGING) -> list[str]:
    return list(problems(packages, packaging, PATHS, ["a", "b", "kinds", "asked"], root))


def test_the_last_pattern_that_fits_decides() -> None:
    taken = package(contents=["bin/*", "!bin/b", "types/*"])
    assert [path for path in PATHS.values() if taken.takes(path)] == ["bin/a", "types/one"]
    assert not package().takes("bin/a")


def test_a_right_one(tmp_path: Path) -> None:
    (tmp_path / "unit").write_text("")
    one = package(contents=["bin/*"], files={"/usr/lib/unit": "unit"}, configuration={"/etc/x": "asked:x"})
    assert found({"one": one, "two": package(needs=["one"], contents=["types/*"])}, tmp_path) == []


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"contents": ["bin/c"]}, "package.one.contents[0]: no artifact has a path like 'bin/c'"),
        ({"contents": ["!sbin/*"]}, "package.one.contents[0]: no artifact has a path like '!sbin/*'"),
        ({"needs": ["three"]}, "package.one.needs[0]: there is no other package 'three'"),
        ({"needs": ["one"]}, "package.one.needs[0]: there is no other package 'one'"),
        ({"files": {"/usr/x": "gone"}}, 'package.one.files."/usr/x": there is no file gone in the project'),
        ({"programs": {"/usr/x": "gone"}}, 'package.one.programs."/usr/x": there is no file gone in the project'),
        ({"scripts": {"after-install": "gone"}}, "package.one.scripts.after-install: there is no file gone"),
        ({"deb": {"files": {"/usr/x": "gone"}}}, 'package.one.deb.files."/usr/x": there is no file gone'),
        ({"configuration": {"/etc/x": "no:x"}}, "package.one.configuration.\"/etc/x\": there is no artifact 'no'"),
        ({"links": {"/usr/x": "y"}, "folders": {"/usr/x": "0755"}}, "'usr/x' is taken by"),
        ({"contents": ["types/*"]}, "package.two.contents: 'types/one' is in package 'one' too"),
    ],
)
def test_what_refers_to_nothing_is_told(wrong: dict[str, Any], expected: str, tmp_path: Path) -> None:
    told = found({"one": package(**wrong), "two": package(contents=["types/*"])}, tmp_path)
    assert any(expected in problem for problem in told), told


def test_packages_need_a_maintainer(tmp_path: Path) -> None:
    assert found({}, tmp_path, None) == []
    assert "packaging: this key is missing" in found({"one": package()}, tmp_path, None)[0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"summary": "costs $5"},
        {"summary": "two\nlines"},
        {"description": "${HOME}"},
        {"contents": ["-x"], "section": "Devel"},
        {"configuration": {"/etc/x": "../x"}},
        {"deb": {"depends": ["a$b"]}},
    ],
)
def test_what_the_packer_would_fill_in_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        package(**wrong)
