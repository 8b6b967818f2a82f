"""Images that run the distribution as a container: a step for each target, whose result is a part of ``build``.

Which targets one index is for is what was built: no derivation, so it is made by the commands ``image`` and ``push``.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from crosscourse.engine.step import Step
from crosscourse.layout import Layout
from crosscourse.manifest import locks
from crosscourse.manifest.images import Image, archive_name, tag
from crosscourse.manifest.locks import Lock, Wanted
from crosscourse.manifest.model import Manifest
from tasks import names
from tasks.image import works
from tasks.image.specs import Compose, ImageBuild, Settings
from tasks.package.managed import FILE, PROGRAM, Text
from tasks.package.placed import placed
from toolchains.targets import Target, get_target

# MiB: a tree of Debian packages is held in memory; files of the distribution are packed piece by piece.
MEMORY = 400
# https://github.com/opencontainers/image-spec/blob/main/annotations.md
_KEY = "org.opencontainers.image"


def wanted(manifest: Manifest, target: Target) -> dict[str, Wanted]:
    """What the lock file is asked for, by name."""
    return {locked_as(name): _wanted(manifest, target, image) for name, image in manifest.image.items()}


def locked_as(name: str) -> str:
    """What the packages of an image are called in a lock file. No artifact has such a name."""
    return f"image {name}"


def _wanted(manifest: Manifest, target: Target, image: Image) -> Wanted:
    debian = manifest.debian
    suite = image.suite or (debian.suites.get(target.name, debian.suite) if debian else "")
    return Wanted(
        suite=suite,
        architecture=target.debian,
        packages=tuple(image.packages),
        without=tuple(debian.without) if debian else (),
    )


def once_steps(manifest: Manifest, layout: Layout) -> Iterator[Step]:
    """What is the same for every target: the file for people who start containers."""
    for name, image in manifest.image.items():
        if image.compose is None:
            continue
        file = f"{name}-{manifest.release.version}-compose.yaml"
        text = read(layout.root / image.compose)
        for word, value in (
            ("@IMAGE@", f"{image.repository}:{tag(manifest.release.version)}"),
            ("@VERSION@", manifest.release.version),
        ):
            text = text.replace(word, value)
        yield Step(
            name=_compose(name),
            stage=names.ONCE,
            doc=f"containers of the image {name} that belong together",
            spec=Compose(text=text),
            work=works.write_compose,
            outputs={file: layout.dist / file},
        )


def _compose(name: str) -> str:
    return names.once(f"{name}-compose")


def steps(manifest: Manifest, layout: Layout, target: str) -> Iterator[Step]:
    """The images of one target."""
    if not manifest.image:
        return
    machine, lock = get_target(target), locks.read(layout.lock(target))
    for name, image in manifest.image.items():
        spec = spec_of(manifest, machine, lock, layout.root, name)
        file = archive_name(name, manifest.release.version, target)
        yield Step(
            name=names.image(target, name),
            stage="package",
            doc=file,
            spec=spec,
            work=works.build,
            needs=tuple(dict.fromkeys(content.step for content in spec.contents.values())),
            after=(_compose(name),) if image.compose is not None else (),
            memory=MEMORY,
            outputs={file: layout.dist / file},
        )


def spec_of(manifest: Manifest, target: Target, lock: Lock, root: Path, name: str) -> ImageBuild:
    """What decides how an image comes out for a target. ``root``: the project."""
    image = manifest.image[name]
    place = f"{image.prefix.strip('/')}/{manifest.release.root}"
    return ImageBuild(
        name=image.repository,
        tag=tag(manifest.release.version),
        platform=target.oci,
        packages=lock.pinned(locked_as(name), _wanted(manifest, target, image)),
        leave_out=tuple(image.leave_out),
        contents=placed(manifest, target, place, image.takes),
        texts={
            **{path.strip("/"): Text(text=read(root / file), mode=FILE) for path, file in image.files.items()},
            **{path.strip("/"): Text(text=read(root / file), mode=PROGRAM) for path, file in image.programs.items()},
        },
        links={path.strip("/"): to for path, to in image.links.items()},
        folders={path.strip("/"): int(mode, 8) for path, mode in image.folders.items()},
        settings=Settings(
            entrypoint=tuple(image.entrypoint),
            command=tuple(image.command),
            env=image.env,
            volumes=tuple(f"/{path.strip('/')}" for path in image.volumes),
            stop_signal=image.stop_signal,
        ),
        annotations=told(manifest, image),
        epoch=manifest.epoch,
    )


def told(manifest: Manifest, image: Image) -> dict[str, str]:
    """What the image says of itself: what the release tells, and what the image's table has."""
    known = {
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(manifest.epoch)),
        "title": manifest.release.title,
        "description": image.summary,
        "version": manifest.release.version,
    }
    if manifest.packaging is not None:
        known["url"] = manifest.packaging.homepage
        known["licenses"] = manifest.packaging.license
        known["authors"] = manifest.packaging.maintainer
    return dict(sorted({**{f"{_KEY}.{key}": text for key, text in known.items()}, **image.annotations}.items()))


@cache
def read(path: Path) -> str:
    """Each file once, though all targets have it."""
    return path.read_text(encoding="utf-8")
