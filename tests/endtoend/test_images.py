"""The image of the example of everything: what is in it, that it is always the same, and that a registry takes it."""

from __future__ import annotations

import base64
import gzip
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from crosscourse.formats import oci, oci_reading
from crosscourse.run.environment import base_environment
from crosscourse.run.service import serving
from tasks.boot.host import registry
from tasks.boot.host.ports import free_port
from tests.endtoend.conftest import Workspace, give_apt, make_workspace, use_own_results

RELEASE = "printer-full"
IMAGE = "package:armv7:printer.image"
OTHER = "package:arm64:printer.image"
REGISTRY = shutil.which("docker-registry") or shutil.which("registry")
# user: "user", password: "word"
PASSWORDS = "user:$2y$05$abcdefghijklmnopqrstuuQDoL5Sa/TtfS/XN4AY/jgq.HBbO1BTu\n"
needs_a_registry = pytest.mark.skipif(REGISTRY is None and not os.environ.get("CI"), reason="no docker-registry")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """One copy in which the image was built for two targets, and verified for one."""
    made = make_workspace(tmp_path_factory.mktemp("images") / "crosscourse")
    give_apt(made)
    made.doit(f"release={RELEASE}", IMAGE, OTHER, "verify:armv7:printer.image")
    return made


@pytest.fixture
def workspace(template: Workspace, tmp_path: Path) -> Workspace:
    """A copy in which the images are there, to change something in."""
    root = tmp_path / "crosscourse"
    shutil.copytree(template.root, root, symlinks=True)
    return Workspace(root=root, bin=template.bin)


def archive(workspace: Workspace, target: str = "armv7") -> Path:
    return workspace.root / "dist" / f"printer-1.0-image-linux-{target}.tar"


def ours(workspace: Workspace, command: str, *words: str, expect: int | None = 0, **env: str) -> str:
    return workspace.doit(f"release={RELEASE}", command, *words, expect=expect, **env).text


def test_what_is_in_it(template: Workspace) -> None:
    found: dict[str, tarfile.TarInfo] = {}
    image = oci_reading.read_image(archive(template))
    for layer in image.layers:
        with oci.opened(layer.content) as stream, tarfile.open(fileobj=gzip.open(stream), mode="r|") as tar:
            found.update({member.name: member for member in tar})
    assert found["usr/bin/dash"].isreg()
    assert found["usr/local/printer/bin/goprinter"].mode == 0o755
    assert found["usr/local/bin/entrypoint"].mode == 0o755
    assert "usr/bin/ldd" not in found
    assert not any(name.startswith("usr/local/printer/downloads") for name in found)
    assert image.platform == {"architecture": "arm", "os": "linux", "variant": "v7"}
    report = json.loads((template.root / f"build/{RELEASE}/armv7/verify/printer.image.json").read_text())
    files = {row["path"] for row in report["files"]}
    assert {"printer!/usr/bin/dash", "printer!/usr/local/printer/bin/cprinter"} <= files
    compose = (template.root / "dist/printer-1.0-compose.yaml").read_text()
    assert "localhost/printer:1.0" in compose


def test_same_bytes_from_another_folder_next_month(
    template: Workspace, tmp_path: Path, next_month: tuple[str, ...]
) -> None:
    other = replace(make_workspace(tmp_path / "a rather different" / "place"), under=next_month)
    shutil.copy(template.bin / "apt-get", other.bin / "apt-get", follow_symlinks=False)
    use_own_results(other, tmp_path / "cache")
    (tmp_path / "cache/debian").symlink_to(Path(os.environ["XDG_CACHE_HOME"], "crosscourse/debian"))
    other.doit(
        f"release={RELEASE}", IMAGE,
        TZ="Pacific/Kiritimati", LC_ALL="tr_TR.UTF-8", USER="nobody", SOURCE_DATE_EPOCH="7",
    )  # fmt: skip
    assert archive(template).read_bytes() == archive(other).read_bytes()


def test_an_edit_makes_anew_what_is_made_of_it(workspace: Workspace) -> None:
    assert workspace.build(IMAGE, release=RELEASE).done == frozenset()
    before = oci_reading.read_image(archive(workspace))
    workspace.edit("releases/files/printer/entrypoint", "begin with", "start with")
    assert workspace.build(IMAGE, release=RELEASE).done == {IMAGE}
    after = oci_reading.read_image(archive(workspace))
    # What a registry has of it already is not pushed again.
    assert [one.digest == other.digest for one, other in zip(before.layers, after.layers, strict=True)] == [
        True,
        True,
        False,
    ]


def test_all_targets_that_were_built_in_one_archive(workspace: Workspace) -> None:
    said = ours(workspace, "image")
    assert [line.split()[0] for line in said.splitlines()[:2]] == ["linux/arm/v7", "linux/arm64/v8"]
    path = workspace.root / "dist/printer-1.0-image.tar"
    with tarfile.open(path) as tar:
        (top,) = json.loads(tar.extractfile("index.json").read())["manifests"]  # type: ignore[union-attr]
        index = json.loads(tar.extractfile(f"blobs/sha256/{top['digest'][7:]}").read())  # type: ignore[union-attr]
    assert [each["platform"]["architecture"] for each in index["manifests"]] == ["arm", "arm64"]
    # Neither is as it would be made now.
    workspace.edit("releases/files/printer/entrypoint", "begin with", "start with")
    assert "image printer: is not built as it would be built now" in ours(workspace, "image", expect=None)
    workspace.doit(f"release={RELEASE}", OTHER)
    assert ours(workspace, "image", str(path.with_name("one.tar"))).startswith("linux/arm64/v8 ")


@pytest.mark.skipif(shutil.which("skopeo") is None, reason="no skopeo")
def test_what_skopeo_says_of_it(workspace: Workspace) -> None:
    ours(workspace, "image")
    path = workspace.root / "dist/printer-1.0-image.tar"
    words = ["skopeo", "inspect", "--override-arch", "arm", "--override-variant", "v7", f"oci-archive:{path}"]
    said = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    assert (said["Architecture"], said["Os"], said["Created"]) == ("arm", "linux", "2026-01-01T00:00:00Z")
    assert said["Layers"] == [f"sha256:{each.digest}" for each in oci_reading.read_image(archive(workspace)).layers]
    told = {key.rpartition(".")[2] for key in said["Labels"]}
    assert {"created", "title", "description", "version", "licenses", "source", "url", "authors"} <= told
    copied = workspace.root / "copied"
    subprocess.run(["skopeo", "copy", "-q", f"docker-archive:{archive(workspace)}", f"dir:{copied}"], check=True)


@contextmanager
def guarded(folder: Path) -> Iterator[int]:
    """A registry that asks for a password, on a port of this machine's loopback."""
    (folder / "passwords").write_text(PASSWORDS)
    port = free_port()
    configuration = {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": str(folder / "stored")}},
        "http": {"addr": f"127.0.0.1:{port}"},
        "auth": {"htpasswd": {"realm": "here", "path": str(folder / "passwords")}},
    }
    (folder / "registry.json").write_text(json.dumps(configuration))
    words = [str(REGISTRY), "serve", str(folder / "registry.json")]
    log = folder / "log"
    with serving(words, log=log, env=base_environment(), folder=folder) as service:
        service.wait_until(lambda: "listening on" in log.read_text(), "did not start", seconds=20)
        yield port


@needs_a_registry
def test_a_registry_takes_one_index(template: Workspace, tmp_path: Path) -> None:
    with registry.running(tmp_path, tmp_path) as store:
        said = ours(template, "push", f"localhost:{store.port}/ci/printer")
        index = store.get("ci/printer", "1.0", oci.INDEX)
        platforms = [each["platform"] for each in index["manifests"]]
        assert [(each["architecture"], each["variant"]) for each in platforms] == [("arm", "v7"), ("arm64", "v8")]
        for each in index["manifests"]:
            manifest = store.get("ci/printer", each["digest"], oci.MANIFEST)
            assert len(manifest["layers"]) == 3
            assert store.get("ci/printer", manifest["config"]["digest"])["os"] == "linux"
    assert f"pushed: localhost:{store.port}/ci/printer@sha256:" in said
    assert "the registry does not answer" in ours(template, "push", f"localhost:{store.port}/ci/printer", expect=None)


@needs_a_registry
def test_a_registry_that_asks_for_a_password(template: Workspace, tmp_path: Path) -> None:
    def push(password: str, expect: int | None = 0) -> str:
        folder = tmp_path / password
        folder.mkdir(exist_ok=True)
        auth = base64.b64encode(f"user:{password}".encode()).decode()
        (folder / "config.json").write_text(json.dumps({"auths": {f"localhost:{port}": {"auth": auth}}}))
        return ours(template, "push", f"localhost:{port}/x:1", expect=expect, DOCKER_CONFIG=str(folder))

    with guarded(tmp_path) as port:
        refused = push("wrong", expect=None)
        assert "the registry does not let this user push there" in refused
        assert f"docker login localhost:{port}" in refused
        assert "Traceback" not in refused
        assert "pushed: " in push("word")


def test_a_name_that_is_none(template: Workspace) -> None:
    assert "is no name of an image in a registry" in ours(template, "push", "printer:1.0", expect=None)
