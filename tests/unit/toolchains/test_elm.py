"""The list of packages as the compiler's own code writes it, and what an application wants."""

import json
from pathlib import Path

import pytest

from toolchains.elm import ElmError, Package, application, package_folder, registry


def package(name: str, version: str) -> Package:
    return Package(name=name, version=version, commit="0" * 40)


def test_the_registry_is_a_sorted_map_of_newest_versions() -> None:
    made = registry([package("elm/json", "1.1.3"), package("avh4/elm-fifo", "1.0.4"), package("elm/core", "1.0.5")])
    rows = [
        b"\x04avh4\x08elm-fifo\x01\x00\x04" + bytes(8),
        b"\x03elm\x04core\x01\x00\x05" + bytes(8),
        b"\x03elm\x04json\x01\x01\x03" + bytes(8),
    ]
    assert made == bytes(7) + b"\x03" + bytes(7) + b"\x03" + b"".join(rows)


@pytest.mark.parametrize(
    ("version", "written"),
    [
        ("254.255.255", b"\xfe\xff\xff"),
        ("255.0.0", b"\xff\x00\xff\x00\x00\x00\x00"),
        ("1.256.2", b"\xff\x00\x01\x01\x00\x00\x02"),
    ],
)
def test_large_versions_have_another_form(version: str, written: bytes) -> None:
    assert registry([package("a/b", version)]) == bytes(7) + b"\x01" + bytes(7) + b"\x01\x01a\x01b" + written + bytes(8)


def test_packages_for_tests_are_wanted_too(tmp_path: Path) -> None:
    table = {
        "type": "application",
        "elm-version": "0.19.1",
        "dependencies": {"direct": {"elm/core": "1.0.5"}, "indirect": {"elm/json": "1.1.3"}},
        "test-dependencies": {"direct": {"elm-explorations/test": "2.2.0"}, "indirect": {}},
    }
    (tmp_path / "elm.json").write_text(json.dumps(table))
    found = application(tmp_path / "elm.json")
    assert found.elm == "0.19.1"
    assert found.packages == {"elm-explorations/test": "2.2.0", "elm/core": "1.0.5", "elm/json": "1.1.3"}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"elm-version": "0.19.1", "dependencies": {"direct": []}}', "\xff"])
def test_what_is_no_application(tmp_path: Path, text: str) -> None:
    (tmp_path / "elm.json").write_text(text)
    with pytest.raises(ElmError, match=r"elm\.json"):
        application(tmp_path / "elm.json")


def test_where_the_compiler_looks() -> None:
    assert package_folder(Path("/h"), "0.19.1", package("elm/core", "1.0.5")) == Path(
        "/h/0.19.1/packages/elm/core/1.0.5"
    )
