"""Images in OCI's format, written: layers, what an image says of itself, and layouts in one tar archive or a folder.

https://github.com/opencontainers/image-spec: ``config.md``, ``manifest.md``, ``image-index.md``, ``image-layout.md``.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    import tarfile

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
BLOBS = "blobs/sha256"
MARK = "oci-layout"
TOP = "index.json"
# What `docker save` writes and every docker loads, whatever it keeps images in; a layout may have other files beside.
DOCKER = "manifest.json"
REF_NAME = "org.opencontainers.image.ref.name"
# By which containerd, and docker where that keeps its images, knows an image.
FULL_NAME = "io.containerd.image.name"
_CHUNK = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Part:
    """A piece of a file: a whole one, or a member of an archive that is not compressed. In bytes."""

    path: Path
    offset: int = 0
    size: int


@dataclass(frozen=True, kw_only=True)
class Blob:
    """What layouts keep by its digest (hexadecimal SHA-256)."""

    media_type: str
    digest: str
    content: bytes | Part

    @property
    def size(self) -> int:
        """In bytes."""
        return self.content.size if isinstance(self.content, Part) else len(self.content)

    @property
    def descriptor(self) -> dict[str, Any]:
        """How others refer to it."""
        return {"mediaType": self.media_type, "digest": f"sha256:{self.digest}", "size": self.size}

    @property
    def place(self) -> str:
        """Where it is in a layout."""
        return f"{BLOBS}/{self.digest}"


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A layer. ``diff_id``: the digest of its tar before that was compressed. ``title``: what is in it, for people."""

    blob: Blob
    diff_id: str
    title: str


@dataclass(frozen=True, kw_only=True)
class Image:
    """An image for one platform (``architecture``, ``os``, perhaps ``variant``), made of blobs."""

    manifest: Blob
    config: Blob
    layers: tuple[Blob, ...]
    platform: Mapping[str, str]

    @property
    def blobs(self) -> tuple[Blob, ...]:
        """All of it."""
        return (self.manifest, self.config, *self.layers)

    @property
    def descriptor(self) -> dict[str, Any]:
        """How an index refers to it."""
        return {**self.manifest.descriptor, "platform": dict(self.platform)}


def blob(media_type: str, content: bytes) -> Blob:
    """A blob of bytes."""
    return Blob(media_type=media_type, digest=hashlib.sha256(content).hexdigest(), content=content)


def file_blob(media_type: str, path: Path) -> Blob:
    """A blob that is a file."""
    with path.open("rb") as stream:
        digest = _sum(stream)
    return Blob(media_type=media_type, digest=digest, content=Part(path=path, size=path.stat().st_size))


def _sum(stream: IO[bytes]) -> str:
    sha = hashlib.sha256()
    while data := stream.read(_CHUNK):
        sha.update(data)
    return sha.hexdigest()


def make_image(
    layers: Sequence[Layer],
    *,
    platform: Mapping[str, str],
    settings: Mapping[str, Any],
    annotations: Mapping[str, str],
    created: str,
) -> Image:
    """An image of layers, the lowest first. ``settings``: the key ``config`` of its configuration: ``Entrypoint``, ...

    ``annotations``: of the manifest; they are labels of the configuration too, which is what docker shows. ``created``:
    a time as RFC 3339 has it.
    """
    described: dict[str, object] = {
        "created": created,
        **platform,
        "config": {"Labels": dict(annotations), **settings},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer.diff_id}" for layer in layers]},
        "history": [{"created": created, "created_by": layer.title} for layer in layers],
    }
    config = blob(CONFIG, to_json(described))
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": config.descriptor,
        "layers": [layer.blob.descriptor for layer in layers],
        "annotations": dict(annotations),
    }
    return Image(
        manifest=blob(MANIFEST, to_json(manifest)),
        config=config,
        layers=tuple(layer.blob for layer in layers),
        platform=platform,
    )


def make_index(images: Iterable[Image], annotations: Mapping[str, str]) -> Blob:
    """The index by which a machine finds the image for its platform."""
    index = {
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": [image.descriptor for image in images],
        "annotations": dict(annotations),
    }
    return blob(INDEX, to_json(index))


def layout(top: Mapping[str, Any], blobs: Iterable[Blob], *, name: str, tag: str) -> dict[str, bytes | Part]:
    """The files of a layout by their paths. ``top``: the descriptor of the one image or index that it is for.

    ``name``: the image's, without the tag.
    """
    named = {**top, "annotations": {REF_NAME: tag, FULL_NAME: f"{name}:{tag}"}}
    files: dict[str, bytes | Part] = {
        MARK: to_json({"imageLayoutVersion": "1.0.0"}),
        TOP: to_json({"schemaVersion": 2, "mediaType": INDEX, "manifests": [named]}),
    }
    return {**files, **{each.place: each.content for each in blobs}}


def for_docker(image: Image, *, name: str, tag: str) -> bytes:
    """What makes a layout of one image an archive as `docker save` writes it."""
    row = {"Config": image.config.place, "RepoTags": [f"{name}:{tag}"], "Layers": [each.place for each in image.layers]}
    return to_json([row])


def write_archive(path: Path, files: Mapping[str, bytes | Part], *, epoch: int) -> None:
    """A layout as a tar archive, in the order of the files; each with the time ``epoch``, in seconds since 1970."""
    import tarfile

    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as tar:
        made: set[str] = set()
        for name, content in files.items():
            for folder in _folders(name):
                if folder not in made:
                    made.add(folder)
                    tar.addfile(_member(folder, epoch, folder=True))
            member = _member(name, epoch)
            member.size = content.size if isinstance(content, Part) else len(content)
            with opened(content) as stream:
                tar.addfile(member, stream)


def _folders(name: str) -> Iterator[str]:
    parts = name.split("/")[:-1]
    yield from ("/".join(parts[: count + 1]) for count in range(len(parts)))


def _member(name: str, epoch: int, *, folder: bool = False) -> tarfile.TarInfo:
    import tarfile

    member = tarfile.TarInfo(name)
    member.mtime = epoch
    member.mode = 0o755 if folder else 0o644
    member.type = tarfile.DIRTYPE if folder else tarfile.REGTYPE
    return member


def write_folder(folder: Path, files: Mapping[str, bytes | Part]) -> None:
    """A layout as a folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with opened(content) as stream, path.open("wb") as copy:
            shutil.copyfileobj(stream, copy, _CHUNK)


def opened(content: bytes | Part) -> IO[bytes]:
    """A stream of a content, and of nothing that is behind it."""
    return io.BytesIO(content) if isinstance(content, bytes) else io.BufferedReader(_Piece(content), _CHUNK)


class _Piece(io.RawIOBase):
    """A part of a file, read in order."""

    def __init__(self, part: Part) -> None:
        self._stream = part.path.open("rb", buffering=0)
        self._stream.seek(part.offset)
        self._left = part.size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        count = self._stream.readinto(memoryview(buffer).cast("B")[: self._left])
        self._left -= count
        return count

    def close(self) -> None:
        self._stream.close()
        super().close()


def to_json(value: object) -> bytes:
    """The same bytes for the same value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
