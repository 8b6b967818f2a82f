"""The pipeline that builds an image, and the image that it is built by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from crosscourse.formats import oci
from crosscourse.manifest.boot import Registry
from tasks.boot.host.registry import digest
from tasks.boot.rows import builds, pipeline


class Store:
    """What is put into a registry, kept."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, tuple[str, bytes]] = {}

    def put_blob(self, _repository: str, content: bytes) -> str:
        self.blobs[digest(content)] = content
        return digest(content)

    def put_manifest(self, _repository: str, reference: str, kind: str, content: bytes) -> str:
        self.manifests[reference] = (kind, content)
        return digest(content)


def test_the_image_that_builds_is_put_as_it_is(tmp_path: Path) -> None:
    packed = tmp_path / "layer.tgz"
    packed.write_bytes(b"a layer")
    layer = oci.Layer(blob=oci.file_blob(oci.LAYER, packed), diff_id="0" * 64, title="x")
    made = oci.make_image(
        [layer],
        platform={"architecture": "arm", "os": "linux", "variant": "v7"},
        settings={"Env": []},
        annotations={},
        created="2026-01-01T00:00:00Z",
    )
    archive = tmp_path / "image.tar"
    oci.write_archive(archive, oci.layout(made.descriptor, made.blobs, name="x", tag="1"), epoch=0)
    store: Any = Store()
    builds.push(store, "x", archive)
    kind, manifest = store.manifests["latest"]
    assert kind == oci.MANIFEST
    assert digest(manifest) == f"sha256:{made.manifest.digest}"
    assert b"a layer" in store.blobs.values()
    assert f"sha256:{made.config.digest}" in store.blobs


def test_the_last_task_runs_in_what_the_one_before_it_built() -> None:
    found = builds.configuration(5000, Registry(insecure=False))
    (job,) = found["jobs"]
    tasks = [step for step in job["plan"] if "task" in step]
    assert [step["task"] for step in tasks] == ["write", "build", "run"]
    assert builds.DOCKERFILE in tasks[0]["config"]["run"]["args"][-1]
    assert tasks[1]["privileged"]
    # What the build takes its base from is the registry, passed on from where it may be without TLS.
    base = builds.DOCKERFILE.split()[1]
    (at, _, repository) = base.partition("/")
    assert (
        f"nc -ll -p {at.removeprefix('localhost:')} -e busybox nc {pipeline.HOST} 5000 "
        in tasks[1]["config"]["run"]["args"][-1]
    )
    assert repository == pipeline.REPOSITORY
    assert tasks[2]["image"] in {output["name"] for output in tasks[1]["config"]["outputs"]}
    resources = {resource["name"] for resource in found["resources"]}
    assert {step["get"] for step in job["plan"] if "get" in step} == resources
