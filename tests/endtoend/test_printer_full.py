"""The example of everything: a root filesystem of Debian packages, a page, a download, in one release."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.endtoend.conftest import Workspace, caches, give_apt, make_workspace, use_own_results
from tests.ui import browser
from tests.ui.browser import Browser

HOST = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
RELEASE = "printer-full"
SOURCE = f"sources/{RELEASE}/pages"
MEMBERS = {
    *(f"printer/bin/{name}" for name in ("cprinter", "goprinter", "pages", "printer")),
    "printer/downloads/goprinter-windows-amd64.zip",
    *(
        f"printer/resource-types/{name}/{part}"
        for name in ("printer", "script")
        for part in ("resource_metadata.json", "rootfs.tgz")
    ),
}
ROOTFS = "printer/resource-types/script/rootfs.tgz"
LAST = {"package:armv7:tgz", "verify:armv7:elf"}
# The image has resource types, too.
IMAGE = {"package:armv7:printer.image", "verify:armv7:printer.image"}


@pytest.fixture(scope="module")
def full_template(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """One copy in which the release was built and verified, for this machine too."""
    made = make_workspace(tmp_path_factory.mktemp("full") / "crosscourse")
    give_apt(made)
    made.doit(
        f"release={RELEASE}", *(f"{stage}:{target}" for target in ("armv7", HOST) for stage in ("build", "verify"))
    )
    return made


@pytest.fixture
def full(full_template: Workspace, tmp_path: Path) -> Workspace:
    """A copy in which everything is built, to change something in."""
    root = tmp_path / "crosscourse"
    shutil.copytree(full_template.root, root, symlinks=True)
    return Workspace(root=root, bin=full_template.bin)


def package(workspace: Workspace, target: str = "armv7") -> Path:
    return workspace.root / "dist" / f"{RELEASE}-1.0-linux-{target}.tgz"


def content(archive: Path, name: str) -> bytes:
    with tarfile.open(archive) as tar:
        stream = tar.extractfile(name)
        assert stream is not None
        return stream.read()


def report(workspace: Workspace, target: str = "armv7") -> dict[str, list[dict[str, object]]]:
    found = json.loads((workspace.root / "build" / RELEASE / target / "verify" / "elf.json").read_text())
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("target", ["armv7", HOST])
def test_one_of_each_kind(full_template: Workspace, target: str) -> None:
    with tarfile.open(package(full_template, target)) as tar:
        assert {member.name for member in tar if member.isfile()} == MEMBERS
    roots = {root["path"]: root for root in report(full_template, target)["root_filesystems"]}
    assert roots.keys() == {ROOTFS, ROOTFS.replace("script", "printer")}
    sizes = roots[ROOTFS]
    largest = sizes["largest"]
    assert isinstance(largest, list)
    assert (sizes["by"], len(largest)) == ("package", 10)
    assert {"coreutils", "libc6"} <= {each["name"] for each in largest[:3]}
    assert report(full_template, target)["violations"] == []


def test_what_is_made_once_is_the_same_for_all_targets(full_template: Workspace) -> None:
    name = "printer/downloads/goprinter-windows-amd64.zip"
    assert content(package(full_template), name) == content(package(full_template, HOST), name)


def test_scripts_run_in_the_root_filesystem(full_template: Workspace, tmp_path: Path) -> None:
    """On packages of the host's own architecture; nothing of the machine is in reach of them."""
    enter = ["chroot"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "chroot"]
    (tmp_path / "rootfs.tgz").write_bytes(content(package(full_template, HOST), ROOTFS))
    root = tmp_path / "root"
    root.mkdir()
    subprocess.run(["tar", "-xzf", tmp_path / "rootfs.tgz", "-C", root, "--no-same-owner"], check=True)
    if subprocess.run([*enter, root, "/usr/bin/true"], check=False, capture_output=True).returncode:
        pytest.skip("this user may not change the root folder (chroot), and has no user namespaces")

    def ask(*words: str) -> object:
        done = subprocess.run([*enter, root, *words], input="{}", check=True, capture_output=True, text=True)
        return json.loads(done.stdout)

    version = {"said": "cprinter 1.0: C alone"}
    assert ask("/opt/resource/check") == [version]
    assert ask("/opt/resource/in", "/tmp") == {"version": version}  # noqa: S108  # in the root filesystem
    assert (root / "tmp" / "said").read_text() == "cprinter 1.0: C alone\n"
    assert ask("/opt/resource/out", "/tmp") == {"version": version}  # noqa: S108


@contextlib.contextmanager
def serving(workspace: Workspace) -> Iterator[str]:
    """The page's URL, while it is served."""
    program = workspace.root / "build" / RELEASE / HOST / "artifacts" / "pages"
    with subprocess.Popen([program], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield server.stdout.readline().split()[-1]
        finally:
            server.kill()


def test_the_page_is_served(full_template: Workspace) -> None:
    ask = urllib.request.build_opener(urllib.request.ProxyHandler({})).open
    with serving(full_template) as url:
        assert b'<script src="page.min.js">' in ask(url).read()
        script = ask(f"{url}page.min.js").read()
        assert ask(f"{url}about").read().decode() == f"pages 1.0: Go on {HOST}"
    assert b"This page is served by" in script
    # Made by the program that came from npm: without comments, and with shorter names than the source has.
    assert b"//" not in script
    assert b"whatItSaid" not in script


@pytest.fixture
def chromium() -> Iterator[Browser]:
    with tempfile.TemporaryDirectory(prefix="crosscourse-browser-") as name:  # not tmp_path: it is 200 MB, and kept
        found = browser.get(caches() / "tools", Path(name))
        if found is None:
            pytest.skip(f"NO BROWSER, so the page was not opened: none of {', '.join(browser.NAMES)} is installed")
        yield found


def test_a_browser_shows_the_page(full: Workspace, chromium: Browser) -> None:
    """What its script has found out; and, of a program without the page, what stands in for it."""
    with serving(full) as url:
        assert f"This page is served by pages 1.0: Go on {HOST}.</p>" in chromium.shown(url)
    full.doit(f"release={RELEASE}", "page=no", f"compile:{HOST}:pages")
    with serving(full) as url:
        assert "This page was left out.</p>" in chromium.shown(url)


def test_same_bytes_from_another_folder(full_template: Workspace, tmp_path: Path) -> None:
    """With results of its own, so that everything is made anew; what compilers and mirrors gave is this user's."""
    other = make_workspace(tmp_path / "a rather different" / "place")
    use_own_results(other, tmp_path / "cache")
    for part in ("debian", "yarn"):
        (tmp_path / "cache" / part).symlink_to(caches() / part)
    other.doit(f"release={RELEASE}", "build", TZ="Pacific/Kiritimati", LC_ALL="tr_TR.UTF-8", USER="nobody")
    assert package(other).read_bytes() == package(full_template).read_bytes()


def test_an_edit_makes_anew_what_is_made_of_it(full: Workspace) -> None:
    def done() -> frozenset[str]:
        return full.build(release=RELEASE).done

    assert done() == frozenset()
    full.edit(f"{SOURCE}/src/page.js", "This page is served by ", "Served by ")
    assert done() == {"assets:page", "compile:armv7:pages", *LAST}
    full.edit(f"{SOURCE}/src/page.js", "// Asks", "// It asks")
    assert done() == {"assets:page"}
    full.edit(f"{SOURCE}/resource/check", "set -eu", "set -u")
    assert done() == {"rootfs:armv7:script-resource", *LAST, *IMAGE}


def test_verify_catches_what_is_wrong(full: Workspace) -> None:
    """One fault in what each kind makes, all in one build."""
    manifest = f"releases/{RELEASE}.toml"
    full.edit(manifest, '"usr/bin/tzselect"]', '"usr/bin/tzselect", "usr/lib/*/libselinux.so.1"]')
    full.edit(
        manifest,
        '"/tmp" = "1777" }\n\n[artifact.printer-resource.programs]',
        '"/tmp" = "1777", "/srv" = "0777" }\n\n[artifact.printer-resource.programs]',
    )
    full.edit(f"{SOURCE}/resource/in", "#!/bin/sh", "#!/bin/bash")
    full.edit(f"{SOURCE}/main.go", "//go:embed public", "//go:embed public/index.html")
    failed = full.doit(f"release={RELEASE}", "build", "verify", expect=None)
    assert failed.code
    found = {(str(violation["file"]), str(violation["rule"])) for violation in report(full)["violations"]}
    assert (f"{ROOTFS}!/opt/resource/in", "script-interpreter") in found
    assert (f"{ROOTFS}!/usr/bin/cp", "libraries") in found
    assert (f"{ROOTFS.replace('script', 'printer')}!/srv", "world-writable") in found
    assert ("printer/bin/pages", "embedded") in found
    assert "embedded: found" in failed.text
