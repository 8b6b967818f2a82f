"""Stage 3, patches: a checkout of each source with our changes on top, where a person may edit it.

Patches are committed with a fixed identity and date, so that the patched commit is the same everywhere.
The checkout is made beside its place and renamed into it; one that a person edited is never replaced.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from crosscourse import files, process, progress
from crosscourse.errors import CrosscourseError
from crosscourse.fingerprint import read_status
from crosscourse.git import commit_environment, git
from crosscourse.project import Project
from crosscourse.reasons import Inputs
from crosscourse.step import Context, Step
from tasks import sources

# In a checkout's .git: what we put there. A checkout that is at that commit and clean has no edits.
MARK = "crosscourse.json"


class Mark(msgspec.Struct, frozen=True):
    """What we checked out: the upstream commit, our patched one, and what became of each patch."""

    base: str
    commit: str
    patches: dict[str, str]


class EditedCheckoutError(CrosscourseError):
    """A checkout with a person's edits stands where another state is wanted."""

    def __init__(self, folder: Path, edits: list[str], why: str) -> None:
        self.edits = edits
        shown = ", ".join(edits[:8]) + (f" and {len(edits) - 8} more" if len(edits) > 8 else "")
        super().__init__(
            os.path.relpath(folder),
            f"has edits of yours, which are kept: {shown}",
            f"{why} Either\n"
            f"- save the edits elsewhere and remove the folder: mv {os.path.relpath(folder)} ~/somewhere\n"
            f"- or go on building your edited state: ./doit override={folder.name}=~/somewhere build",
        )


class PatchError(CrosscourseError):
    """A patch that does not apply: which hunk, and what upstream has there now."""


def steps(project: Project) -> Iterator[Step]:
    """A step for each source of the release."""
    for name in project.manifest.source:
        yield _step(project, name)


def _step(project: Project, name: str) -> Step:
    folder = project.checkout(name)
    source = project.source(name)
    if name in project.settings.override:
        return Step(
            name=f"patch:{name}",
            stage="patches",
            doc=f"{name}: no patches, the folder is yours",
            build=project.build,
            needs=(f"source:{name}",),
            scope="nobody",
            inputs=dict,
            result=lambda: str(folder),
            work=lambda context: context.say("nothing to do"),
        )

    def inputs() -> Inputs:
        return {
            "patches": {
                f"{index} {patch}": files.digest(project.vendor_patches / patch)
                for index, patch in enumerate(source.patches, 1)
            },
            "paths left out": dict.fromkeys(project.omitted(name), "left out"),
        }

    def cleaner(dry_run: bool) -> Iterator[str]:
        if folder.exists():
            refuse_edits(folder, "It would have to be removed.")
            if not dry_run:
                files.remove(folder)
            yield os.path.relpath(folder)

    return Step(
        name=f"patch:{name}",
        stage="patches",
        doc=f"{name}: {progress.plural(len(source.patches), 'patch', 'patches')}, in {os.path.relpath(folder)}",
        build=project.build,
        needs=(f"source:{name}",),
        inputs=inputs,
        scope="release",
        cleaner=cleaner,
        result=lambda: read_mark(folder).commit,
        probe=lambda: None if (folder / ".git" / MARK).is_file() else f"there is no checkout {os.path.relpath(folder)}",
        work=lambda context: make_checkout(project, name, context),
    )


def read_mark(folder: Path) -> Mark:
    """What we put into a checkout; CrosscourseError if it isn't one of ours."""
    try:
        return msgspec.json.decode((folder / ".git" / MARK).read_bytes(), type=Mark)
    except (OSError, msgspec.DecodeError, msgspec.ValidationError):
        raise CrosscourseError(
            os.path.relpath(folder), "is in the way: it is not a checkout made here", "Move it elsewhere."
        ) from None


def edits_in(folder: Path) -> list[str]:
    """What in a checkout is not ours: edited, new or ignored files, commits, stashes. Empty if there is nothing."""
    mark = read_mark(folder)
    state = read_status(folder, ignored=True)
    edits = list(state.changed)
    if state.commit != mark.commit:
        edits.append(f"commit {state.commit[:12]}")
    refs = [*(folder / ".git" / "refs" / "heads").rglob("*"), folder / ".git" / "refs" / "stash"]
    edits += [str(ref.relative_to(folder / ".git")) for ref in refs if ref.is_file()]
    return edits


def refuse_edits(folder: Path, why: str) -> None:
    """Raise EditedCheckoutError if a checkout has edits. ``why``: a sentence on what would happen to it."""
    edits = edits_in(folder)
    if edits:
        raise EditedCheckoutError(folder, edits, why)


def make_checkout(project: Project, name: str, context: Context) -> None:
    """Make the checkout anew: objects from the store, patches as commits, files; then rename it into place."""
    folder = project.checkout(name)
    if folder.exists():
        refuse_edits(folder, "Its pin or its patches changed, so it would have to be made anew.")
    store = sources.store_path(project, name)
    base = sources.store_commit(store)
    partial = folder.with_name(f".{name}.partial")
    files.remove(partial)
    partial.mkdir(parents=True)
    git(partial, "init", "--quiet", log=context.log)
    _link_objects(store, partial / ".git")
    sources.configure(partial, project.source(name).url, project.omitted(name), context.log)
    if sources.is_local(project, name):
        for key in ("remote.origin.promisor", "remote.origin.partialclonefilter", "extensions.partialclone"):
            git(partial, "config", "--unset", key, log=context.log)
    commit, outcomes = commit_patches(project, name, partial, base, context)
    git(partial, "checkout", "--quiet", "--detach", commit, log=context.log)
    git(partial, "status", "--short", log=context.log)  # refreshes the index: later calls are quicker
    mark = Mark(base=base, commit=commit, patches=outcomes)
    (partial / ".git" / MARK).write_bytes(msgspec.json.encode(mark))
    _swap(partial, folder)
    project.fingerprints.forget(folder)


def _link_objects(store: Path, repository: Path) -> None:
    """The store's packs become the checkout's own: linked where the file system can, else copied."""
    packs = repository / "objects" / "pack"
    packs.mkdir(parents=True, exist_ok=True)
    for pack in (store / "objects" / "pack").iterdir():
        try:
            os.link(pack, packs / pack.name)
        except OSError:
            shutil.copy2(pack, packs / pack.name)
    if (store / "shallow").is_file():
        shutil.copy2(store / "shallow", repository / "shallow")


def _swap(partial: Path, folder: Path) -> None:
    """Put the new checkout in the old one's place; a kill between the renames leaves none, never a half one."""
    old = folder.with_name(f".{folder.name}.old")
    files.remove(old)
    if folder.exists():
        folder.rename(old)
    partial.rename(folder)
    files.remove(old)


def commit_patches(
    project: Project,
    name: str,
    folder: Path,
    base: str,
    context: Context,
) -> tuple[str, dict[str, str]]:
    """Commit each patch on ``base``, in a separate index, so that no file is touched before all of them apply.

    Returns the last commit, and of each patch whether it was ``applied`` or is ``already upstream``.
    Raises PatchError for one that is neither.
    """
    index = {"GIT_INDEX_FILE": str(context.scratch / "index")}
    environment = commit_environment(project.manifest.epoch, **index)
    git(folder, "read-tree", base, log=context.log, env=environment)
    commit = base
    outcomes: dict[str, str] = {}
    for patch in project.source(name).patches:
        path = project.vendor_patches / patch
        context.note(f"applying {patch}")
        if _applies(folder, path, context, environment):
            git(folder, "apply", "--cached", "--whitespace=nowarn", path, log=context.log, env=environment)
            tree = git(folder, "write-tree", "--missing-ok", log=context.log, env=environment).strip()
            commit = git(
                folder,
                "commit-tree",
                tree,
                "-p",
                commit,
                "-m",
                f"vendor patch {patch}",
                log=context.log,
                env=environment,
            ).strip()
            outcomes[patch] = "applied"
        elif _applies(folder, path, context, environment, "--reverse"):
            outcomes[patch] = "already upstream"
            context.say(f"{patch} is already in {name}: it can go")
        else:
            raise _explain(folder, path, patch, commit, context, environment)
    return commit, outcomes


def _applies(folder: Path, path: Path, context: Context, env: Mapping[str, str], *more: str) -> bool:
    try:
        git(folder, "apply", "--cached", "--check", *more, path, log=context.log, env=env)
    except process.DiskFullError:
        raise
    except process.CommandError:
        return False
    return True


def _explain(
    folder: Path,
    path: Path,
    patch: str,
    commit: str,
    context: Context,
    env: Mapping[str, str],
) -> PatchError:
    """Ask git again which hunk fails, and read what the source has at that place."""
    try:
        git(folder, "apply", "--cached", "--check", "--verbose", path, log=context.log, env=env)
        said = ""
    except process.CommandError as error:
        said = error.tail
    found = f"does not apply. git says:\n{said}"
    failed = re.search(r"patch failed: (.+):(\d+)$", said, re.MULTILINE)
    if failed:
        name, line = failed.group(1), int(failed.group(2))
        found = f"the hunk for {name} at line {line} does not apply. There now:\n" + _excerpt(
            folder, commit, name, line, context
        )
    elif missing := re.search(r"error: (.+): does not exist in index", said):
        found = f"it changes {missing.group(1)}, which upstream no longer has"
    elif "corrupt patch" in said or "No valid patches" in said or "unrecognized input" in said:
        found = f"is not a patch that git can read:\n{said}"
    return PatchError(
        f"vendor-patches/{patch}",
        found,
        "Refresh the patch for this version of the source, or take it out of the manifest if it is no longer needed.",
    )


def _excerpt(folder: Path, commit: str, name: str, line: int, context: Context, around: int = 4) -> str:
    try:
        text = git(folder, "show", f"{commit}:{name}", log=context.log).splitlines()
    except process.CommandError:
        return f"  (no {name})"
    first = max(line - 1, 0)
    rows = list(enumerate(text, 1))[first : first + 2 * around]
    return (
        "\n".join(f"  {number:>5}  {content}" for number, content in rows) or f"  (the file has only {len(text)} lines)"
    )
