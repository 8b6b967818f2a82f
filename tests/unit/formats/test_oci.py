"""Images: what they say of themselves, layouts, and that what is written can be read."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from crosscourse import archive
from crosscourse.formats import oci, oci_reading
from crosscourse.formats.entries import Entry

EPOCH = 1_700_000_000
CREATED = "2023-11-14T22:13:20Z"
ARM = {"architecture": "arm", "os": "linux", "variant": "v7"}
AMD = {"architecture": "amd64", "os": "linux"}


def layer(path: Path, text: str) -> oci.Layer:
    diff = hashlib.sha256()
    archive.write_tgz(path, [Entry(name="etc/text", source=text.encode())], epoch=EPOCH, summed=diff)
    return oci.Layer(blob=oci.file_blob(oci.LAYER, path), diff_id=diff.hexdigest(), title=f"the text {text}")


def image(folder: Path, platform: dict[str, str] = ARM, text: str = "x") -> oci.Image:
    folder.mkdir(exist_ok=True)
    return oci.make_image(
        [layer(folder / "one.tgz", "shared"), layer(folder / "two.tgz", text)],
        platform=platform,
        settings={"Entrypoint": ["/bin/x"], "Env": ["A=b"]},
        annotations={"org.opencontainers.image.version": "1.0"},
        created=CREATED,
    )


def written(folder: Path, platform: dict[str, str] = ARM) -> Path:
    made = image(folder, platform)
    files = oci.layout(made.descriptor, made.blobs, name="localhost/x", tag="1.0")
    files[oci.DOCKER] = oci.for_docker(made, name="localhost/x", tag="1.0")
    path = folder / "image.tar"
    oci.write_archive(path, files, epoch=EPOCH)
    return path


def members(path: Path) -> dict[str, bytes]:
    with tarfile.open(path, "r:") as tar:
        return {each.name: stream.read() for each in tar if (stream := tar.extractfile(each)) is not None}


def test_each_digest_is_of_what_it_names(tmp_path: Path) -> None:
    found = members(written(tmp_path))
    for name, content in found.items():
        if name.startswith(oci.BLOBS):
            assert name == f"{oci.BLOBS}/{hashlib.sha256(content).hexdigest()}"
    (top,) = json.loads(found["index.json"])["manifests"]
    manifest = json.loads(found[f"{oci.BLOBS}/{top['digest'][7:]}"])
    config = json.loads(found[f"{oci.BLOBS}/{manifest['config']['digest'][7:]}"])
    assert top["platform"] == ARM
    assert json.loads(found["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    tars = [gzip.decompress(found[f"{oci.BLOBS}/{each['digest'][7:]}"]) for each in manifest["layers"]]
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(each).hexdigest()}" for each in tars]
    assert [each["size"] for each in manifest["layers"]] == [
        len(found[f"{oci.BLOBS}/{each['digest'][7:]}"]) for each in manifest["layers"]
    ]


def test_what_an_image_says_of_itself(tmp_path: Path) -> None:
    made = image(tmp_path)
    assert oci_reading.settings_of(made) == {
        "Entrypoint": ["/bin/x"],
        "Env": ["A=b"],
        "Labels": {"org.opencontainers.image.version": "1.0"},
    }
    assert oci_reading.annotations_of(made) == {"org.opencontainers.image.version": "1.0"}
    config = json.loads(made.config.content if isinstance(made.config.content, bytes) else b"")
    assert (config["architecture"], config["variant"], config["created"]) == ("arm", "v7", CREATED)
    assert [each["created_by"] for each in config["history"]] == ["the text shared", "the text x"]


def test_the_archive_is_one_that_every_docker_takes(tmp_path: Path) -> None:
    found = members(written(tmp_path))
    (row,) = json.loads(found["manifest.json"])
    assert row["RepoTags"] == ["localhost/x:1.0"]
    assert all(place in found for place in (row["Config"], *row["Layers"]))


def test_the_same_bytes_from_two_folders(tmp_path: Path) -> None:
    assert written(tmp_path / "one").read_bytes() == written(tmp_path / "two").read_bytes()


def test_an_archive_is_read_as_it_was_written(tmp_path: Path) -> None:
    made, read = image(tmp_path), oci_reading.read_image(written(tmp_path))
    assert (read.platform, read.manifest.digest) == (made.platform, made.manifest.digest)
    assert [each.descriptor for each in read.blobs] == [each.descriptor for each in made.blobs]
    assert oci_reading.settings_of(read) == oci_reading.settings_of(made)


def test_images_of_two_platforms_in_one_index_share_a_layer(tmp_path: Path) -> None:
    both = [oci_reading.read_image(written(tmp_path / name, ARM if name == "arm" else AMD)) for name in ("arm", "amd")]
    index = oci.make_index(both, {"a": "b"})
    blobs = {each.digest: each for made in both for each in made.blobs}
    assert len(blobs) == 6
    oci.write_folder(
        tmp_path / "layout", oci.layout(index.descriptor, [index, *blobs.values()], name="localhost/x", tag="1.0")
    )
    (top,) = json.loads((tmp_path / "layout/index.json").read_bytes())["manifests"]
    assert (top["mediaType"], top["annotations"][oci.REF_NAME]) == (oci.INDEX, "1.0")
    inner = json.loads((tmp_path / f"layout/blobs/sha256/{index.digest}").read_bytes())
    assert [each["platform"] for each in inner["manifests"]] == [ARM, AMD]
    for path in (tmp_path / "layout/blobs/sha256").iterdir():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name


@pytest.mark.parametrize(
    "content", [b"", b"no archive", b"\0" * 10240, pytest.param("index", id="without what the index names")]
)
def test_what_is_no_archive_of_an_image_is_told(content: Any, tmp_path: Path) -> None:
    path = tmp_path / "image.tar"
    if content == "index":
        with tarfile.open(path, "w") as tar:
            member = tarfile.TarInfo("index.json")
            text = json.dumps({"manifests": [{"mediaType": oci.MANIFEST, "digest": "sha256:00", "size": 1}]}).encode()
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text))
    else:
        path.write_bytes(content)
    with pytest.raises(oci_reading.ImageError):
        oci_reading.read_image(path)


@pytest.mark.skipif(shutil.which("skopeo") is None, reason="needs skopeo")
def test_skopeo_reads_it(tmp_path: Path) -> None:
    path = written(tmp_path)
    for transport in ("oci-archive", "docker-archive"):
        done = subprocess.run(
            ["skopeo", "inspect", "--override-arch=arm", "--override-variant=v7", f"{transport}:{path}"],
            capture_output=True,
            text=True,
            check=True,
        )
        said = json.loads(done.stdout)
        assert (said["Architecture"], said["Created"]) == ("arm", CREATED)
        assert said["Labels"] == {"org.opencontainers.image.version": "1.0"}
