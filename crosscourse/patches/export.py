"""From a checkout's commits back to ``vendor-patches/``: what was not changed keeps every byte."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from crosscourse import files
from crosscourse.errors import CrosscourseError
from crosscourse.git.checkout import Mark, changes_digest, mark_file, read_mark, write_mark
from crosscourse.git.edits import edits_in
from crosscourse.git.fingerprint import read_status
from crosscourse.patches import text as patch_text
from crosscourse.patches.commits import Change, Repository, changes, refuse_unfinished
from crosscourse.patches.states import APPLIED, UPSTREAM
from crosscourse.patches.table import subject
from crosscourse.run import process

UNCHANGED = "unchanged"
NEWER = "left as it is: changed since the checkout was made"
WRITTEN = "written"
NEW = "new"


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What became of one patch file. ``data``: what it is to hold; None: what it holds now."""

    file: str
    what: str
    data: bytes | None = None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """An export: each patch of the checkout in order, those that are gone, and the order that the manifest should have.

    ``edits``: what in the checkout still counts as a person's own.
    """

    exported: list[Exported]
    dropped: list[str]
    wanted: list[str]
    edits: list[str]


def export(
    folder: Path, *, source: str, patches: Sequence[str], vendor_patches: Path, log: Path, scratch: Path
) -> Outcome:
    """Write the patches of a source's checkout to their files, and note that the checkout is saved there.

    ``patches``: what the manifest names. Nothing is written unless all of it can be. Raises CrosscourseError for a
    checkout that isn't there or isn't ours, for edits that are not committed, for commits that make no line of patches,
    and for a patch that was changed both in its file and in the checkout.
    """
    where = os.path.relpath(folder)
    if not folder.is_dir():
        raise CrosscourseError(where, "there is no such checkout", f"Make it: ./doit patch:{source}")
    mark = read_mark(folder)
    state = read_status(folder, ignored=False)
    refuse_unfinished(folder, state.changed)
    repository = Repository(folder=folder, log=log, scratch=scratch)
    found = changes(repository, mark.base, repository.commits(mark.base))
    exporter = _Exporter(source=source, vendor_patches=vendor_patches, mark=mark, repository=repository)
    exported = [exporter.export(change) for change in found if change.before != change.after]
    for one in exported:
        if one.data is not None:
            with files.replacing(vendor_patches / one.file) as partial:
                partial.write_bytes(one.data)
    names = [one.file for one in exported]
    dropped = [p for p in patches if mark.patches.get(p) == APPLIED and p not in names]
    wanted = _merge(names, [patch for patch in patches if patch not in dropped])
    saved = _mark(mark, state.commit, exported, wanted=wanted, named=patches, vendor_patches=vendor_patches)
    if state.commit != mark.commit:
        saved = msgspec.structs.replace(
            saved,
            saved=_saved(mark, exported, vendor_patches=vendor_patches, folder=folder),
            former=[*mark.former, *([] if mark.saved else [mark.commit])],
        )
    write_mark(mark_file(folder), saved)
    return Outcome(exported=exported, dropped=dropped, wanted=wanted, edits=edits_in(folder).named)


@dataclass(kw_only=True)
class _Exporter:
    """One export's view of a checkout. ``taken``: files that other commits of this export have."""

    source: str
    vendor_patches: Path
    mark: Mark
    repository: Repository
    taken: set[str] = field(default_factory=set)

    def export(self, change: Change) -> Exported:
        """What becomes of one change's patch file; CrosscourseError if it can't be told."""
        file = change.file or self._new_name(change)
        self.taken.add(file)
        path = self.vendor_patches / file
        if not path.is_file():
            first = change.commits[0]
            title = (Path(file).stem if change.file else first.subject, "" if change.file else first.body)
            return Exported(file=file, what=NEW, data=self._make(change, patch_text.header(*title), []))
        if self.repository.apply(change.before, path) == change.after:
            return Exported(file=file, what=UNCHANGED)
        edited = file in self.mark.digests and files.digest(path) != self.mark.digests[file]
        if self._is_ours(change):
            return Exported(file=file, what=NEWER)
        if edited:
            raise CrosscourseError(
                f"vendor-patches/{file}",
                "was changed since the checkout was made, and the checkout has another change of it",
                f"Undo one of them: git checkout vendor-patches/{file} takes back the file's.",
            )
        header, sections = patch_text.split(path.read_bytes())
        return Exported(file=file, what=WRITTEN, data=self._make(change, header, sections))

    def _new_name(self, change: Change) -> str:
        """A file for a commit that has none: the one that an earlier export gave it, or one that is free."""
        wanted = change.commits[0].subject
        stem = patch_text.slug(wanted)
        for number in range(1, 100):
            file = f"{self.source}/{stem}{'' if number == 1 else f'-{number}'}.patch"
            path = self.vendor_patches / file
            if file not in self.taken and (not path.exists() or subject(path) == wanted):
                return file
        raise CrosscourseError(f"vendor-patches/{self.source}/{stem}.patch", "too many patches have this name")

    def _is_ours(self, change: Change) -> bool:
        """Whether a change is as we committed it, or as the last export saw it."""
        try:
            ours = {commit.id for commit in self.repository.commits(self.mark.base, self.mark.commit)}
        except (process.CommandError, CrosscourseError):
            return False
        return all(commit.id in ours for commit in change.commits)

    def _make(self, change: Change, header: bytes, old: list[bytes]) -> bytes:
        """A patch file that does exactly what the change does: tried, with more context where it needs that."""
        path = self.repository.scratch / "made.patch"
        for context, index in ((1, False), (3, False), (3, True)):
            diff = self.repository.diff(change.before, change.after, context=context)
            sections = patch_text.plain(diff, index=index)
            for candidate in (patch_text.keep_sections(old, sections), sections):
                path.write_bytes(header + b"".join(candidate))
                if self.repository.apply(change.before, path) == change.after:
                    return path.read_bytes()
        first = change.commits[0]
        raise CrosscourseError(
            os.path.relpath(self.repository.folder),
            f"the change of '{first.subject}' ({first.id[:12]}) can't be written as a patch that git applies",
            "Its log: " + os.path.relpath(self.repository.log),
        )


def _merge(names: list[str], patches: list[str]) -> list[str]:
    """``names``, and what else the manifest has (``patches``) behind what it stands behind there."""
    merged = list(names)
    for index, patch in enumerate(patches):
        if patch not in merged:
            before = patches[index - 1] if index else None
            merged.insert(merged.index(before) + 1 if before in merged else 0, patch)
    return merged


def _mark(
    mark: Mark,
    commit: str,
    exported: list[Exported],
    *,
    wanted: Sequence[str],
    named: Sequence[str],
    vendor_patches: Path,
) -> Mark:
    """The checkout's mark once its commits are saved: it has no edits, and may be made anew.

    ``wanted``: the patches that the manifest should name; ``named``: those that it does.
    """
    states = {patch: state for patch, state in mark.patches.items() if state == UPSTREAM}
    states |= {one.file: APPLIED for one in exported}
    digests = dict(mark.digests)
    for one in exported:
        if one.what != NEWER:
            digests[one.file] = files.digest(vendor_patches / one.file)
    return msgspec.structs.replace(
        mark,
        commit=commit,
        patches={patch: states[patch] for patch in wanted if patch in states},
        digests={patch: digest for patch, digest in digests.items() if patch in states},
        exported=[one.file for one in exported if one.file not in named],
    )


def _saved(mark: Mark, exported: list[Exported], *, vendor_patches: Path, folder: Path) -> dict[str, str]:
    """Where the checkout's commits are now; of a file that was changed since an earlier export, what that wrote."""
    found = {}
    for one in exported:
        path = vendor_patches / one.file
        name = os.path.relpath(path, folder)
        if one.what != NEWER:
            found[name] = changes_digest(path)
        elif name in mark.saved:
            found[name] = mark.saved[name]
    return found
