"""The image that the pipeline's tasks run in: one layer of Debian packages and test programs, in an index by platform.

Formats: https://github.com/opencontainers/image-spec (config, manifest, image-index).
"""

from __future__ import annotations

import gzip
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crosscourse import archive, files
from crosscourse.archive import Entry
from crosscourse.debian import apt, tree
from crosscourse.engine.step import Context
from crosscourse.manifest.boot import BootWorker
from crosscourse.project import Project
from crosscourse.run import process
from tasks import toolchain
from tasks.boot.host.registry import Registry, digest
from toolchains import go as golang
from toolchains.c import zig
from toolchains.targets import Oci, Target
from toolchains.tools import program

# Worse ones first: a resource that takes the first entry of its architecture takes a wrong one.
PLATFORMS = (
    Oci(architecture="arm", variant="v6"),
    Oci(architecture="arm", variant="v7"),
    Oci(architecture="arm64", variant="v8"),
    Oci(architecture="amd64"),
)
# Where an image says which entry of the index it is.
MARK = "etc/crosscourse-platform"
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
_WITHOUT = (
    "debconf",
    "debconf-2.0",
    "dpkg",
    "perl",
    "usr-is-merged",
    "usrmerge",
    "media-types",
    "mailcap",
    "mime-support",
)
_FOLDERS = {"tmp": 0o1777, "root": 0o700, "proc": 0o755, "sys": 0o755, "dev": 0o755, "run": 0o755, "mnt": 0o755}


@dataclass(frozen=True, kw_only=True)
class Image:
    """What an image is known by in a registry: its index, and the manifest of each platform (``arm/v7``)."""

    repository: str
    digest: str
    manifests: dict[str, str]


def make_layer(project: Project, target: Target, boot: BootWorker, output: Path, context: Context) -> None:
    """Make the layer that all entries of the index share. Raises DebianError, CommandError."""
    wanted = apt.Wanted(suite=boot.suite, architecture=target.debian, packages=tuple(boot.image), without=_WITHOUT)
    found = tree.merge(apt.fetch(wanted, cache=project.cache, mirror=project.settings.debian, context=context))
    for place, source in boot.image_programs.items():
        context.note(f"compiling {source}")
        built = context.scratch / Path(place).name
        _compile(project, target, project.root / source, built, context)
        found[place] = Entry(name=place, source=built, mode=0o755)
    for name, mode in _FOLDERS.items():
        found[name] = Entry(name=name, mode=mode)
    with files.replacing(output) as partial:
        archive.write_tgz(partial, found.values(), epoch=project.manifest.epoch)


def _compile(project: Project, target: Target, source: Path, output: Path, context: Context) -> None:
    """A program of one file, linked statically, in C or Go; a script as it is."""
    if source.suffix == ".sh":
        shutil.copyfile(source, output)
    elif source.suffix == ".c":
        compiler = zig.compiler(program(toolchain.find(project, "zig"), toolchain.cache(project)), target)
        env = process.base_environment(**zig.environment(project.cache))
        context.run([*compiler, "-static", source, "-o", output], env=env)
    else:
        env = golang.environment(toolchain.goroot(project), cache=project.cache, home=context.scratch, target=target)
        context.run(["go", "build", *project.manifest.go.flags, "-o", output, source], env=env)


def name_of(platform: Oci) -> str:
    """A platform in one word: ``arm/v7``."""
    return "/".join(filter(None, (platform.architecture, platform.variant)))


def push(registry: Registry, repository: str, layer: Path, epoch: int, scratch: Path) -> Image:
    """Put the image into a registry: an index with an entry for each platform, all with the same programs.

    Raises RegistryError.
    """
    shared = _push_layer(registry, repository, layer.read_bytes())
    entries = []
    for platform in PLATFORMS:
        mark = scratch / "mark.tgz"
        archive.write_tgz(mark, [Entry(name=MARK, source=f"{name_of(platform)}\n".encode())], epoch=epoch)
        marked = _push_layer(registry, repository, mark.read_bytes())
        manifest = _manifest(registry, repository, platform, [shared, marked])
        entries.append({"mediaType": MANIFEST, **manifest, "platform": _platform(platform)})
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}
    names = map(name_of, PLATFORMS)
    return Image(
        repository=repository,
        digest=registry.put_manifest(repository, "latest", INDEX, _json(index)),
        manifests=dict(zip(names, (entry["digest"] for entry in entries), strict=True)),
    )


@dataclass(frozen=True, kw_only=True)
class _Layer:
    """A layer as manifests name it; ``diff_id``: the digest of what is in it, not compressed."""

    descriptor: dict[str, Any]
    diff_id: str


def _push_layer(registry: Registry, repository: str, content: bytes) -> _Layer:
    registry.put_blob(repository, content)
    return _Layer(descriptor=_descriptor(_LAYER, content), diff_id=digest(gzip.decompress(content)))


def _platform(platform: Oci) -> dict[str, str]:
    variant = {"variant": platform.variant} if platform.variant else {}
    return {"architecture": platform.architecture, "os": "linux", **variant}


def _manifest(registry: Registry, repository: str, platform: Oci, layers: list[_Layer]) -> dict[str, Any]:
    config = _json(
        {
            **_platform(platform),
            "config": {"Env": ["PATH=/usr/local/bin:/usr/bin:/usr/sbin", "CROSSCOURSE=image"]},
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
        }
    )
    registry.put_blob(repository, config)
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": _descriptor(_CONFIG, config),
            "layers": [layer.descriptor for layer in layers],
        }
    )
    return {
        "digest": registry.put_manifest(repository, digest(manifest), MANIFEST, manifest),
        "size": len(manifest),
    }


def _descriptor(kind: str, content: bytes) -> dict[str, Any]:
    return {"mediaType": kind, "digest": digest(content), "size": len(content)}


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode()
