"""A registry on loopback, a real one, and the image that is put into it: an entry for each platform."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import socket
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crosscourse import archive
from crosscourse.archive import Entry
from crosscourse.run.process import CommandError
from tasks.boot.guest import image
from tasks.boot.guest.image import DOCKER_MANIFEST, INDEX, MANIFEST, PLATFORM_FILE, PLATFORMS, Image, push
from tasks.boot.host import registry
from tasks.boot.host.ports import free_port
from tasks.boot.host.prerequisites import REGISTRY, MissingError, find
from tasks.boot.host.registry import Registry, RegistryError
from toolchains.machines import load_machines
from toolchains.targets import Oci, get_target

NAMES = ["arm/v6", "arm/v7", "arm64/v8", "amd64", "riscv64"]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry for all tests of this file."""
    if find(REGISTRY) is None and os.environ.get("CI"):
        pytest.fail(f"{REGISTRY.title} is not there")
    if find(REGISTRY) is None:
        pytest.skip(f"{REGISTRY.title} is not there")
    folder = tmp_path_factory.mktemp("registry")
    with registry.running(folder, folder) as running:
        yield running


@pytest.fixture(scope="module")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("layer") / "layer.tgz"
    archive.write_tgz(path, [Entry(name="usr/bin/x", source=b"#!", mode=0o755)], epoch=0)
    return path


@pytest.fixture(scope="module")
def pushed(store: Registry, layer: Path, tmp_path_factory: pytest.TempPathFactory) -> Image:
    return push(store, "a/image", layer, 1000, tmp_path_factory.mktemp("scratch"))


def digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def blob(store: Registry, found: dict[str, Any]) -> bytes:
    """What a descriptor (digest and size) names."""
    content: bytes = store._request("GET", f"/v2/a/image/blobs/{found['digest']}").body
    assert (digest(content), len(content)) == (found["digest"], found["size"])
    return content


def test_the_index_has_an_entry_for_each_platform(store: Registry, pushed: Image) -> None:
    index = store.get("a/image", "latest", INDEX)
    assert index == store.get("a/image", pushed.digest, INDEX)
    assert (index["schemaVersion"], index["mediaType"]) == (2, INDEX)
    assert [entry["platform"] for entry in index["manifests"]] == [
        {"architecture": "arm", "os": "linux", "variant": "v6"},
        {"architecture": "arm", "os": "linux", "variant": "v7"},
        {"architecture": "arm64", "os": "linux", "variant": "v8"},
        {"architecture": "amd64", "os": "linux"},
        {"architecture": "riscv64", "os": "linux"},
    ]
    assert pushed.repository == "a/image"
    assert pushed.manifests == dict(zip(NAMES, (entry["digest"] for entry in index["manifests"]), strict=True))
    assert len(set(pushed.manifests.values())) == len(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_each_entry_is_a_whole_image_that_says_which_it_is(
    store: Registry, pushed: Image, layer: Path, name: str
) -> None:
    manifest = store.get("a/image", pushed.manifests[name], MANIFEST, DOCKER_MANIFEST)
    config = store.get("a/image", manifest["config"]["digest"])
    assert "/".join(filter(None, (config["architecture"], config.get("variant")))) == name
    assert config["os"] == "linux"
    assert {"CROSSCOURSE=image", "PATH=/usr/local/bin:/usr/bin:/usr/sbin"} == set(config["config"]["Env"])
    shared, marked = (blob(store, found) for found in manifest["layers"])
    assert shared == layer.read_bytes()
    assert config["rootfs"]["diff_ids"] == [digest(gzip.decompress(shared)), digest(gzip.decompress(marked))]
    with tarfile.open(fileobj=io.BytesIO(marked)) as tar:
        stream = tar.extractfile(PLATFORM_FILE)
        assert stream is not None
        assert stream.read().decode() == f"{name}\n"
    blob(store, manifest["config"])


def test_the_same_again_is_the_same_image(store: Registry, pushed: Image, layer: Path, tmp_path: Path) -> None:
    assert push(store, "a/image", layer, 1000, tmp_path) == pushed


def test_every_target_that_is_booted_has_its_entry() -> None:
    booted = {get_target(target).oci.name for target in load_machines()}
    assert booted
    assert booted <= {platform.name for platform in PLATFORMS}
    assert [platform.name for platform in PLATFORMS] == NAMES
    assert Oci(architecture="riscv64").name == "riscv64"


def test_what_is_not_there_is_told_with_its_name(store: Registry) -> None:
    with pytest.raises(RegistryError, match=r"registry: GET /v2/a/none/manifests/latest: 404 .*MANIFEST_UNKNOWN"):
        store.get("a/none", "latest", MANIFEST)


def test_an_index_of_images_that_are_not_there_is_refused(store: Registry) -> None:
    entry = {"mediaType": MANIFEST, "digest": digest(b"none"), "size": 4, "platform": {"architecture": "arm"}}
    content = image._json({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]})
    with pytest.raises(RegistryError, match="PUT /v2/a/image/manifests/new: 400"):
        store.put_manifest("a/image", "new", INDEX, content)


def test_a_blob_is_known_by_its_digest(store: Registry) -> None:
    assert store.put_blob("a/image", b"{}") == digest(b"{}")
    assert store.get("a/image", digest(b"{}")) == {}


def test_the_proxies_of_the_environment_are_not_asked(store: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("no_proxy", raising=False)
    assert store.put_blob("a/image", b"x") == digest(b"x")


def test_nobody_listens() -> None:
    with pytest.raises(RegistryError, match=r"POST /v2/a/blobs/uploads/: .*refused"):
        Registry(port=free_port()).put_blob("a", b"")


def test_a_registry_that_ends_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "docker-registry"
    program.write_text(f"#!{sys.executable} -IS\nimport sys\nsys.exit('told ' + ' '.join(sys.argv[1:]))\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with (
        pytest.raises(CommandError, match="docker-registry: ended too early") as caught,
        registry.running(tmp_path, tmp_path),
    ):
        pytest.fail("it runs")
    assert caught.value.tail == f"told serve {tmp_path}/registry.json"
    assert str(tmp_path / "registry.log") in caught.value.remedy


def test_no_registry_on_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("tasks.boot.host.prerequisites._FOLDERS", ())
    with (
        pytest.raises(MissingError, match="lacks docker-registry or registry"),
        registry.running(tmp_path, tmp_path),
    ):
        pytest.fail("it runs")


def test_free_ports_are_free_and_differ() -> None:
    ports = [free_port() for _ in range(5)]
    assert len(set(ports)) > 1
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", ports[-1]))
