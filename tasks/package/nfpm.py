"""Packing by nFPM (https://nfpm.goreleaser.com): what it is told, and that what it makes depends on nothing else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from tasks.package.managed import ManagedPackage

if TYPE_CHECKING:
    from pathlib import Path

    from crosscourse.engine.places import Places

# MiB: it holds a package in memory, and what goes into it; the largest one, measured, rounded up.
MEMORY = 1200
# libdeflate's level for manual pages: Debian wants them as small as it gets (policy, 12.1).
SMALLEST = 12
# Its name of a file that a person may edit.
_CONFIGURATION = "config|noreplace"
_DOCUMENTATION = ("/usr/share/doc/", "/usr/share/man/")
# Its names of the scripts.
_SCRIPTS = {
    "before-install": "preinstall",
    "after-install": "postinstall",
    "before-remove": "preremove",
    "after-remove": "postremove",
}


def pack(form: str, more: dict[str, Any], spec: ManagedPackage, at: Places, *, documentation: str = "") -> None:
    """Make the package. ``form``: its name for nFPM. ``more``: settings that only this form has, or has otherwise.
    ``documentation``: what the form calls files that are it, if it has a word for them. Raises CommandError.
    """
    from crosscourse.run.environment import base_environment

    output = at.output()
    at.status(f"packing {output.name}")
    settings = {**configuration(spec, at, documentation), **more}
    told = at.scratch / "nfpm.yaml"  # JSON, which is YAML
    told.write_bytes(msgspec.json.format(msgspec.json.encode(settings)))
    program = at.need(spec.packer, "program")
    at.run(
        [program, "package", "--config", told, "--packager", form, "--target", output],
        env={**base_environment(), "SOURCE_DATE_EPOCH": str(spec.epoch)},
        cwd=at.scratch,
    )
    at.write_log(f"{output.name}: {output.stat().st_size} bytes")


def configuration(spec: ManagedPackage, at: Places, documentation: str) -> dict[str, Any]:
    """The settings that all forms share. Writes the files of the project into the scratch folder."""
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(spec.epoch))
    return {
        "name": spec.name,
        "arch": spec.architecture,
        "platform": "linux",
        "version": spec.version,
        "version_schema": "none",
        "release": spec.revision,
        "section": spec.section,
        "priority": "optional",
        "maintainer": spec.maintainer,
        "homepage": spec.homepage,
        "license": spec.license,
        "changelog": _written(at, "changelog", _changelog(spec, moment)),
        "disable_globbing": True,
        "mtime": moment,
        "recommends": list(spec.recommends),
        "suggests": list(spec.suggests),
        "conflicts": list(spec.conflicts),
        "contents": list(_members(spec, at, documentation)),
        "scripts": {_SCRIPTS[when]: _written(at, when, text) for when, text in spec.scripts.items()},
    }


def _members(spec: ManagedPackage, at: Places, documentation: str) -> Iterator[dict[str, Any]]:
    for path, mode in spec.folders.items():
        yield {"dst": path, "type": "dir", "file_info": {"mode": mode}}
    for path, to in spec.links.items():
        yield {"src": to, "dst": path, "type": "symlink"}
    kinds = {path: documentation for path in (*spec.contents, *spec.texts) if path.startswith(_DOCUMENTATION)}
    kinds |= dict.fromkeys(spec.configuration, _CONFIGURATION)
    for path, content in spec.contents.items():
        kind = kinds.get(path, "")
        yield _file(path, str(at.need(content.step, content.output)), kind, content.mode)
    for number, (path, text) in enumerate(spec.texts.items()):
        kind = kinds.get(path, "")
        yield _file(path, _written(at, f"text-{number}", text.text, packed=path.endswith(".gz")), kind, text.mode)


def _file(path: str, source: str, kind: str, mode: int) -> dict[str, Any]:
    return {"src": source, "dst": path, **({"type": kind} if kind else {}), "file_info": {"mode": mode}}


def _changelog(spec: ManagedPackage, moment: str) -> str:
    """In the format of https://github.com/goreleaser/chglog."""
    entry = {
        "semver": f"{spec.version}-{spec.revision}",
        "date": moment,
        "packager": spec.maintainer,
        "deb": {"urgency": "medium", "distributions": ["stable"]},
        "changes": [{"commit": "", "note": f"{spec.title}."}],
    }
    return msgspec.json.encode([entry]).decode()


def _written(at: Places, name: str, text: str, *, packed: bool = False) -> str:
    path: Path = at.scratch / "texts" / name
    path.parent.mkdir(exist_ok=True)
    if packed:
        from crosscourse.formats.gzip_worker import member

        path.write_bytes(member(text.encode(), SMALLEST))
    else:
        path.write_text(text, encoding="utf-8")
    return str(path)
