"""Stores: the objects of a pinned commit, fetched once and shared by all checkouts of this user.

A store is a bare git repository with exactly the objects that a checkout needs (shallow, without the history;
blobless, so that paths left out cost nothing). It is built beside its place and renamed into it when it is whole;
an interrupted fetch leaves the partial one, and the next goes on with it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from crosscourse import files
from crosscourse.engine.lock import in_turn
from crosscourse.engine.spec import Spec
from crosscourse.errors import CrosscourseError
from crosscourse.git.command import UpstreamUnreachableError, git
from crosscourse.run import process
from crosscourse.run.network import is_network_trouble
from crosscourse.run.retry import retrying

if TYPE_CHECKING:
    from crosscourse.engine.places import Places

# Holds the commit. Written last into a store, so that its presence says that the store is whole.
_COMMIT_FILE = "crosscourse-commit"


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


def is_whole(store: Path) -> bool:
    """Whether a store is complete."""
    return (store / _COMMIT_FILE).is_file()


def store_commit(store: Path) -> str:
    """The commit that a store holds."""
    return (store / _COMMIT_FILE).read_text(encoding="ascii").strip()


def fetch(pin: Pin, store: Path, at: Places) -> None:
    """Make ``store`` hold exactly the pinned commit, shallow and blobless; nothing is done if it is whole.

    Raises UpstreamUnreachableError, TagMovedError or another CrosscourseError.
    """
    if is_whole(store):
        return
    store.parent.mkdir(parents=True, exist_ok=True)
    with in_turn(store.parent / f".{store.name}.lock", at.status):
        if is_whole(store):
            return
        partial = store.parent / f".{store.name}.partial"
        try:
            _fetch_into(partial, pin, at)
        except process.CommandError as error:
            if is_network_trouble(error.tail):
                raise UpstreamUnreachableError(pin.url, error.tail) from None
            files.remove(partial)  # whatever is wrong with it, the next try starts afresh
            raise CrosscourseError(
                f"source '{pin.name}'", f"{error.found}. git says:\n{error.tail}", f"Its log: {at.log}"
            ) from None
        move_into_place(partial, pin.commit, store, log=at.log)
        files.remove(partial)


def _fetch_into(partial: Path, pin: Pin, at: Places) -> None:
    partial.mkdir(exist_ok=True)
    (partial / ".git" / "index.lock").unlink(missing_ok=True)
    (partial / ".git" / "shallow.lock").unlink(missing_ok=True)
    git(partial, "init", "--quiet", log=at.log)
    configure(partial, url=pin.url, omit=pin.omit, log=at.log)
    if pin.tag:
        at.status(f"asking upstream for {pin.tag}")
        refs = (f"refs/tags/{pin.tag}", f"refs/tags/{pin.tag}^{{}}")
        found = _git_with_retries(partial, "ls-remote", "--quiet", "origin", *refs, at=at)
        check_tag(pin.name, pin.tag, pin.commit, found)
    at.status(f"fetching {pin.tag or pin.commit[:12]}")
    how = ("--quiet", "--no-tags", "--depth=1", "--filter=blob:none")
    _git_with_retries(partial, "fetch", *how, "origin", pin.commit, at=at)
    at.status("fetching files")
    # The checkout asks for all missing blobs at once; the files themselves are not needed here.
    _git_with_retries(partial, "checkout", "--quiet", "--force", "--detach", pin.commit, at=at)


def _git_with_retries(folder: Path, *words: str, at: Places) -> str:
    return retrying(lambda: git(folder, *words, log=at.log), status=at.status)


def configure(folder: Path, *, url: str, omit: Sequence[str], log: Path, partial: bool = True) -> None:
    """Set up the repository in ``folder``: its upstream, and paths that are left out.

    ``omit``: see git-sparse-checkout(1), non-cone.
    ``partial``: what is missing in it can be had from ``url`` (https://git-scm.com/docs/partial-clone).
    """
    promisor = (
        ("remote.origin.promisor", "true"),
        ("remote.origin.partialclonefilter", "blob:none"),
        ("extensions.partialclone", "origin"),
    )
    for setting, value in (
        ("remote.origin.url", url),
        ("core.repositoryformatversion", "1"),
        *(promisor if partial else ()),
        ("core.autocrlf", "false"),
        ("core.fileMode", "true"),
        ("gc.auto", "0"),
        ("maintenance.auto", "false"),
    ):
        git(folder, "config", setting, value, log=log)
    if omit:
        git(folder, "sparse-checkout", "set", "--no-cone", "/*", *(f"!{path}" for path in omit), log=log)


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
    (repository / _COMMIT_FILE).write_text(commit + "\n", encoding="ascii")
    for name in ("index", "logs", "hooks", "FETCH_HEAD", "ORIG_HEAD"):
        files.remove(repository / name)
    store.parent.mkdir(parents=True, exist_ok=True)
    files.remove(store)
    repository.replace(store)
