"""The sizes of root filesystems, and how reports show them."""

from __future__ import annotations

import json
from pathlib import Path

from crosscourse.debian import tree
from tasks.verify.engine import VerifyReport
from tasks.verify.report.formats import FORMATS
from tasks.verify.report.text import summary
from tests.unit.debian.test_tree import deb
from tests.unit.debian.test_tree import member as tar_member
from tests.unit.verify.roots import (
    GOOD,
    LIBC,
    ROOT,
    archive,
    file,
    verify,
    without,
)

LISTS = (
    file("var/lib/dpkg/status.d/dash.md5sums", b"0" * 32 + b"  bin/dash\n" + b"0" * 32 + b"  gone\n")
    | file("var/lib/dpkg/info/libc6:armhf.list", b"/.\n/usr\n/lib/arm-linux-gnueabihf/libc.so.6\n")
)  # fmt: skip


def sizes(report: VerifyReport) -> tuple[str, dict[str, int]]:
    (root,) = report.roots
    return root.sizes.by, dict(root.sizes.largest)


def test_sizes_by_package_where_there_are_lists(tmp_path: Path) -> None:
    content = GOOD | LISTS
    by, largest = sizes(verify(tmp_path, content))
    dash, libc = (content[name][0].size for name in ("usr/bin/dash", LIBC))
    assert (by, largest["dash"], largest["libc6"]) == ("package", dash, libc)
    (root,) = verify(tmp_path, content).roots
    assert (root.sizes.groups, len(largest)) == (2, 2)
    assert sum(largest.values()) + root.sizes.other == sum(info.size for info, _ in content.values())


def test_the_packages_of_a_tree_that_was_made_of_some(tmp_path: Path) -> None:
    """From packages to the report; what was taken out of one does not count, what two have counts once."""
    known = {"liba": 3_000_000, "b": 2_000_000, "dash": 100_000}
    packages = [package(tmp_path, name, {f"usr/share/{name}": size, "usr/same": 1}) for name, size in known.items()]
    packages += [package(tmp_path, f"x{number}", {f"usr/share/x{number}": number}) for number in range(1, 12)]
    found = tree.without(tree.merge(packages), ("usr/share/b",))
    content = GOOD
    for name, entry in found.items():
        if isinstance(entry.source, bytes):
            content = content | file(name, entry.source)
    report = verify(tmp_path, content)
    (root,) = report.roots
    assert root.sizes.largest[:2] == (("liba", 3_000_000), ("dash", 100_001))
    assert (len(root.sizes.largest), root.sizes.groups) == (10, 13)
    text = FORMATS["txt"](report)
    assert "  the largest of 13 packages:\n      3.0 MB  liba\n      0.1 MB  dash\n" in text
    assert "  (in no package)\n" in text
    data = json.loads(FORMATS["json"](report))["root_filesystems"][0]
    assert (data["by"], data["groups"], data["largest"][0]) == ("package", 13, {"name": "liba", "size": 3_000_000})
    assert data["other"] == root.sizes.other > 0


def package(folder: Path, name: str, contents: dict[str, int]) -> Path:
    """A Debian package with files of so many bytes, and the list of them."""
    listed = "".join(f"{'0' * 32}  {path}\n" for path in contents).encode()
    members = [tar_member(f"./{path}", b"x" * size) for path, size in contents.items()]
    control = f"Package: {name}\nVersion: 1\n".encode()
    return deb(folder / f"{name}.deb", *members, control_file=control, more=(tar_member("./md5sums", listed),))


def test_sizes_by_folder_where_there_are_none(tmp_path: Path) -> None:
    content = GOOD | file("top.txt", b"12") | file("usr/share/x/a/b/c", b"123")
    by, largest = sizes(verify(tmp_path, content))
    libc = GOOD[LIBC][0].size
    assert by == "folder"
    assert (largest["usr/lib/arm-linux-gnueabihf"], largest["usr/share/x"], largest["/"]) == (libc, 3, 2)
    assert largest["opt/resource"] == GOOD["opt/resource/check"][0].size


def test_ten_largest_in_order(tmp_path: Path) -> None:
    content = GOOD
    for number in range(1, 15):
        content = content | file(f"var/{number:02}/x", b"x" * number * 10_000)
    (root,) = verify(tmp_path, content).roots
    assert root.sizes.largest == tuple((f"var/{number:02}", number * 10_000) for number in range(14, 4, -1))
    assert root.sizes.unpacked == sum(info.size for info, _ in content.values())
    assert root.sizes.packed == len(archive(content))


def test_reports_have_the_sizes_and_the_violations(tmp_path: Path) -> None:
    report = verify(tmp_path, without("usr/bin/sh") | file("usr/share/big/x", b"x" * 2_500_000))
    text = FORMATS["txt"](report)
    assert f"{ROOT}: 0.0 MB packed, 2.5 MB unpacked, 10 members, 5 ELF files\n  the largest of 5 folders:\n" in text
    assert "      2.5 MB  usr/share/big\n" in text
    assert "script-interpreter: found #!/bin/sh: not there" in text
    assert text.endswith(summary(report) + "\n")
    data = json.loads(FORMATS["json"](report))
    (root,) = data["root_filesystems"]
    assert (root["path"], root["members"], root["elf_files"], root["by"]) == (ROOT, 10, 5, "folder")
    assert root["unpacked"] == report.roots[0].sizes.unpacked
    assert root["largest"][0] == {"name": "usr/share/big", "size": 2_500_000}
    own = {file["path"].removeprefix(f"{ROOT}!/"): file for file in data["files"] if file["own"]}
    assert own.keys() == {"opt/resource/check"}
    assert own["opt/resource/check"]["stripped"] is True
    assert {file["machine"] for file in data["files"]} == {"EM_ARM"}
    assert {rule["scope"] for rule in data["rules"]} == {"all", "own"}
