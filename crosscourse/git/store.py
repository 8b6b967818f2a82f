"""Stores: the objects of a pinned commit, fetched once and shared by all checkouts of this user.

A store is a bare git repository with exactly the objects that a checkout needs (shallow, without the history;
blobless, so that paths left out cost nothing). It is built beside its place and renamed into it when it is whole;
an interrupted fetch leaves the partial one, and the next goes on with it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from crosscourse import files
from crosscourse.engine.lock import in_turn
from crosscourse.engine.spec import Spec
from crosscourse.errors import CrosscourseError
from crosscourse.git.command import UpstreamUnreachableError, git
from crosscourse.run import process
from crosscourse.run.network import is_network_trouble, route
from crosscourse.run.retry import retrying

if TYPE_CHECKING:
    from crosscourse.engine.places import Places

# Holds the commit, and of each file that matters size, time and name. Written last into a store, so that its presence
# says that the store is whole.
_COMMIT_FILE = "crosscourse-commit"
# It is not as large (bytes).
_MOST = 1 << 20
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_CHECKED = (".pack", ".idx")


class Pin(Spec, frozen=True, kw_only=True):
    """A source at a commit, and what of it is fetched.

    ``tag``: what upstream calls the commit, checked when it is fetched. ``omit``: paths that are left out, as patterns
    of git-sparse-checkout(1).
    """

    name: str
    url: str
    commit: str
    tag: str | None = None
    omit: tuple[str, ...] = ()


class TagMovedError(CrosscourseError):
    """The tag of a source is not at its pinned commit."""

    def __init__(self, source: str, tag: str, pinned: str, found: str) -> None:
        super().__init__(
            f"source '{source}'",
            f"the tag {tag} is pinned to {pinned}, but upstream has {found}",
            "Tags of releases should not move: find out why before you trust it. If the new commit is right,\n"
            f"set source.{source}.commit in the manifest.",
        )


def store_folder(cache: Path, pin: Pin) -> Path:
    """Where the objects of a pin lie in the cache folder. What would give other objects has another path."""
    key = files.digest_text(json.dumps([pin.url, pin.commit, pin.omit]))[:10]
    return cache / "git" / f"{pin.name}-{pin.commit[:12]}-{key}"


class StoreDamagedError(CrosscourseError):
    """A store that is not what was fetched."""

    def __init__(self, store: Path, found: str) -> None:
        super().__init__(files.relative(store), found, "Remove this folder: it is made again.")


def is_whole(store: Path) -> bool:
    """Whether a store is complete."""
    return problem(store) is None


def problem(store: Path) -> str | None:
    """What is wrong with a store, as far as the kernel tells; None if nothing. A few looks at files, none is read."""
    try:
        commit, rows = _recorded(store)
    except StoreDamagedError as error:
        return error.found
    if not rows:
        return f"what belongs to {commit[:12]} is not recorded"  # by earlier versions
    for row in rows:
        name = row.split(" ", 2)[2]
        if _row(store, name) != row:
            return f"{name} is not as it was"
    return None


def probed(store: Path) -> list[Path]:
    """The files that ``problem`` looks at."""
    try:
        rows = _recorded(store)[1]
    except StoreDamagedError:
        rows = []
    return [store / _COMMIT_FILE, *(store / row.split(" ", 2)[2] for row in rows)]


def damage(store: Path) -> str | None:
    """What is wrong with a store that is about to be used; None if nothing. Reads all of it (0.3 s for 100 MB).

    A copy of a store, with other times, is as good.
    """
    try:
        commit, rows = _recorded(store)
        for size, _, name in (row.split(" ", 2) for row in rows):
            there = _row(store, name).split(" ", 1)[0]
            if there != size:
                return f"{name} is not there" if there == "-" else f"{name} has {there} bytes, not {size}"
        packs = [path for path in (store / "objects" / "pack").iterdir() if path.suffix in _CHECKED]
    except StoreDamagedError as error:
        return error.found
    except OSError as error:
        return f"{error.strerror}: {error.filename}"
    algorithm = "sha256" if len(commit) == hashlib.sha256().digest_size * 2 else "sha1"
    if not packs:
        return "it has no objects"
    wrong = [path.name for path in sorted(packs) if not _is_sealed(path, algorithm)]
    return f"{wrong[0]} is damaged" if wrong else None


def store_commit(store: Path) -> str:
    """The commit that a store holds. Raises StoreDamagedError."""
    return _recorded(store)[0]


def _recorded(store: Path) -> tuple[str, list[str]]:
    try:
        text = files.read_regular(store / _COMMIT_FILE, most=_MOST).decode()
        commit, *rows = text.splitlines() or [""]
    except (FileNotFoundError, NotADirectoryError):
        raise StoreDamagedError(store, f"its objects are not in {store.parent}") from None
    except (OSError, ValueError) as error:
        raise StoreDamagedError(store, f"{_COMMIT_FILE} can't be read: {error}") from None
    if not _COMMIT.fullmatch(commit) or any(row.count(" ") < 2 for row in rows):
        raise StoreDamagedError(store, f"{_COMMIT_FILE} is damaged")
    return commit, rows


def _record(store: Path, commit: str) -> None:
    packs = [f"objects/pack/{path.name}" for path in (store / "objects" / "pack").iterdir()]
    names = ["HEAD", "config", *(["shallow"] if (store / "shallow").exists() else []), *sorted(packs)]
    files.write_text(store / _COMMIT_FILE, "\n".join([commit, *(_row(store, name) for name in names)]) + "\n")


def _row(store: Path, name: str) -> str:
    """``SIZE TIME NAME``; ``- - NAME`` if there is no such file."""
    try:
        info = (store / name).stat()
    except OSError:
        return f"- - {name}"
    return f"{info.st_size} {info.st_mtime_ns} {name}"


def _is_sealed(path: Path, algorithm: str) -> bool:
    """Whether the checksum at a file's end is that of the rest (gitformat-pack(5))."""
    sha = hashlib.new(algorithm, usedforsecurity=False)
    with path.open("rb") as stream:
        left = os.fstat(stream.fileno()).st_size - sha.digest_size
        while left > 0 and (block := stream.read(min(left, 1 << 20))):
            sha.update(block)
            left -= len(block)
        return left == 0 and stream.read() == sha.digest()


def fetch(pin: Pin, store: Path, at: Places) -> None:
    """Make ``store`` hold exactly the pinned commit, shallow and blobless; nothing is done if it is whole.

    A damaged one is removed and fetched again, which is reported.
    Raises UpstreamUnreachableError, TagMovedError or another CrosscourseError.
    """
    store.parent.mkdir(parents=True, exist_ok=True)
    with in_turn(store.parent / f".{store.name}.lock", at.status):
        if os.path.lexists(store):
            found = damage(store)
            if found is None and store_commit(store) == pin.commit:
                if not is_whole(store):
                    _record(store, pin.commit)
                return
            at.report(
                f"the objects of {pin.name} in {files.relative(store)} were damaged, and are fetched again: "
                f"{found or 'another commit'}"
            )
            files.remove(store)
        partial = store.parent / f".{store.name}.partial"
        _fetch_whole(partial, pin, at)
        move_into_place(partial, pin.commit, store, log=at.log)
        files.remove(partial)


def _fetch_whole(partial: Path, pin: Pin, at: Places) -> None:
    begun = os.path.lexists(partial)
    if begun and (partial.is_symlink() or not (partial / ".git").is_dir()):
        files.remove(partial)
    try:
        _fetch_into(partial, pin, at)
    except process.CommandError as error:
        if is_network_trouble(error.tail):
            raise UpstreamUnreachableError(pin.url, error.tail) from None
        files.remove(partial)
        if begun:  # what a run that was killed left may be damaged
            at.write_log("once more, from nothing")
            _fetch_whole(partial, pin, at)
            return
        raise CrosscourseError(
            f"source '{pin.name}'", f"{error.found}. git says:\n{error.tail}", f"Its log: {at.log}"
        ) from None


def _fetch_into(partial: Path, pin: Pin, at: Places) -> None:
    partial.mkdir(exist_ok=True)
    _sweep(partial / ".git")
    git(partial, "init", "--quiet", log=at.log)
    configure(partial, url=pin.url, omit=pin.omit, log=at.log)
    way = route(pin.url)
    if pin.tag:
        what = f"asking {way} for {pin.tag}"
        at.status(what)
        refs = (f"refs/tags/{pin.tag}", f"refs/tags/{pin.tag}^{{}}")
        found = _git_with_retries(partial, "ls-remote", "--quiet", "origin", *refs, at=at, what=what)
        check_tag(pin.name, pin.tag, pin.commit, found)
    what = f"fetching {pin.tag or pin.commit[:12]} from {way}"
    at.status(what)
    how = ("--quiet", "--no-tags", "--depth=1", "--filter=blob:none")
    _git_with_retries(partial, "fetch", *how, "origin", pin.commit, at=at, what=what)
    what = f"fetching files from {way}"
    at.status(what)
    # The checkout asks for all missing blobs at once; the files themselves are not needed here.
    _git_with_retries(partial, "checkout", "--quiet", "--force", "--detach", pin.commit, at=at, what=what)


def _sweep(repository: Path) -> None:
    """Remove what a git that was killed leaves: locks, and packs that are not whole. Nobody else is at work here."""
    for pattern in ("*.lock", "tmp_*"):
        for path in list(repository.rglob(pattern)):
            files.remove(path)


def _git_with_retries(folder: Path, *words: str, at: Places, what: str) -> str:
    return retrying(lambda: git(folder, *words, log=at.log), status=at.status, what=what)


def configure(folder: Path, *, url: str, omit: Sequence[str], log: Path, partial: bool = True) -> None:
    """Set up the repository in ``folder``: its upstream, and paths that are left out.

    ``omit``: see git-sparse-checkout(1), non-cone.
    ``partial``: what is missing in it can be had from ``url`` (https://git-scm.com/docs/partial-clone).
    """
    promisor = {"promisor": "true", "partialclonefilter": "blob:none"} if partial else {}
    tables = {
        "core": {
            "repositoryformatversion": "1",
            "bare": "false",
            "logallrefupdates": "true",
            "fileMode": "true",
            # For the git of a person who works in it, too: other bytes at the same commit would not be noticed.
            "autocrlf": "false",
            "eol": "lf",
            "attributesFile": os.devnull,
        },
        'remote "origin"': {"url": url, **promisor},
        "extensions": {"partialclone": "origin"} if partial else {},
        "gc": {"auto": "0"},
        "maintenance": {"auto": "false"},
    }
    # At once, and whatever stood there: a process for each would take most of the time of a small checkout.
    lines = (
        f"[{name}]\n" + "".join(f"\t{key} = {_quoted(value)}\n" for key, value in table.items())
        for name, table in tables.items()
    )
    files.write_text(folder / ".git" / "config", "".join(lines))
    if omit:
        git(folder, "sparse-checkout", "set", "--no-cone", "/*", *(f"!{path}" for path in omit), log=log)


def _quoted(value: str) -> str:
    """As git-config(1), "Syntax", has it."""
    for character, written in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n")):
        value = value.replace(character, written)
    return f'"{value}"'


def check_tag(name: str, tag: str, commit: str, listing: str) -> None:
    """Raise TagMovedError unless ``git ls-remote``'s listing has the tag at the commit (peeled, if it is annotated)."""
    rows = [line.split("\t") for line in listing.splitlines() if "\trefs/tags/" in line]
    by_ref = {ref: found for found, ref in rows}
    found = by_ref.get(f"refs/tags/{tag}^{{}}") or by_ref.get(f"refs/tags/{tag}")
    if found is None:
        raise TagMovedError(name, tag, commit, "no such tag")
    if found != commit:
        raise TagMovedError(name, tag, commit, found)


def move_into_place(work_tree: Path, revision: str, store: Path, *, log: Path) -> None:
    """Make the repository of a work tree the store of a revision, whole."""
    repository = work_tree / ".git"
    commit = git(work_tree, "rev-parse", f"{revision}^{{commit}}", log=log).strip()
    for name in ("index", "logs", "hooks", "FETCH_HEAD", "ORIG_HEAD"):
        files.remove(repository / name)
    _record(repository, commit)
    store.parent.mkdir(parents=True, exist_ok=True)
    files.remove(store)
    repository.replace(store)
