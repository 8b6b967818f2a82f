"""A manifest that extends another one: it says only in what it differs.

``extends`` names the other manifest, which may extend one itself. Tables are merged key by key, to any depth; every
other value, a list among them, takes the place of what was there. ``remove`` names what of the other one is not wanted;
it goes before anything is merged, so that a table can be said anew as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crosscourse.errors import ManifestError, nearest
from crosscourse.manifest.problems import shown, type_problems
from crosscourse.manifest.reading import PART, TOO_DEEP, read_toml
from crosscourse.manifest.types import Line, Name, Table

_KEY = re.compile(rf"{PART}(?:\.{PART})*")
# Of the keys around one that is not there, no more are told.
_MOST = 12


class Extension(Table, frozen=True, kw_only=True):
    """``extends``: the manifest that this one differs from, by the name of its file. ``remove``: keys of that one, with
    dots between their parts, that are not wanted here.
    """

    extends: Name
    remove: list[Line] = []


OWN = ("extends", "remove")
"""What is said of a manifest, and is not in it any more when it is put together."""


@dataclass(frozen=True, kw_only=True)
class Whole:
    """A manifest put together. ``data``: what it says in all. ``parts``: what each file of it says, its own first, then
    the one that it extends, and so on.
    """

    data: dict[str, Any]
    parts: tuple[tuple[Path, dict[str, Any]], ...]

    @property
    def bases(self) -> tuple[str, ...]:
        """The releases that it extends, the nearest first."""
        return tuple(path.stem for path, _ in self.parts[1:])

    def attributed(self, problems: Sequence[str]) -> list[str]:
        """Problems that begin with a key, each with the file that said that, where it is not the first."""
        if len(self.parts) == 1:
            return list(problems)
        said: list[tuple[Path, frozenset[str]]] = []
        gone: set[str] = set()
        for path, data in self.parts:
            removed = {".".join(_parts(key)) for key in data.get("remove", [])}
            said.append((path, frozenset(removed.union(_keys(data, without=gone)))))
            gone |= removed
        return [_attributed(problem, said) for problem in problems]


def read_whole(path: Path) -> Whole:
    """A manifest with all that it extends. Raises ManifestError, of the file that is wrong."""
    parts = [(path, read_toml(path))]
    while "extends" in parts[-1][1]:
        here, data = parts[-1]
        extension = _extension(here, data)
        base = here.with_name(f"{extension.extends}.toml")
        if base in (known := [file for file, _ in parts]):
            circle = " → ".join(file.stem for file in [*known[known.index(base) :], base])
            raise ManifestError(str(here), [f"extends: goes in a circle: {circle}"])
        if not base.is_file():
            others = [file.stem for file in here.parent.glob("*.toml") if file != here]
            problem = f"extends: there is no release '{extension.extends}'. {nearest(extension.extends, others)}"
            raise ManifestError(str(here), [problem])
        parts.append((base, read_toml(base)))
    if len(parts) == 1:
        return Whole(data=parts[0][1], parts=tuple(parts))
    try:
        return Whole(data=_together(parts), parts=tuple(parts))
    except RecursionError:
        raise ManifestError(str(path), [TOO_DEEP]) from None


def _extension(path: Path, data: Mapping[str, Any]) -> Extension:
    import msgspec

    own = {key: data[key] for key in OWN if key in data}
    problems = type_problems(own, Extension)
    release = data.get("release")
    if not (isinstance(release, dict) and ("version" in release or "name" in release)):
        problems.append("release.version: this key is missing: a release that extends another one has its own")
    if problems:
        raise ManifestError(str(path), problems)
    return msgspec.convert(own, Extension)


def _together(parts: Sequence[tuple[Path, dict[str, Any]]]) -> dict[str, Any]:
    made = parts[-1][1]
    for (path, data), (base, _) in zip(reversed(parts[:-1]), reversed(parts[1:]), strict=True):
        problems: list[str] = []
        for index, key in enumerate(data.get("remove", [])):
            made, problem = _without(made, key)
            problems += [f"remove[{index}]: {base.name} {problem}"] if problem else []
        if problems:
            raise ManifestError(str(path), problems)
        made = _merged(made, {key: value for key, value in data.items() if key not in OWN})
    return made


def _merged(base: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    made = dict(base)
    for key, value in more.items():
        before = made.get(key)
        made[key] = _merged(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return made


def _without(data: Mapping[str, Any], key: str) -> tuple[dict[str, Any], str]:
    """``data`` without a key, and what is wrong with that."""
    if not _KEY.fullmatch(key):
        return dict(data), f"has no '{shown(key)}': a key is written as in TOML, with dots between its parts"
    return _without_parts(data, _parts(key), "")


def _without_parts(data: Mapping[str, Any], parts: Sequence[str], above: str) -> tuple[dict[str, Any], str]:
    made, name = dict(data), parts[0]
    here = f"{above}.{name}" if above else name
    if name not in made:
        return made, f"has no '{shown(here)}'. {nearest(name, list(made)[:_MOST])}"
    if len(parts) == 1:
        del made[name]
        return made, ""
    if not isinstance(made[name], dict):
        return made, f"has no '{shown('.'.join([here, *parts[1:]]))}': '{shown(here)}' is no table"
    made[name], problem = _without_parts(made[name], parts[1:], here)
    return made, problem


def _parts(key: str) -> list[str]:
    """The parts of a dotted key, without the quotes around any."""
    return [part[1:-1] if part[0] in "\"'" else part for part in re.findall(PART, key)]


def _keys(data: Mapping[str, Any], above: str = "", *, without: Collection[str]) -> Iterator[str]:
    """Every key that is said, with dots, as problems name it, but for those that are not wanted."""
    for name, value in data.items():
        key = f"{above}.{name}" if above else name
        if key not in without:
            yield key
            if isinstance(value, dict):
                yield from _keys(value, key, without=without)


def _attributed(problem: str, said: Sequence[tuple[Path, frozenset[str]]]) -> str:
    key = problem.partition(": ")[0].removesuffix(" (its name)").replace('"', "")
    while key:
        for number, (path, keys) in enumerate(said):
            if key in keys:
                return problem if number == 0 else f"{path.name}: {problem}"
        shorter = re.sub(r"(?:\[\d+\]|\.[^.]*)$", "", key)
        key = shorter if shorter != key else ""
    return problem
