"""The layer of the image for tasks, of scripts and no packages."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from crosscourse.archive import Entry
from crosscourse.debian import pool, tree
from crosscourse.manifest.locks import Pinned, Wanted
from tasks.boot import specs
from tasks.boot.guest import image
from tests.unit.places import make_places
from toolchains.targets import Zig


def spec(**places: str) -> specs.Image:
    return specs.Image(
        packages=Pinned(
            name="x", wanted=Wanted(suite="bookworm", architecture="armhf", packages=("x",)), packages=(), date=0
        ),
        programs={place: specs.Program(name="look.sh", text=text) for place, text in places.items()},
        go_env={},
        go_flags=[],
        zig=Zig(target="x", cpu="x"),
        date=0,
    )


def layer(folder: Path, monkeypatch: pytest.MonkeyPatch, made: specs.Image, *packaged: Entry) -> dict[str, bytes]:
    """What is in the layer's files; ``packaged``: what packages bring."""
    monkeypatch.setattr(pool, "fetch_pinned", lambda *_args: [])
    monkeypatch.setattr(tree, "merge", lambda _packages: {entry.name: entry for entry in packaged})
    at = make_places(folder, labels=("layer.tgz",))
    image.make_layer(made, at)
    with tarfile.open(at.output()) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar if member.isreg()}  # type: ignore[union-attr]


def test_two_programs_of_one_name_are_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = spec(**{"opt/a/look": "a", "opt/b/look": "b", "opt/look.sh": "c"})
    assert layer(tmp_path, monkeypatch, made) == {"opt/a/look": b"a", "opt/b/look": b"b", "opt/look.sh": b"c"}


def test_a_program_below_a_link_of_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    links = (Entry(name="bin", link="usr/bin"), Entry(name="out", link="../../../outside"))
    made = spec(**{"bin/look": "a", "out/look": "b"})
    assert layer(tmp_path, monkeypatch, made, *links) == {"usr/bin/look": b"a", "outside/look": b"b"}
