"""Makes a checkout: the objects of a store, our patches on top, and a mark that says what it was made from.

It is made beside its place and renamed into it; one that a person edited is never replaced, and is taken as it is where
it was made from just that.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from crosscourse import files
from crosscourse.engine.spec import Spec, encode
from crosscourse.errors import CrosscourseError
from crosscourse.git import aside
from crosscourse.git.checkout import Mark, mark_file, read_mark, write_mark
from crosscourse.git.command import git
from crosscourse.git.edits import edits_in
from crosscourse.git.fingerprint import refresh
from crosscourse.git.local import is_local
from crosscourse.git.store import configure, store_commit
from crosscourse.patches.apply import PatchError, commit_patches
from crosscourse.patches.states import APPLIED

if TYPE_CHECKING:
    from crosscourse.engine.places import Places


_WHY = "Its pin or its patches changed, so it would have to be made anew."


class PatchedSource(Spec, frozen=True, kw_only=True):
    """What decides a checkout beside the commit that its store holds.

    ``commit``: the pinned one; None for a local source.
    ``omit``: paths that are left out, as patterns of git-sparse-checkout(1). ``patches``: files of ``vendor-patches/``
    in order; ``digests``: the SHA-256 of each. ``date``: of the patches' commits, in seconds since 1970.
    ``manifest``: the file that names the patches, for messages.
    """

    name: str
    url: str
    commit: str | None
    omit: tuple[str, ...]
    patches: tuple[str, ...]
    digests: dict[str, str]
    date: int
    manifest: str


def make_checkout(
    spec: PatchedSource, folder: Path, at: Places, *, store: Path, vendor_patches: Path, failure: Path
) -> None:
    """Make the checkout ``folder`` anew: objects from the store, patches as commits, files; then rename it into place.

    One that a person edited is taken as it is if it was made from the same. ``failure``: where a patch that does not
    apply is noted; removed when all of them do. Raises EditedCheckoutError, PatchError or another CrosscourseError;
    then the checkout stays as it was.
    """
    aside.put_back(folder)
    base = store_commit(store)
    made = _digest(spec, base)
    if os.path.lexists(folder):
        edits, mark = edits_in(folder), read_mark(folder)
        if edits.named and mark.made == made:
            _refuse_forgotten(spec, mark, vendor_patches)
            if mark.commit not in edits.ours and mark.former:
                write_mark(mark_file(folder), _before_exports(mark, spec))
            at.report(f"{os.path.relpath(folder)} has edits of yours, and is taken as it is")
            files.remove(failure)
            return
        edits.refuse(folder, _WHY, nameless=False)
        _refuse_forgotten(spec, mark, vendor_patches)
    partial = folder.with_name(f".{folder.name}.partial")
    files.remove(partial)
    partial.mkdir(parents=True)
    git(partial, "init", "--quiet", log=at.log)
    _copy_objects(store, partial / ".git")
    configure(partial, url=spec.url, omit=spec.omit, log=at.log, partial=not is_local(spec.url))
    patches = {patch: vendor_patches / patch for patch in spec.patches}
    try:
        commit, outcomes = commit_patches(partial, base, patches, at, source=spec.name, date=spec.date)
    except PatchError as error:
        # For `doit patches`: this checkout is not made, so nothing else would tell.
        write_mark(failure, _mark(base, "", error.outcomes, vendor_patches))
        raise
    git(partial, "checkout", "--quiet", "--detach", commit, log=at.log)
    refresh(partial)
    mark = _mark(base, commit, outcomes, vendor_patches)
    write_mark(mark_file(partial), msgspec.structs.replace(mark, made=made))
    aside.replace(folder, partial, _WHY)
    files.remove(failure)


def _mark(base: str, commit: str, outcomes: dict[str, str], vendor_patches: Path) -> Mark:
    digests = {patch: files.digest(vendor_patches / patch) for patch in outcomes}
    return Mark(base=base, commit=commit, patches=outcomes, digests=digests)


def _before_exports(mark: Mark, spec: PatchedSource) -> Mark:
    """The mark of a checkout whose exports were taken back (their files are gone, or other ones): the commits that were
    saved there are a person's again.
    """
    *former, commit = mark.former
    patches = {patch: mark.patches.get(patch, APPLIED) for patch in spec.patches}
    return msgspec.structs.replace(
        mark, commit=commit, former=former, saved={}, exported=[], patches=patches, digests=spec.digests
    )


def _refuse_forgotten(spec: PatchedSource, mark: Mark, vendor_patches: Path) -> None:
    """Raise CrosscourseError if the checkout has an exported patch that the manifest does not name."""
    for patch in mark.exported:
        if patch not in spec.patches and (vendor_patches / patch).is_file():
            raise CrosscourseError(
                f"vendor-patches/{patch}",
                "was exported from the checkout, but the manifest does not name it",
                f'Add "{patch}" to source.{spec.name}.patches in {spec.manifest}, or remove the file.',
            )


def _digest(spec: PatchedSource, base: str) -> str:
    """The digest of all that decides a checkout."""
    deciding = msgspec.structs.replace(spec, commit=base, manifest="")
    return files.digest_text(encode(deciding).decode())


def _copy_objects(store: Path, repository: Path) -> None:
    """The store's packs become the checkout's own: copies, so that nothing done to a checkout reaches the store."""
    for pack in (store / "objects" / "pack").iterdir():
        aside.copy(pack, repository / "objects" / "pack" / pack.name)
    if (store / "shallow").is_file():
        aside.copy(store / "shallow", repository / "shallow")
