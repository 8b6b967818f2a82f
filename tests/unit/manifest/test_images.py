"""What a manifest can say of images, and what is refused in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from crosscourse.manifest.images import Image, archive_name, problems, tag

PATHS = ["bin/a", "bin/b", "types/one"]


def image(**more: Any) -> Image:
    return msgspec.convert({"repository": "localhost/x", "summary": "S", "packages": ["dash"], **more}, Image)


def found(one: Image, root: Path, *, debian: bool = True) -> list[str]:
    return list(problems({"one": one}, PATHS, debian=debian, root=root))


def test_a_right_one(tmp_path: Path) -> None:
    (tmp_path / "entry").write_text("")
    one = image(contents=["bin/*", "!bin/b"], programs={"/usr/local/bin/entry": "entry"}, folders={"/x": "0755"})
    assert found(one, tmp_path) == []
    assert [path for path in PATHS if one.takes(path)] == ["bin/a"]
    assert [path for path in PATHS if image().takes(path)] == PATHS


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"contents": ["bin/c"]}, "image.one.contents[0]: no artifact has a path like 'bin/c'"),
        ({"programs": {"/x": "gone"}}, 'image.one.programs."/x": there is no file gone in the project'),
        ({"compose": "gone"}, "image.one.compose: there is no file gone in the project"),
        ({"links": {"/x": "y"}, "folders": {"/x": "0755"}}, "'x' is taken by"),
    ],
)
def test_what_refers_to_nothing_is_told(wrong: dict[str, Any], expected: str, tmp_path: Path) -> None:
    told = found(image(**wrong), tmp_path)
    assert any(expected in problem for problem in told), told


def test_packages_come_of_a_suite(tmp_path: Path) -> None:
    assert "no [debian] with a suite" in found(image(), tmp_path, debian=False)[0]
    assert found(image(suite="bookworm"), tmp_path, debian=False) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"repository": "Localhost/x"},
        {"repository": "localhost/x:1"},
        {"repository": "localhost/x/"},
        {"repository": "x..y"},
        {"stop-signal": "TERM"},
        {"packages": []},
        {"annotations": {"Org.x": "y"}},
        {"env": {"A B": "c"}},
    ],
)
def test_what_no_registry_would_take_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        image(**wrong)


def test_names() -> None:
    assert archive_name("x", "1.0", "armv7") == "x-1.0-image-linux-armv7.tar"
    assert archive_name("x", "1.0") == "x-1.0-image.tar"
    assert tag("1.0~rc+1") == "1.0-rc-1"
