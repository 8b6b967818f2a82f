"""The making of an image: layers of Debian packages, of the distribution, of files of the project."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tasks.image.specs import Compose, ImageBuild, Settings

if TYPE_CHECKING:
    from crosscourse.engine.places import Places
    from crosscourse.formats.oci import Layer

# A container's own: whoever starts it mounts something there.
_FOLDERS = {"dev": 0o755, "proc": 0o755, "run": 0o755, "sys": 0o755, "tmp": 0o1777, "root": 0o700, "var/tmp": 0o1777}


def write_compose(spec: Compose, at: Places) -> None:
    """Write it."""
    at.output().write_text(spec.text, encoding="utf-8")


def build(spec: ImageBuild, at: Places) -> None:
    """Make the image, as an archive of one. Raises LockError, PackagesGoneError, PackageError, PlaceError."""
    from crosscourse.formats import oci

    layers = list(_layers(spec, at))
    image = oci.make_image(
        layers,
        platform=platform(spec),
        settings=settings(spec.settings),
        annotations=spec.annotations,
        created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(spec.epoch)),
    )
    files = oci.layout(image.descriptor, image.blobs, name=spec.name, tag=spec.tag)
    files[oci.DOCKER] = oci.for_docker(image, name=spec.name, tag=spec.tag)
    output = at.output()
    at.status(f"writing {output.name}")
    oci.write_archive(output, files, epoch=spec.epoch)
    for layer in layers:
        at.write_log(f"{layer.blob.size:>12} bytes: {layer.title}")
    at.write_log(f"{output.name}: {output.stat().st_size} bytes, sha256:{image.manifest.digest}")


def platform(spec: ImageBuild) -> dict[str, str]:
    """As configurations and indexes have it."""
    variant = {"variant": spec.platform.variant} if spec.platform.variant else {}
    return {"architecture": spec.platform.architecture, "os": "linux", **variant}


def settings(given: Settings) -> dict[str, Any]:
    """The key ``config`` of the image's configuration."""
    found: dict[str, Any] = {"Env": [f"{name}={value}" for name, value in given.env.items()]}
    if given.entrypoint:
        found["Entrypoint"] = list(given.entrypoint)
    if given.command:
        found["Cmd"] = list(given.command)
    if given.volumes:
        found["Volumes"] = {path: {} for path in given.volumes}
    if given.stop_signal:
        found["StopSignal"] = given.stop_signal
    return found


def _layers(spec: ImageBuild, at: Places) -> Iterator[Layer]:
    """The layers, the lowest first. What changes seldom is below what changes often, in a layer of its own."""
    from crosscourse.debian import pool, tree
    from crosscourse.formats.entries import Entry

    debs = pool.fetch_pinned(spec.packages, at)
    at.status("merging the packages")
    found = tree.without(tree.merge(debs), spec.leave_out)
    for name, mode in {**_FOLDERS, **spec.folders}.items():
        found[name] = Entry(name=name, mode=mode)
    names = " ".join(spec.packages.wanted.packages)
    yield _layer("packages", f"Debian {spec.packages.wanted.suite}: {names}", tree.settled(found).values(), spec, at)
    contents = [
        Entry(name=path, source=at.need(content.step, content.output), mode=content.mode)
        for path, content in spec.contents.items()
    ]
    yield _layer("contents", "the distribution", contents, spec, at)
    own = [Entry(name=path, source=text.text.encode(), mode=text.mode) for path, text in spec.texts.items()]
    own += [Entry(name=path, link=to) for path, to in spec.links.items()]
    if own:
        yield _layer("own", f"files: {' '.join(f'/{entry.name}' for entry in own)}", own, spec, at)


def _layer(name: str, title: str, entries: Any, spec: ImageBuild, at: Places) -> Layer:
    import hashlib

    from crosscourse import archive
    from crosscourse.formats import oci

    at.status(f"packing {title.partition(':')[0]}")
    path = at.scratch / f"{name}.tgz"
    diff = hashlib.sha256()
    archive.write_tgz(path, entries, epoch=spec.epoch, summed=diff)
    return oci.Layer(blob=oci.file_blob(oci.LAYER, path), diff_id=diff.hexdigest(), title=title)
