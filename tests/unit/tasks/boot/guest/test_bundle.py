"""A container of an image in the guest: its files, and what the OCI runtime is told."""

from __future__ import annotations

from pathlib import Path

from crosscourse import archive
from crosscourse.formats import oci
from crosscourse.formats.entries import Entry
from tasks.boot.guest import bundle


def image(folder: Path, *layers: list[Entry]) -> Path:
    made = []
    for number, entries in enumerate(layers):
        path = folder / f"{number}.tgz"
        archive.write_tgz(path, entries, epoch=0)
        made.append(oci.Layer(blob=oci.file_blob(oci.LAYER, path), diff_id="", title=""))
    one = oci.make_image(made, platform={"architecture": "arm"}, settings={}, annotations={}, created="")
    path = folder / "image.tar"
    oci.write_archive(path, oci.layout(one.descriptor, one.blobs, name="x", tag="1"), epoch=0)
    return path


def test_one_layer_lies_over_the_other(tmp_path: Path) -> None:
    packed = image(
        tmp_path,
        [Entry(name="usr/bin/a", source=b"a" * 3000, mode=0o755), Entry(name="tmp", mode=0o1777)],
        [Entry(name="usr/bin/b", source=b"b", mode=0o755), Entry(name="usr/sh", link="bin/b")],
    )
    bundle.unpack_image(packed, tmp_path / "guest")
    top = tmp_path / "guest/image"
    assert [(top / "usr/bin" / name).read_bytes()[:1] for name in ("a", "b")] == [b"a", b"b"]
    assert (top / "usr/sh").readlink() == Path("bin/b")
    assert (top / "tmp").stat().st_mode & 0o7777 == 0o1777


def test_a_container_is_started_as_its_image_says() -> None:
    settings = {"Entrypoint": ["init", "entry"], "Cmd": ["default"], "Env": ["A=1"], "WorkingDir": "/x"}
    told = bundle.configuration(settings, ["worker"], env={"B": "2"}, binds={"/keys": "/work/keys"})
    assert told["process"]["args"] == ["init", "entry", "worker"]
    assert told["process"]["env"] == ["A=1", "B=2"]
    assert told["process"]["cwd"] == "/x"
    assert [(each["destination"], each["source"]) for each in told["mounts"] if each["type"] == "bind"] == [
        ("/keys", "/work/keys")
    ]
    assert bundle.configuration(settings, [], env={}, binds={})["process"]["args"][-1] == "default"


def test_a_right_that_the_guest_itself_lacks_is_not_given() -> None:
    told = bundle.configuration({}, ["x"], env={}, binds={}, without=[bundle.RESOURCE])
    for given in told["process"]["capabilities"].values():
        assert bundle.RESOURCE not in given
        assert "CAP_SYS_ADMIN" in given
