"""The image that the pipeline's tasks run in: one layer of Debian packages and test programs, in an index by platform.

Formats: https://github.com/opencontainers/image-spec (config, manifest, image-index).
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crosscourse import archive
from crosscourse.archive import Entry
from crosscourse.debian import pool, tree
from crosscourse.run.environment import base_environment
from tasks.boot import specs
from tasks.boot.host.registry import Registry, digest
from toolchains import go as golang
from toolchains.c import zig
from toolchains.targets import Oci

if TYPE_CHECKING:
    from crosscourse.engine.places import Places

# Worse ones first: a resource that takes the first entry of its architecture takes a wrong one.
PLATFORMS = (
    Oci(architecture="arm", variant="v6"),
    Oci(architecture="arm", variant="v7"),
    Oci(architecture="arm64", variant="v8"),
    Oci(architecture="amd64"),
    Oci(architecture="riscv64"),
)
# Where an image says which entry of the index it is.
PLATFORM_FILE = "etc/crosscourse-platform"
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
# What a program is called before it is at its place: no source has that name, as each has an end.
_BUILT = "built"
_FOLDERS = {"tmp": 0o1777, "root": 0o700, "proc": 0o755, "sys": 0o755, "dev": 0o755, "run": 0o755, "mnt": 0o755}


@dataclass(frozen=True, kw_only=True)
class Image:
    """What an image is known by in a registry: its index, and the manifest of each platform (``arm/v7``)."""

    repository: str
    digest: str
    manifests: dict[str, str]


def make_layer(spec: specs.Image, at: Places) -> None:
    """Make the layer that all entries of the index share. Raises DebianError, CommandError."""
    found = tree.merge(pool.fetch_pinned(spec.packages, at))
    for number, (place, program) in enumerate(spec.programs.items()):
        at.status(f"compiling {program.name}")
        # A folder for each: neither two places of one name, nor a place and a source, are one file then.
        folder = at.scratch / str(number)
        folder.mkdir()
        _compile(spec, program, folder, at)
        found[place] = Entry(name=place, source=folder / _BUILT, mode=0o755)
    for name, mode in _FOLDERS.items():
        found[name] = Entry(name=name, mode=mode)
    archive.write_tgz(at.output(), tree.settled(found).values(), epoch=spec.date)


def _compile(spec: specs.Image, program: specs.Program, folder: Path, at: Places) -> None:
    """A program of one file, linked statically, in C or Go; a script as it is."""
    source, output = folder / program.name, folder / _BUILT
    source.write_text(program.text, encoding="utf-8")
    if source.suffix == ".sh":
        source.replace(output)
    elif source.suffix == ".c":
        compiler = zig.compiler(at.need("toolchain:zig", "program"), target=spec.zig.target, cpu=spec.zig.cpu)
        env = base_environment(**zig.environment(at.caches))
        at.run([*compiler, "-static", source.name, "-o", output], env=env, cwd=folder)
    else:
        goroot = at.need("toolchain:go", "program").parent.parent
        env = golang.environment(goroot, cache=at.caches, home=at.scratch, target=spec.go_env)
        at.run(["go", "build", *spec.go_flags, "-o", output, source], env=env)


def push(registry: Registry, repository: str, layer: Path, epoch: int, scratch: Path) -> Image:
    """Put the image into a registry: an index with an entry for each platform, all with the same programs.

    Raises RegistryError.
    """
    shared = _push_layer(registry, repository, layer.read_bytes())
    entries = []
    for platform in PLATFORMS:
        mark = scratch / "mark.tgz"
        archive.write_tgz(mark, [Entry(name=PLATFORM_FILE, source=f"{platform.name}\n".encode())], epoch=epoch)
        marked = _push_layer(registry, repository, mark.read_bytes())
        manifest = _manifest(registry, repository, platform, [shared, marked])
        entries.append({"mediaType": MANIFEST, **manifest, "platform": _platform(platform)})
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}
    names = [platform.name for platform in PLATFORMS]
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
