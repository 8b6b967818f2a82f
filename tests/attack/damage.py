"""Damage of every sort of file that is kept: it heals by itself, or is refused with a remedy that works."""

from __future__ import annotations

import random
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from crosscourse import files
from tests.attack import harm
from tests.attack.ground import Ground, problems
from tests.attack.processes import Ended
from tests.attack.session import Session
from tests.equals import state

# With zig's C library made anew, and tools fetched again.
LONG = 400.0


@dataclass(frozen=True, kw_only=True)
class Sort:
    """One sort of file. ``places``: patterns below the ground's folder. ``weight``: how often.

    ``starts``: what the run with the damage starts from. ``spare``: whether it is put back afterwards, because it may
    be damaged without being noticed, or takes long to be made. ``cached``: whether the result cache has to be of use
    again afterwards.
    """

    places: tuple[str, ...]
    weight: int
    starts: tuple[str, ...]
    spare: bool = False
    limit: float = 120.0
    cached: bool = False


_GIT = f"crosscourse/{state.CHECKOUT}/.git"
_SMALL = ("certifi", "tzdata", "gperf", "pkgconf")
SORTS: Mapping[str, Sort] = {
    "records": Sort(
        places=("crosscourse/build/printer/*", "crosscourse/build/*"), weight=8, starts=("built", "edited", "outputs")
    ),
    "logs": Sort(places=("crosscourse/build/printer/logs/*",), weight=3, starts=("built", "outputs", "edited")),
    "outputs": Sort(places=("crosscourse/build/printer/armv7/**/*",), weight=8, starts=("built", "edited")),
    "packages": Sort(places=("crosscourse/dist/*",), weight=3, starts=("built", "edited")),
    "stores": Sort(places=("crosscourse/build/printer/stores/**/*",), weight=6, starts=("sources", "built")),
    "checkout": Sort(places=(f"{_GIT}/*", f"{_GIT}/**/*"), weight=8, starts=("built", "outputs", "patched")),
    "entries": Sort(
        places=("cache/results/entries/**/*", "cache/results/reads/**/*"), weight=6, starts=("cache",), cached=True
    ),
    "blobs": Sort(places=("cache/results/blobs/**/*", "cache/results/*"), weight=6, starts=("cache",), cached=True),
    "go's cache": Sort(places=("cache/go-build/**/*",), weight=6, starts=("nothing",), spare=True),
    "zig's cache": Sort(places=("cache/zig/**/*",), weight=5, starts=("nothing",), spare=True, limit=LONG),
    "modules": Sort(places=("cache/go-mod/**/*",), weight=2, starts=("nothing",), spare=True),
    "locks": Sort(
        places=("cache/tools/*.lock", "crosscourse/build/printer/.lock", "cache/git/.*.lock"),
        weight=2,
        starts=("built", "nothing"),
        spare=True,
    ),
    "small tools": Sort(
        places=tuple(f"cache/tools/{name}-*/**/*" for name in _SMALL),
        weight=4,
        starts=("nothing",),
        spare=True,
        limit=LONG,
    ),
    "large tools": Sort(
        places=(
            "cache/tools/go-*/go/src/fmt/*",
            "cache/tools/go-*/go/bin/go",
            "cache/tools/*/.crosscourse-*",
            "cache/tools/go-*/go/pkg/tool/*/*",
            "cache/tools/zig-*/ziglang/zig",
            "cache/tools/zig-*/ziglang/lib/libc/musl/src/string/*",
        ),
        weight=1,
        starts=("nothing",),
        spare=True,
        limit=LONG,
    ),
    ".venv": Sort(
        places=(
            "crosscourse/.venv/*",
            "crosscourse/.venv/bin/*",
            "crosscourse/.venv/lib/python*/site-packages/doit/*",
            "crosscourse/.venv/lib/python*/site-packages/*",
            "crosscourse/.venv/lib/python*/site-packages/*/*",
        ),
        weight=1,
        starts=("built",),
        spare=True,
        limit=LONG,
    ),
}


def _patched(ground: Ground) -> None:
    """The checkout is to be made anew, and its records say that it was another one."""
    _run(ground, "forget", "patch:printer")


def _edited(ground: Ground) -> None:
    """Everything that comes of one file is made anew, and then taken back: the bytes are the same."""
    files.remove(ground.root / "build" / "printer" / "armv7" / "libraries")
    files.remove(ground.root / "dist")


def _outputs(ground: Ground) -> None:
    files.remove(ground.root / "build" / "printer" / "armv7")
    ground.forget("dist")
    ground.forget_results()


def _cache(ground: Ground) -> None:
    ground.forget()


def _sources(ground: Ground) -> None:
    ground.forget("sources")


def _nothing(ground: Ground) -> None:
    """Everything from the sources on."""
    _outputs(ground)
    ground.forget("sources")


def _run(ground: Ground, *words: str) -> None:
    ended = ground.run(*words)
    assert ended.code == 0, ended.text


STARTS: Mapping[str, Callable[[Ground], None]] = {
    "built": lambda _ground: None,
    "edited": _edited,
    "patched": _patched,
    "outputs": _outputs,
    "sources": _sources,
    "cache": _cache,
    "nothing": _nothing,
}


def damage(session: Session) -> None:
    """Damage one file after the other."""
    sorts = {name: sort for name, sort in SORTS.items() if name in session.names or not session.names}
    for number, chance in session.cases():
        name = chance.choices(list(sorts), [sort.weight for sort in sorts.values()])[0]
        _try(session, number, chance, name)


def _try(session: Session, number: int, chance: random.Random, name: str) -> None:
    ground, sort = session.ground, SORTS[name]
    path = _pick(ground, sort, chance)
    start = chance.choice(sort.starts)
    how = _harm(path, chance, name) if path else None
    if path is None or how is None:
        session.counts["nothing to damage"] += 1
        return
    STARTS[start](ground)
    if not path.is_file() or path.is_symlink():
        session.counts["nothing to damage"] += 1
        return
    told, do = how
    what = f"{name}: {path.relative_to(ground.folder)}: {told} (from {start})"
    spare = _Spare(path=path, folder=ground.folder / "attack" / "spare", tree="folder" in told) if sort.spare else None
    do(path, chance)
    session.counts["tried"] += 1
    session.counts[f"of {name}"] += 1
    ended, found = ground.undisturbed(sort.limit)
    session.note(name, ended)
    if not found and sort.cached:
        ended, found = _is_of_use(ground)
    if not found:
        session.counts["healed"] += 1
    elif ended.code and not [*problems(ended), *ground.lost(), *ground.out_of_place()]:
        found = _follow(session, ended, sort)
    for problem in found:
        session.tell(number, what, problem, ended.text)
    if spare:
        spare.put_back()
    if found:
        ground.renew()
        ground.undisturbed(LONG)


def _is_of_use(ground: Ground) -> tuple[Ended, list[str]]:
    """Build from the result cache, which was just filled: the run, and what is wrong."""
    ground.forget()
    ended, found = ground.undisturbed()
    taken = len(re.findall(r"  from the cache$", ended.text, re.MULTILINE))
    if not found and taken < len(ground.wanted):
        found = [f"only {taken} of {len(ground.wanted)} results are kept afterwards"]
    return ended, found


def _pick(ground: Ground, sort: Sort, chance: random.Random) -> Path | None:
    """One file: first the pattern, so that where there are many of one sort the others are not forgotten."""
    for pattern in chance.sample(sort.places, len(sort.places)):
        found = sorted(path for path in ground.folder.glob(pattern) if path.is_file() and not path.is_symlink())
        if found:
            return chance.choice(found)
    return None


def _harm(path: Path, chance: random.Random, name: str) -> tuple[str, harm.Harm]:
    outside = path
    while outside.name not in ("crosscourse", "cache") or outside.parent.name == "site-packages":
        outside = outside.parent
    link = {"a link elsewhere": harm.link_to(outside.parent / "outside" / "precious")}
    folder = {} if name in ("records", "packages", "locks", "large tools", ".venv", "logs") else harm.OF_FOLDER
    kinds = {**(harm.OF_CONTENT if path.stat().st_size else {}), **harm.OF_ANY, **link, **folder}
    told = chance.choice(list(kinds))
    return told, kinds[told]


def _follow(session: Session, ended: Ended, sort: Sort) -> list[str]:
    """Do what a refusal says, and build again; what is wrong then."""
    ground = session.ground
    done = follow(ground, ended.text)
    if not done:
        return ["refused without a remedy that can be followed"]
    again, found = ground.undisturbed(sort.limit)
    if found:
        return [f"after {done}: {problem}\n{again.text[-1500:]}" for problem in found]
    session.counts["refused, with a remedy that works"] += 1
    session.remedies[done.replace(str(ground.folder), "")] += 1
    return []


_QUOTED = r"[`'\"]?(?P<path>[^\s`'\",;]+)[`'\"]?"
# What a remedy says, and what is done then.
REMEDIES: Sequence[tuple[str, str]] = (
    (r"(?P<lines>rm (?!-)[\w./-]+ && git -C [\w./-]+ reset --quiet)$", "lines"),
    (rf"rm -rf? (?:-- )?{_QUOTED}", "remove"),
    (rf"mv {_QUOTED} \S+", "remove"),
    (rf"[Rr]emove (?:the (?:folder|file) )?{_QUOTED}(?=[,.;: ]|$)", "remove"),
    (
        r"(?P<subject>[Rr]emove (?:it|(?:that|the) (?:folder|file))\b|[Mm]ove it (?:elsewhere|away|aside))",
        "subject",
    ),
    (r"(?P<command>\./doit (?:clean --all|clean|cache --clear))", "command"),
    (r"(?P<again>run the same command again|try again|Then run|build again)", "again"),
)


def follow(ground: Ground, text: str) -> str:
    """Do what the remedy in a text says; what was done, or nothing."""
    advice = [line for line in text.splitlines() if line.strip().startswith(">")]
    for pattern, kind in REMEDIES:
        for line in advice:
            match = re.search(pattern, line)
            if not match:
                continue
            if kind == "lines":
                done = subprocess.run(["sh", "-ec", match["lines"]], cwd=ground.root, check=False, capture_output=True)
                return match["lines"] if done.returncode == 0 else ""
            if kind == "remove":
                path = _path(ground, match["path"].rstrip("."))
                if path is None:
                    continue
                files.remove(path)
                return f"rm -rf {path}"
            if kind == "subject":
                subject = _subject(ground, text, line)
                if subject is None:
                    continue
                files.remove(subject)
                return f"rm -rf {subject}"
            if kind == "command":
                words = match["command"].split()[1:]
                ground.run(*words)
                return match["command"]
            return "the same again"
    return ""


def _path(ground: Ground, said: str) -> Path | None:
    path = ground.root / said
    return path if path.is_relative_to(ground.folder) and (path.exists() or path.is_symlink()) else None


def _subject(ground: Ground, text: str, advice: str) -> Path | None:
    """The path that the error before the advice is about."""
    before = text[: text.index(advice)]
    for word in reversed(re.findall(r"[^\s`'\",;:]+", before)):
        if "/" in word and (path := _path(ground, word.rstrip("."))) is not None:
            return path
    return None


@dataclass(kw_only=True)
class _Spare:
    """A copy of a file, or of its folder, to be put back after the damage."""

    path: Path
    folder: Path
    tree: bool

    def __post_init__(self) -> None:
        files.remove(self.folder)
        self.what = self.path.parent if self.tree else self.path
        subprocess.run(["cp", "-a", self.what, self.folder], check=True)

    def put_back(self) -> None:
        """Put it back, unless it is as it was."""
        whole = not self.tree and self.path.is_file() and not self.path.is_symlink()
        if whole and self.path.read_bytes() == self.folder.read_bytes():
            return
        files.remove(self.what)
        if self.what.parent.is_dir():
            subprocess.run(["cp", "-a", self.folder, self.what], check=True)
