"""The rules on an image: its layers are one root filesystem."""

from __future__ import annotations

from pathlib import Path

import pytest

from crosscourse import archive
from crosscourse.formats import oci
from crosscourse.formats.entries import Entry
from tasks.verify.engine import VerifyReport
from tasks.verify.ours import Ours
from tasks.verify.rules.table import RULES
from tasks.verify.verdict import verify_archive
from tests.unit.helpers_elf import build_elf, member, tar_of
from toolchains.targets import get_target

ARM = build_elf(machine=40)
SHELL = Entry(name="usr/bin/sh", source=ARM, mode=0o755)
SCRIPT = Entry(name="usr/local/bin/entry", source=b"#!/usr/bin/sh\n", mode=0o755)
OURS = {"x": Ours(programs=("usr/local/x/bin/x",), places=("usr/local/x",))}


def program(content: bytes = ARM) -> Entry:
    return Entry(name="usr/local/x/bin/x", source=content, mode=0o755)


def checked(folder: Path, *layers: list[Entry]) -> VerifyReport:
    made = []
    for number, entries in enumerate(layers):
        path = folder / f"{number}.tgz"
        archive.write_tgz(path, entries, epoch=0)
        made.append(oci.Layer(blob=oci.file_blob(oci.LAYER, path), diff_id="", title=""))
    image = oci.make_image(made, platform={}, settings={}, annotations={}, created="")
    path = folder / "image.tar"
    oci.write_archive(path, oci.layout(image.descriptor, image.blobs, name="x", tag="1"), epoch=0)
    return verify_archive(path, get_target("armv7").expected, RULES, packaged=OURS, image="x")


def broken(report: VerifyReport) -> list[tuple[str, str]]:
    return [(each.file, each.rule) for each in report.violations]


def test_what_one_layer_needs_may_be_in_another(tmp_path: Path) -> None:
    report = checked(tmp_path, [SHELL], [program()], [SCRIPT])
    assert broken(report) == []
    assert [file.path for file in report.files] == ["x!/usr/bin/sh", "x!/usr/local/x/bin/x"]
    assert [file.own for file in report.files] == [False, True]
    assert [root.path for root in report.roots] == ["x"]


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ([[SCRIPT], [program()]], ("x!/usr/local/bin/entry", "script-interpreter")),
        ([[SHELL], [program(build_elf(machine=183))]], ("x!/usr/local/x/bin/x", "machine")),
        ([[SHELL], [SCRIPT]], ("x!/usr/local/x/bin/x", "readable")),
        ([[SHELL], [program()], [Entry(name="usr/sh", link="bin/none")]], ("x!/usr/sh", "links")),
        ([[SHELL], [program()], [Entry(name="home/me/x", source=b"x")]], ("x!/home/me/x", "build-host")),
    ],
)
def test_what_is_wrong_in_a_layer_is_told(layers: list[list[Entry]], expected: tuple[str, str], tmp_path: Path) -> None:
    assert expected in broken(checked(tmp_path, *layers))


def test_archives_in_it_are_not_looked_into(tmp_path: Path) -> None:
    wrong = build_elf(machine=183)
    inner = Entry(name="usr/local/x/rootfs.tar", source=tar_of((member("opt/x", wrong, mode=0o755), wrong)))
    assert broken(checked(tmp_path, [SHELL], [program(), inner])) == []
