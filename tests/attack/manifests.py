"""Made-up manifests: releases changed at random, by a walk of the schema. Each is refused in words, or stays inside.

A manifest that is taken has its steps made, and each path that they name looked at; of some, what is cheap is done too
(root filesystem, package), of stand-ins, with something precious around the places where it may write.
"""

from __future__ import annotations

import copy
import datetime as dt
import os
import random
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec.toml

from crosscourse import files
from crosscourse.engine.step import Step
from crosscourse.errors import CrosscourseError
from crosscourse.formats.entries import MAX_MODE, check_name
from crosscourse.formats.folder import unpack
from crosscourse.layout import Layout
from crosscourse.manifest.load import load_manifest, schema
from crosscourse.manifest.model import Manifest
from tasks import artifacts, go_modules, names, patches, sources, test_source, toolchain
from tasks.boot import steps as boot
from tasks.kinds import TABLES
from tasks.package import steps as package
from tasks.package.contents import Distribution
from tasks.rootfs.native import ResourceTypeBuild
from tasks.verify import steps as verify
from tests.attack.session import Session
from tests.equals import toml
from tests.unit.places import make_places
from toolchains.targets import get_target

ROOT = Path(__file__).resolve().parents[2]
SCHEMA: dict[str, Any] = schema(TABLES)
RELEASES = {path.stem: path.read_bytes() for path in sorted((ROOT / "releases").glob("*.toml"))}
RELEASE = "made-up"
SECRET = b"a secret of this machine"
# Seconds for one manifest; the slowest take a tenth.
LIMIT = 20
BUILT = 4  # Of those that are taken, one in so many is also built.

PATHS = (
    "/outside/x", "../../../../outside/x", "a/../../../outside/x", "..", ".", "", "/", "//x", "a//b", "a/", "./a",
    "a/.", "-o", "@x", "a\\..\\b", "~/x", "$HOME/x", "bin/printer", "bin/printer/x", "bin", "resource-types/printer",
    "resource-types/printer/rootfs.tgz", "link/x", "up/x", "/link/x", "/tmp", "/tmp/x", "tmp",  # noqa: S108
    "/etc/passwd/x",
    "a" * 255, "a" * 256, "a/" * 300 + "a", "lib/libprinter.a", "print.h/x", "x\ny", "x\0y", "x\n", "é", "e\u0301",
    "\u202ex", "\x1b[2Jx", "a b", "a'b\"c", "%s", "{version}", "{generated}/../../x", "{generated}/x.h", "con", "...",
    "certifi:../../../outside/x", "certifi:/outside/x", "certifi:certifi/link", "certifi:certifi/up/precious",
    "certifi:certifi", "certifi:", ":", "nosuch:x", "go:x",
)  # fmt: skip
WORDS = (
    "x", "x/../../../V", "1.0-rc1", "1.0\n", "-toolexec=touch /outside/x", "-o=/outside/x", "git@host:x",
    "ext::sh -c x", "file:///outside", "https://-x", "bookworm\ndeb http://x y main", "x-", "a,b", "'", '"', "{",
    "{version!z}", "{version:>9999999999}", "{0}", "{nosuch}", "-X 'a", "printer",
    "goprinter", "libprinter", "zig", "gperf", "python",
    "armv7", "nosuch", "77777777777", "4755", "1777", "0", "8", "x" * 100_000, "\uffff", "\U0001f600", "NUL", "None",
)  # fmt: skip
NUMBERS = (-1, 0, 1, 255, 256, 2**20, 2**20 + 1, 2**31, 2**63 - 1, 2**63, 10**400, -(10**400), 1.5, float("nan"))
DATES = tuple(
    dt.datetime(year, 12, 31, 23, 59, 59, tzinfo=dt.timezone(dt.timedelta(hours=hours)))
    for year in (1, 1900, 1969, 1970, 2026, 2038, 2106, 2200, 2201, 9999)
    for hours in (-23, 0, 23)
)


@dataclass(frozen=True, kw_only=True)
class Spot:
    """A place in a document: ``table[key]``, and what the schema says of it."""

    table: Any
    key: Any
    schema: Mapping[str, Any]


def made_up(chance: random.Random) -> bytes:
    """A manifest as no person writes it."""
    data = msgspec.toml.decode(RELEASES[chance.choice(sorted(RELEASES))])
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        _change(data, chance)
    text = toml.dump(data).encode(errors="replace")
    return _damaged(text, chance) if chance.random() < 0.15 else text


def _change(data: dict[str, Any], chance: random.Random) -> None:
    spot = chance.choice(list(_spots(data, SCHEMA)))
    table, key = spot.table, spot.key
    value = _value(spot, chance)
    if isinstance(table, list):
        chance.choice((lambda: table.__setitem__(key, value), lambda: table.append(value), lambda: table.pop(key)))()
        return
    way = chance.random()
    if way < 0.6:
        table[key] = value
    elif way < 0.7:
        table.pop(key, None)
    elif way < 0.9 and key in table:  # under another name, or under one more
        table[chance.choice((*PATHS, *WORDS[:20]))] = copy.deepcopy(table[key])
        if chance.random() < 0.5:
            del table[key]
    else:
        table[chance.choice(WORDS)] = value


def _spots(data: Any, told: Mapping[str, Any]) -> Iterator[Spot]:
    """Every place of a document, and every one that the schema has and the document has not."""
    told = _told(data, told)
    if isinstance(data, dict):
        known = told.get("properties", {})
        more = told.get("additionalProperties")
        for key in {**dict.fromkeys(known), **data}:
            inner = known.get(key) or (more if isinstance(more, dict) else {})
            yield Spot(table=data, key=key, schema=inner)
            if key in data and inner:
                yield from _spots(data[key], inner)
    elif isinstance(data, list):
        for index, value in enumerate(data):
            inner = told.get("items") or {}
            yield Spot(table=data, key=index, schema=inner)
            yield from _spots(value, inner)


def _told(data: Any, told: Mapping[str, Any]) -> Mapping[str, Any]:
    """The part of the schema that a value is to follow."""
    if choices := told.get("anyOf"):
        kind = data.get("kind") if isinstance(data, dict) else None
        named = told.get("discriminator", {}).get("mapping", {}).get(str(kind))
        told = {"$ref": named} if named else next((one for one in choices if one.get("type") != "null"), told)
    while "$ref" in told:
        told = SCHEMA["$defs"][told["$ref"].rpartition("/")[2]]
    return told


def _value(spot: Spot, chance: random.Random) -> Any:
    """Of the type that is wanted mostly, else of any."""
    told = _told(None, spot.schema)
    items, more = told.get("items", {}), told.get("additionalProperties") or {}
    if told.get("format") == "date-time":
        return chance.choice((*DATES, 0, "2026-01-01"))
    ways: dict[str, Callable[[], Any]] = {
        "string": lambda: _string(told, chance),
        "integer": lambda: chance.choice((*NUMBERS, told.get("minimum", 0) - 1, told.get("maximum", 0) + 1)),
        "boolean": lambda: chance.random() < 0.5,
        "array": lambda: [_string(items, chance) for _ in range(chance.choice((0, 1, 2, 50)))],
        "object": lambda: {_string({}, chance): _string(more, chance) for _ in range(3)},
        "deep": lambda: _deep(chance.choice((3, 100, 200)), chance),
    }
    wanted = told.get("type", "string") if chance.random() < 0.85 else chance.choice(sorted(ways))
    return ways[wanted]()


def _string(told: Any, chance: random.Random) -> Any:
    if isinstance(told, dict) and told.get("enum") and chance.random() < 0.5:
        return chance.choice(told["enum"])
    return chance.choice(PATHS if chance.random() < 0.6 else WORDS)


def _deep(levels: int, chance: random.Random) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value] if chance.random() < 0.5 else {"a": value}
    return value


def _damaged(text: bytes, chance: random.Random) -> bytes:
    """As no writer of TOML leaves it."""
    at = chance.randrange(len(text) + 1)
    levels = chance.choice((1_000, 100_000))
    inserted = chance.choice(
        (
            *(b"", b"\0", b"\xff", b"\xef\xbb\xbf", b"\r", b'"', b"[", b"\n[release]\n", b"#" * (2 << 20)),
            *(b"x = " + b"[" * levels, b"x = " + b"{a=" * levels, b"\nx" + b".x" * levels + b" = 1\n"),
            b"\nx = " + b"9" * levels + b"\n",
        )
    )
    kept = text[at:] if chance.random() < 0.7 else text[at + chance.randrange(100) :]
    return text[:at] + inserted + kept


# --- what must hold


def judge(folder: Path, content: bytes, chance: random.Random) -> tuple[str, list[str]]:
    """What became of a manifest in ``folder`` (empty, or as an earlier call left it): a word, and what is wrong."""
    root = folder / "project"
    if not root.is_dir():
        _lay_out(root, folder)
    path = root / "releases" / f"{RELEASE}.toml"
    path.write_bytes(content)
    layout = Layout(root=root, release=RELEASE, cache=folder / "cache", override={})
    started = time.monotonic()
    word = "taken"
    found: list[str] = []
    try:
        manifest = load_manifest(path, patches=layout.vendor_patches, tables=TABLES)
        steps = list(steps_of(manifest, layout))
        found += _outside(steps, root, folder)
        found += _of_package(manifest)
        if not found and chance.randrange(BUILT) == 0:
            word = "taken and built"
            found += _built(steps, manifest, folder)
    except CrosscourseError as error:
        word = "refused"
        found += _unfit_message(str(error))
    except Exception as error:  # whatever a person would see as a traceback
        found.append(f"a traceback: {error!r}"[:300])
    if time.monotonic() - started > LIMIT:
        found.append(f"took {time.monotonic() - started:.0f} s")
    return word, found


def _lay_out(root: Path, folder: Path) -> None:
    (root / "releases").mkdir(parents=True)
    for name in ("vendor-patches", "examples", "tasks"):
        (root / name).symlink_to(ROOT / name)
    (folder / "outside").mkdir()
    (folder / "outside" / "precious").write_bytes(SECRET)
    data = folder / "tool" / "certifi"
    data.mkdir(parents=True)
    (data / "cacert.pem").write_bytes(b"a certificate")
    (data / "link").symlink_to(folder / "outside" / "precious")
    (data / "up").symlink_to(folder / "outside")
    (folder / "tool" / "tzdata" / "zoneinfo").mkdir(parents=True)
    (folder / "program").write_bytes(b"a program")


def steps_of(manifest: Manifest, layout: Layout) -> Iterator[Step]:
    """All steps, as dodo.py makes them."""
    yield from toolchain.steps(manifest.toolchain, layout.tools)
    yield from sources.steps(manifest, layout, {})
    yield from patches.steps(manifest, layout, {})
    yield from test_source.steps(manifest, layout, None)
    for target in manifest.release.targets:
        yield from go_modules.steps(manifest, layout, target)
        yield from artifacts.steps(manifest, layout, target, "compile")
        yield from artifacts.steps(manifest, layout, target, "rootfs")
        yield from package.steps(manifest, layout, target)
        yield from verify.steps(manifest, layout, target)
        yield from boot.guest_steps(manifest, layout, target)
        yield from boot.steps(manifest, layout, target)
        yield from boot.more_steps(manifest, layout, target)


def _outside(steps: list[Step], root: Path, folder: Path) -> Iterator[str]:
    """Paths of steps that are not where they belong, or that two have."""
    owners: dict[str, str] = {}
    known: set[str] = set()
    for step in steps:
        if step.name in known:
            yield f"two steps are called {step.name}"
        known.add(step.name)
        if "/" in step.file_name or len(step.file_name) > 200:
            yield f"the name {step.file_name} is none of a file"
        places = (root / "build" / RELEASE, root / "sources" / RELEASE, folder / "cache", root / "dist")
        for path in (*step.outputs.values(), *([step.place] if step.place else ())):
            plain = Path(os.path.normpath(path))
            if plain == Path("/") and step.stage == "guest":  # this machine, which is only looked at
                continue
            if plain in places or not any(plain.is_relative_to(place) for place in places):
                yield f"{step.name}: {plain} is outside"
        for path in step.outputs.values():
            if (owner := owners.setdefault(os.path.normpath(path), step.name)) != step.name:
                yield f"{step.name} and {owner} both make {path}"
    for path in owners:
        above = next((str(parent) for parent in Path(path).parents if str(parent) in owners), None)
        if above:
            yield f"{path} is below a file, {above}"


def _of_package(manifest: Manifest) -> Iterator[str]:
    for target in manifest.release.targets:
        for name, content in package.distribution(manifest, get_target(target)).contents.items():
            check_name(name)
            if not 0 <= content.mode <= 0o777:
                yield f"{name} has the mode {content.mode:o}"


def _built(steps: list[Step], manifest: Manifest, folder: Path) -> Iterator[str]:
    """Root filesystems and packages of stand-ins, unpacked; then what is around them."""
    before = _around(folder)
    target = manifest.release.targets[0]
    for step in steps:
        if isinstance(step.spec, ResourceTypeBuild) or step.name == names.package(target, "tgz"):
            files.remove(folder / "work")
            at = make_places(folder / "work", needed=_stand_ins(step, folder), labels=tuple(step.outputs))
            step.work(step.spec, at)
            for archive in [path for path in at.outputs_folder.rglob("*") if path.suffix == ".tgz"]:
                yield from _members(archive)
                unpack(archive, folder / "work" / "unpacked")
    if _around(folder) != before:
        yield "something outside was changed"


def _stand_ins(step: Step, folder: Path) -> dict[str, dict[str, Path]]:
    """What a step needs, as others would have made it."""
    if isinstance(step.spec, Distribution):
        found: dict[str, dict[str, Path]] = {}
        for content in step.spec.contents.values():
            found.setdefault(content.step, {})[content.output] = folder / "program"
        return found
    return {name: {"": folder / ("program" if name.startswith("compile:") else "tool")} for name in step.needs}


def _members(archive: Path) -> Iterator[str]:
    seen = set()
    with tarfile.open(archive) as tar:
        for member in tar:
            check_name(member.name)
            if member.name in seen:
                yield f"{member.name} is in {archive.name} twice"
            seen.add(member.name)
            if member.mode & ~MAX_MODE or (member.isreg() and member.mode & 0o7000):
                yield f"{member.name} has the mode {member.mode:o}"
            stream = tar.extractfile(member) if member.isreg() else None
            if stream and SECRET in stream.read():
                yield f"{member.name} is a file of this machine"


def _around(folder: Path) -> dict[str, list[int]]:
    kept = [path for name in ("outside", "tool", "project/releases") for path in (folder / name).rglob("*")]
    tops = {str(path): [0] for path in (*folder.iterdir(), *(folder / "project").iterdir()) if path.name != "work"}
    return {**tops, **{str(path): files.signature(path, link=True) for path in kept}}


def _unfit_message(text: str) -> Iterator[str]:
    if len(text) > 100_000:
        yield f"a message of {len(text)} characters"
    if bad := {character for character in text if not character.isprintable() and character != "\n"}:
        yield f"a message with {sorted(bad)!r}"


def manifests(session: Session) -> None:
    """Try made-up manifests, in this process."""
    folder = session.ground.folder / "manifests"
    for number, chance in session.cases():
        content = made_up(chance)
        word, found = judge(folder, content, chance)
        session.counts[word] += 1
        for problem in found:
            session.tell(number, "a made-up manifest", problem, content.decode(errors="replace")[-2000:])
