"""Images that were built, each for a target, on their way to one index: what ``image`` and ``push`` share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crosscourse.engine import graph
from crosscourse.engine.check import JobCheck
from crosscourse.errors import CrosscourseError, UnknownNameError
from crosscourse.formats import oci, oci_reading
from crosscourse.manifest.images import archive_name, tag
from crosscourse.project import Project

OPTION_IMAGE = {
    "name": "image",
    "long": "image",
    "type": str,
    "default": "",
    "help": "which one, of a release with several: its name in the manifest",
}


@dataclass(frozen=True, kw_only=True)
class Joined:
    """Images of one name in an index. ``files``: of its layout, by path. ``archives``: what each came from."""

    name: str
    files: dict[str, bytes | oci.Part]
    index: oci.Blob
    images: tuple[oci.Image, ...]
    archives: tuple[Path, ...]

    def described(self) -> Iterator[str]:
        """A line for each platform: what it is, its digest, its size."""
        for image in self.images:
            parts = (image.platform.get(key, "") for key in ("os", "architecture", "variant"))
            platform = "/".join(filter(None, parts))
            size = sum(each.size for each in image.blobs)
            yield f"{platform:<14} sha256:{image.manifest.digest}  {size / 1e6:.0f} MB"


def chosen(project: Project, name: str) -> str:
    """The name of the image that is meant. Raises UnknownNameError, CrosscourseError."""
    images = list(project.manifest.image)
    if name and name not in images:
        raise UnknownNameError("image", name, images)
    if not images:
        raise CrosscourseError(project.layout.release, "has no image: its manifest has no [image.NAME]")
    if not name and len(images) > 1:
        raise CrosscourseError("--image", f"the release has several images: {', '.join(images)}", "Say which one.")
    return name or images[0]


def built(project: Project, name: str, tasks: Sequence[Any], records: Any) -> list[Path]:
    """The archives of an image that are there as they would be made now, in the order of the release's targets.

    ``records``: doit's. Raises CrosscourseError if there is none.
    """
    release = project.manifest.release
    wanted = {project.layout.dist / archive_name(name, release.version, target): target for target in release.targets}
    making = [job for job in graph.jobs_of(tasks) if any(path in wanted for path in job.step.outputs.values())]
    graph.prefetch(making)
    found = []
    for job in making:
        check = JobCheck(job)
        check.setup(records, {})
        if not check.why(records.get_values(job.step.name)):
            found += [path for path in job.step.outputs.values() if path in wanted]
    if not found:
        raise CrosscourseError(
            f"image {name}", "is not built as it would be built now, for any target", "Build it first: ./doit build"
        )
    return sorted(found, key=lambda path: release.targets.index(wanted[path]))


def join(project: Project, name: str, archives: Sequence[Path]) -> Joined:
    """The index of images, each of an archive. Raises ImageError."""
    images = tuple(map(oci_reading.read_image, archives))
    index = oci.make_index(images, oci_reading.annotations_of(images[0]))
    # A layer may be in several of them.
    blobs = {each.digest: each for image in images for each in image.blobs}
    files = oci.layout(
        index.descriptor,
        [index, *blobs.values()],
        name=project.manifest.image[name].repository,
        tag=tag(project.manifest.release.version),
    )
    return Joined(name=name, files=files, index=index, images=images, archives=tuple(archives))
