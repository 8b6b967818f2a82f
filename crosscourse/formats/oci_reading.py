"""Archives of images as ``oci`` writes them, read: to join them, to push them, to look into them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from crosscourse.errors import CrosscourseError
from crosscourse.formats.oci import MANIFEST, TOP, Blob, Image, Part, opened


class ImageError(CrosscourseError):
    """A file that is no archive of an image, or a damaged one."""

    def __init__(self, path: Path, found: str) -> None:
        super().__init__(str(path), found, "Remove it, and build it again.")


def read_image(path: Path) -> Image:
    """The image of an archive that holds one for one platform. Its blobs are parts of that. Raises ImageError."""
    import tarfile

    try:
        with tarfile.open(path, "r:") as tar:
            parts = {
                member.name: Part(path=path, offset=member.offset_data, size=member.size)
                for member in tar
                if member.isreg()
            }
        (top,) = _json(parts[TOP])["manifests"]
        if top["mediaType"] != MANIFEST:
            raise ImageError(path, "holds more than one image")
        manifest = _json(_part(parts, top))
        return Image(
            manifest=_blob(parts, top),
            config=_blob(parts, manifest["config"]),
            layers=tuple(_blob(parts, layer) for layer in manifest["layers"]),
            platform=top["platform"],
        )
    except (tarfile.TarError, KeyError, TypeError, ValueError) as error:
        raise ImageError(path, f"is no archive of an image: {error or type(error).__name__}") from None


def settings_of(image: Image) -> dict[str, Any]:
    """The key ``config`` of its configuration: ``Entrypoint`` and the like."""
    found: dict[str, Any] = _json(image.config.content)["config"]
    return found


def annotations_of(image: Image) -> dict[str, str]:
    """Of its manifest."""
    found: dict[str, str] = _json(image.manifest.content)["annotations"]
    return found


def _part(parts: dict[str, Part], descriptor: dict[str, Any]) -> Part:
    return parts[f"blobs/{descriptor['digest'].replace(':', '/')}"]


def _blob(parts: dict[str, Part], descriptor: dict[str, Any]) -> Blob:
    return Blob(
        media_type=descriptor["mediaType"],
        digest=descriptor["digest"].partition(":")[2],
        content=_part(parts, descriptor),
    )


def _json(content: bytes | Part) -> Any:
    if isinstance(content, Part):
        with opened(content) as stream:
            content = stream.read()
    return json.loads(content)
