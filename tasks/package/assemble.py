"""What a package is made of, by the manifest. No work imports it: packing does not depend on the code of the kinds."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from crosscourse.manifest.model import Manifest
from crosscourse.manifest.packages import TOOL, Package, PackageForm
from tasks import names
from tasks.kinds import step_name
from tasks.package.contents import Content
from tasks.package.managed import FILE, PROGRAM, ManagedPackage, Text
from tasks.package.placed import placed
from toolchains.targets import Target


def managed(manifest: Manifest, target: Target, root: Path, name: str, form: str, architecture: str) -> ManagedPackage:
    """What a package of a release is made of. ``form``: a key of its table; ``architecture``: what that form calls it.
    ``root``: the project.
    """
    package, packaging = manifest.package[name], manifest.packaging
    assert packaging is not None  # see manifest.packages.problems
    more: PackageForm = getattr(package, form)
    prefix = f"/{packaging.prefix.strip('/')}"
    contents = {
        **placed(manifest, target, prefix, package.takes),
        **_outputs(manifest, target, package),
    }
    return ManagedPackage(
        name=name,
        version=comparable(manifest.release.version),
        # Of two targets with one architecture, "~" sorts first: where a repository has both, the common one is taken.
        revision=f"{packaging.revision}~{target.name}" if target.deb else packaging.revision,
        architecture=architecture,
        title=manifest.release.title,
        summary=package.summary,
        description=package.description.strip(),
        section=package.section,
        maintainer=packaging.maintainer,
        homepage=packaging.homepage,
        license=packaging.license,
        needs=tuple(package.needs),
        depends=tuple(more.depends),
        recommends=tuple(more.recommends),
        suggests=tuple(more.suggests),
        conflicts=tuple(more.conflicts),
        contents=contents,
        texts=_texts(root, package, more),
        links={_absolute(path): to for path, to in package.links.items()},
        folders={
            **dict.fromkeys(_parents(contents, prefix), PROGRAM),
            **{_absolute(path): int(mode, 8) for path, mode in package.folders.items()},
        },
        configuration=tuple(map(_absolute, package.configuration)),
        scripts={when: _read(root / path) for when, path in package.scripts.all.items()},
        epoch=manifest.epoch,
        packer=names.toolchain(TOOL),
    )


def needs_glibc(manifest: Manifest, target: Target, spec: ManagedPackage) -> bool:
    """Whether a program in a package is linked dynamically."""
    steps = {step_name(target, name, manifest.artifact[name]) for name in manifest.dynamic}
    return any(content.step in steps for content in spec.contents.values())


def comparable(version: str) -> str:
    """A version as package managers take and compare it: what is before a release sorts before it.

    https://www.debian.org/doc/debian-policy/ch-controlfields.html#version,
    https://rpm-software-management.github.io/rpm/manual/spec.html#version
    """
    return version.replace("-", "~").replace("_", ".")


def _outputs(manifest: Manifest, target: Target, package: Package) -> dict[str, Content]:
    """Files that are made: outputs of artifacts."""
    found = {}
    for path, source in (*package.files.items(), *package.configuration.items()):
        name, colon, output = source.partition(":")
        if colon:
            step = step_name(target, name, manifest.artifact[name])
            found[_absolute(path)] = Content(step=step, output=output, mode=FILE)
    return found


def _texts(root: Path, package: Package, more: PackageForm) -> dict[str, Text]:
    plain = {**package.files, **package.configuration, **more.files}
    return {
        **{_absolute(path): Text(text=_read(root / source)) for path, source in plain.items() if ":" not in source},
        **{_absolute(path): Text(text=_read(root / source), mode=PROGRAM) for path, source in package.programs.items()},
    }


def _parents(paths: dict[str, Content], prefix: str) -> list[str]:
    """The folders of a package's own, which it also removes: ``prefix`` and those below it."""
    found = set()
    for path in paths:
        while path.startswith(f"{prefix}/"):
            path = path.rpartition("/")[0]  # noqa: PLW2901
            found.add(path)
    return sorted(found)


def _absolute(path: str) -> str:
    return f"/{path.strip('/')}"


@cache
def _read(path: Path) -> str:
    """Each file once, though all targets and forms have it."""
    return path.read_text(encoding="utf-8")
