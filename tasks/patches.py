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

from crosscourse import files
from crosscourse.engine.reasons import Inputs
from crosscourse.engine.step import Context, Step
from crosscourse.errors import CrosscourseError
from crosscourse.git import checkout
from crosscourse.git.checkout import Mark, read_mark, refuse_edits
from crosscourse.git.command import commit_environment, git
from crosscourse.patches import table as patch_table
from crosscourse.project import Project
from crosscourse.run import process
from crosscourse.view import progress
from tasks import sources


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
                files.remove(project.tried(name))
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
        probe=lambda: _probe(folder, source.patches),
        advice=lambda: _advice(project, name),
        work=lambda context: make_checkout(project, name, context),
    )


def _probe(folder: Path, patches: list[str]) -> str | None:
    if not (folder / ".git" / checkout.MARK).is_file():
        return f"there is no checkout {os.path.relpath(folder)}"
    if not read_mark(folder).holds(patches):
        return f"{os.path.relpath(folder)} holds other patches than the manifest names"
    return None


def _advice(project: Project, name: str) -> Iterator[str]:
    for patch in patch_table.rows_of(project, name):
        if patch.state == checkout.UPSTREAM:
            yield f"{patch.file} is already in {name}: it can go from source.{name}.patches"


def make_checkout(project: Project, name: str, context: Context) -> None:
    """Make the checkout anew: objects from the store, patches as commits, files; then rename it into place."""
    folder = project.checkout(name)
    if folder.exists():
        refuse_edits(folder, "Its pin or its patches changed, so it would have to be made anew.")
        _refuse_forgotten(project, name)
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
    checkout.write_mark(partial, _mark(project, base, commit, outcomes))
    _swap(partial, folder)
    files.remove(project.tried(name))
    project.fingerprints.forget(folder)


def _mark(project: Project, base: str, commit: str, outcomes: dict[str, str]) -> Mark:
    digests = {patch: files.digest(project.vendor_patches / patch) for patch in outcomes}
    return Mark(base=base, commit=commit, patches=outcomes, digests=digests)


def _refuse_forgotten(project: Project, name: str) -> None:
    """Raise CrosscourseError if the checkout has an exported patch that the manifest does not name."""
    patches = project.source(name).patches
    for patch in read_mark(project.checkout(name)).exported:
        if patch not in patches and (project.vendor_patches / patch).is_file():
            raise CrosscourseError(
                f"vendor-patches/{patch}",
                "was exported from the checkout, but the manifest does not name it",
                f'Add "{patch}" to source.{name}.patches in releases/{project.release}.toml, or remove the file.',
            )


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
            outcomes[patch] = checkout.APPLIED
        elif _applies(folder, path, context, environment, "--reverse"):
            outcomes[patch] = checkout.UPSTREAM
            context.say(f"{patch} is already in {name}: it can go")
        else:
            # For `doit patches`: this checkout is not made, so nothing else would tell.
            failed = _mark(project, base, "", outcomes | {patch: checkout.FAILED})
            checkout.encode(project.tried(name), failed)
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
