"""What package managers install, made for the example of everything: what is in it, and what it depends on."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from debian.debfile import DebFile

from crosscourse.debian import tree
from tests.endtoend.conftest import Workspace, make_workspace, use_own_results

RELEASE = "printer-full"
TASKS = ("package:armv7:printer.deb", "package:armv7:printer.rpm", "package:arm64:printer.deb")
MODES = {
    "etc/printer/printer.env": 0o644,
    "usr/lib/printer/bin/cprinter": 0o755,
    "usr/lib/printer/bin/goprinter": 0o755,
    "usr/lib/printer/bin/printer": 0o755,
    "usr/lib/systemd/system/printer.service": 0o644,
    "usr/share/doc/printer/copyright": 0o644,
}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """One copy in which the packages were made."""
    made = make_workspace(tmp_path_factory.mktemp("packages") / "crosscourse")
    made.doit(f"release={RELEASE}", *TASKS)
    return made


@pytest.fixture
def packaged(template: Workspace, tmp_path: Path) -> Workspace:
    """A copy in which the packages are there, to change something in."""
    root = tmp_path / "crosscourse"
    shutil.copytree(template.root, root, symlinks=True)
    return Workspace(root=root, bin=template.bin)


def deb(workspace: Workspace, architecture: str = "armhf") -> Path:
    return workspace.root / "dist" / f"printer_1.0-1_{architecture}.deb"


def rpm(workspace: Workspace) -> Path:
    return workspace.root / "dist" / "printer-1.0-1.armv7hl.rpm"


def test_what_is_in_a_deb(template: Workspace) -> None:
    # A merged tree is without changelogs and lintian's overrides, and has a list of packages.
    found = {name: entry for name, entry in tree.merge([deb(template)]).items() if not name.startswith("var/lib/dpkg/")}
    assert {name: entry.mode for name, entry in found.items() if entry.source is not None} == MODES
    assert found["usr/bin/printer"].link == "../lib/printer/bin/printer"
    program = template.root / "build" / RELEASE / "armv7" / "artifacts" / "goprinter"
    source = found["usr/lib/printer/bin/goprinter"].source
    assert (source if isinstance(source, bytes) else Path(str(source)).read_bytes()) == program.read_bytes()
    with DebFile(str(deb(template))) as opened:
        control = opened.debcontrol()
        scripts = opened.scripts()
        files = opened.control.get_content("conffiles", encoding="utf-8")
        manual = gzip.decompress(opened.data.get_content("usr/share/man/man1/printer.1.gz") or b"")
    assert (control["Package"], control["Version"], control["Architecture"]) == ("printer", "1.0-1", "armhf")
    assert control["Description"].splitlines()[0] == "prints a line when the machine starts"
    assert set(scripts) == {"postinst", "prerm"}
    assert files == "/etc/printer/printer.env\n"
    assert manual == (template.root / "releases/files/printer/printer.1").read_bytes()


@pytest.mark.skipif(shutil.which("rpm") is None, reason="no rpm")
def test_what_is_in_an_rpm(template: Workspace) -> None:
    def ask(*words: str) -> str:
        return subprocess.run(["rpm", "-qp", *words, rpm(template)], capture_output=True, text=True, check=True).stdout

    listed = set(ask("-l").splitlines())
    assert {f"/{name}" for name in MODES} <= listed
    # A folder of its own goes with it when it is removed.
    assert {"/usr/lib/printer", "/usr/lib/printer/bin"} <= listed
    assert ask("-c") == "/etc/printer/printer.env\n"
    assert set(ask("-d").split()) == {"/usr/share/doc/printer/copyright", "/usr/share/man/man1/printer.1.gz"}
    assert ask("--qf", "%{ARCH} %{BUILDHOST} %{BUILDTIME} %{SUMMARY}\n") == (
        "armv7hl localhost 1767225600 Prints a line when the machine starts\n"
    )
    subprocess.run(["rpm", "-K", "--nosignature", rpm(template)], check=True)


def test_same_bytes_from_another_folder_next_month(
    template: Workspace, tmp_path: Path, next_month: tuple[str, ...]
) -> None:
    other = replace(make_workspace(tmp_path / "a rather different" / "place"), under=next_month)
    use_own_results(other, tmp_path / "cache")
    other.doit(
        f"release={RELEASE}", *TASKS,
        TZ="Pacific/Kiritimati", LC_ALL="tr_TR.UTF-8", USER="nobody", SOURCE_DATE_EPOCH="7", GOMAXPROCS="1",
    )  # fmt: skip
    for mine, others in zip((deb(template), rpm(template)), (deb(other), rpm(other)), strict=True):
        assert mine.read_bytes() == others.read_bytes()


def test_an_edit_makes_anew_what_is_made_of_it(packaged: Workspace) -> None:
    def done() -> frozenset[str]:
        return packaged.build(*TASKS[:2], release=RELEASE).done

    assert done() == frozenset()
    packaged.edit("releases/files/printer/printer.service", "once", "one time")
    assert done() == set(TASKS[:2])
    packaged.edit("releases/files/printer/lintian-overrides", "An example", "One example")
    assert done() == {TASKS[0]}
    packaged.edit(f"releases/{RELEASE}.toml", 'section = "misc"', 'section = "utils"')
    assert done() == set(TASKS[:2])
    packaged.edit(f"releases/{RELEASE}.toml", 'contents = ["bin/*printer"]', 'contents = ["bin/*printers"]')
    refused = packaged.doit(f"release={RELEASE}", "build", expect=None)
    assert refused.code
    assert "package.printer.contents[0]: no artifact has a path like 'bin/*printers'" in refused.text


def test_a_repository(packaged: Workspace, tmp_path: Path) -> None:
    def write(*words: str, expect: int | None = 0) -> str:
        return packaged.doit(f"release={RELEASE}", "repository", *words, expect=expect).text

    # Of a higher version, for a guest to try an upgrade with.
    packaged.doit(f"release={RELEASE}", "guest:armv7:newer:printer.deb")
    said = write(str(tmp_path / "apt"))
    assert "printer  1.0-1  arm64\nprinter  1.0-1  armhf\n2 packages in " in said
    assert (tmp_path / "apt/pool/main/p/printer" / deb(packaged).name).read_bytes() == deb(packaged).read_bytes()
    assert "Package: printer\n" in (tmp_path / "apt/dists/stable/main/binary-armhf/Packages").read_text()
    assert "expected the name of one folder" in write(expect=None)
    # Neither is as it would be made now.
    packaged.edit("releases/files/printer/printer.service", "once", "one time")
    assert "no Debian package of printer-full is built as it would be" in write(str(tmp_path / "other"), expect=None)
    assert not (tmp_path / "other").exists()


@pytest.mark.skipif(shutil.which("lintian") is None, reason="no lintian")
def test_lintian_is_silent(template: Workspace) -> None:
    done = subprocess.run(
        ["lintian", "--allow-root", "--fail-on", "error,warning", deb(template)],
        capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "")
