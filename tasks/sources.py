"""Stage 2, sources: the objects of each pinned commit, fetched once and shared by all checkouts of this user.

What is fetched is a *store*: a bare git repository in the cache folder with exactly the objects that a checkout needs
(shallow, without the history; blobless, so that paths left out cost nothing). It is built beside its place and
renamed into it when it is whole; an interrupted fetch leaves the partial one, and the next goes on with it.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from crosscourse import files
from crosscourse.engine.lock import in_turn
from crosscourse.engine.reasons import Inputs
from crosscourse.engine.step import Context, Step
from crosscourse.errors import CrosscourseError
from crosscourse.git import fingerprint
from crosscourse.git.command import UpstreamUnreachableError, commit_environment, git, is_network_trouble
from crosscourse.project import Project
from crosscourse.run import process
from crosscourse.run.retry import retrying


class TagMovedError(CrosscourseError):
    """The tag of a source is not at its pinned commit."""

    def __init__(self, source: str, tag: str, pinned: str, found: str) -> None:
        super().__init__(
            f"source '{source}'",
            f"the tag {tag} is pinned to {pinned}, but upstream has {found}",
            "Tags of releases should not move: find out why before you trust it. If the new commit is right,\n"
            f"set source.{source}.commit in the manifest.",
        )


def steps(project: Project) -> Iterator[Step]:
    """A step for each source of the release."""
    for name in project.manifest.source:
        yield _override_step(project, name) if name in project.settings.override else _fetch_step(project, name)


def is_local(project: Project, name: str) -> bool:
    """Whether a source is a folder of this project, turned into a repository on the fly."""
    return "://" not in project.source(name).url


def local_folder(project: Project, name: str) -> Path:
    """The folder of a local source."""
    return project.root / project.source(name).url


def store_path(project: Project, name: str) -> Path:
    """Where the objects of a source lie. What would give other objects has another path."""
    source = project.source(name)
    if is_local(project, name):
        return project.build / "stores" / name
    key = files.digest_text(json.dumps([source.url, source.commit, project.omitted(name)]))[:10]
    return project.cache / "git" / f"{name}-{(source.commit or '')[:12]}-{key}"


def _override_step(project: Project, name: str) -> Step:
    folder = project.checkout(name)
    return Step(
        name=f"source:{name}",
        stage="sources",
        doc=f"{name} from your own folder {folder}",
        build=project.build,
        scope="nobody",
        inputs=lambda: {"override": str(folder)},
        result=lambda: f"override {folder}",
        work=lambda context: context.say(f"{name} is built as it is in {folder}: nothing fetched, no patches applied."),
    )


def _fetch_step(project: Project, name: str) -> Step:
    source = project.source(name)
    store = store_path(project, name)
    local = is_local(project, name)

    def inputs() -> Inputs:
        if local:
            return {"folder": fingerprint.fingerprint(local_folder(project, name)), "date": str(project.manifest.epoch)}
        return {
            "pin": {"url": source.url, "commit": source.commit or "", "tag": source.tag or ""},
            "paths left out": dict.fromkeys(project.omitted(name), "left out"),
        }

    def work(context: Context) -> None:
        if local:
            make_local_store(project, name, store, context)
        elif not is_whole(store):
            fetch_store(project, name, store, context)

    def cleaner(dry_run: bool) -> Iterator[str]:
        if local and store.exists():
            if not dry_run:
                files.remove(store)
            yield os.path.relpath(store)

    return Step(
        name=f"source:{name}",
        stage="sources",
        doc=f"{name} {source.tag or source.version or (source.commit or '')[:12]} from {source.url}",
        build=project.build,
        inputs=inputs,
        work=work,
        scope="release",
        cleaner=cleaner,
        result=lambda: store_commit(store) if local else f"{source.commit}",
        probe=lambda: None if is_whole(store) else f"its objects are not in {store.parent}",
    )


# Written last into a store, so that its presence says that the store is whole.
_WHOLE = "crosscourse-commit"


def is_whole(store: Path) -> bool:
    """Whether a store is complete."""
    return (store / _WHOLE).is_file()


def store_commit(store: Path) -> str:
    """The commit that a store holds."""
    return (store / _WHOLE).read_text(encoding="ascii").strip()


def make_local_store(project: Project, name: str, store: Path, context: Context) -> None:
    """Turn a folder of this project into a repository with one commit, the same for the same content everywhere."""
    folder = local_folder(project, name)
    if not folder.is_dir():
        raise CrosscourseError(
            f"source '{name}'", f"there is no folder {folder}", f"Check source.{name}.url in the manifest."
        )
    work = context.scratch / "work"
    shutil.copytree(folder, work, symlinks=True)
    environment = commit_environment(project.manifest.epoch, GIT_CONFIG_NOSYSTEM="1", GIT_CONFIG_GLOBAL=os.devnull)
    for words in (
        ["init", "--quiet", "--initial-branch=main"],
        ["add", "--all", "--force"],
        ["commit", "--quiet", "--message", f"{name}: as in {project.source(name).url}"],
    ):
        git(work, *words, log=context.log, env=environment, config=["core.autocrlf=false"])
    git(work, "repack", "-adq", log=context.log, env=environment)
    _finish(work, "HEAD", store, context)


def fetch_store(project: Project, name: str, store: Path, context: Context) -> None:
    """Fetch exactly the pinned commit, shallow and blobless; see the module's docstring."""
    store.parent.mkdir(parents=True, exist_ok=True)
    with in_turn(store.parent / f".{store.name}.lock", context.note):
        if is_whole(store):
            return
        partial = store.parent / f".{store.name}.partial"
        try:
            _fetch(project, name, partial, context)
        except process.CommandError as error:
            if is_network_trouble(error):
                raise UpstreamUnreachableError(project.source(name).url, error.tail) from None
            files.remove(partial)  # whatever is wrong with it, the next try starts afresh
            raise CrosscourseError(
                f"source '{name}'", f"{error.found}. git says:\n{error.tail}", f"Its log: {context.log}"
            ) from None
        _finish(partial, project.source(name).commit or "HEAD", store, context)
        files.remove(partial)


def _fetch(project: Project, name: str, partial: Path, context: Context) -> None:
    source = project.source(name)
    commit = source.commit or ""
    partial.mkdir(exist_ok=True)
    (partial / ".git" / "index.lock").unlink(missing_ok=True)
    (partial / ".git" / "shallow.lock").unlink(missing_ok=True)
    git(partial, "init", "--quiet", log=context.log)
    configure(partial, source.url, project.omitted(name), context.log)
    if source.tag:
        context.note(f"asking upstream for {source.tag}")
        found = _retrying(
            context,
            lambda: git(
                partial,
                "ls-remote",
                "--quiet",
                "origin",
                f"refs/tags/{source.tag}",
                f"refs/tags/{source.tag}^{{}}",
                log=context.log,
            ),
        )
        check_tag(name, source.tag, commit, found)
    context.note(f"fetching {source.tag or commit[:12]}")
    _retrying(
        context,
        lambda: git(
            partial,
            "fetch",
            "--quiet",
            "--no-tags",
            "--depth=1",
            "--filter=blob:none",
            "origin",
            commit,
            log=context.log,
        ),
    )
    context.note("fetching files")
    # The checkout asks for all missing blobs at once; the files themselves are not needed here.
    _retrying(context, lambda: git(partial, "checkout", "--quiet", "--force", "--detach", commit, log=context.log))


def configure(folder: Path, url: str, omitted: list[str], log: Path) -> None:
    """Make a repository a partial clone of ``url`` that leaves out some paths (git-sparse-checkout(1), non-cone)."""
    for setting, value in (
        ("remote.origin.url", url),
        ("remote.origin.promisor", "true"),
        ("remote.origin.partialclonefilter", "blob:none"),
        ("core.repositoryformatversion", "1"),
        ("extensions.partialclone", "origin"),
        ("core.autocrlf", "false"),
        ("core.fileMode", "true"),
        ("gc.auto", "0"),
        ("maintenance.auto", "false"),
    ):
        git(folder, "config", setting, value, log=log)
    if omitted:
        git(folder, "sparse-checkout", "set", "--no-cone", "/*", *(f"!{path}" for path in omitted), log=log)


def check_tag(name: str, tag: str, commit: str, listing: str) -> None:
    """Raise TagMovedError unless ``git ls-remote``'s listing has the tag at the commit (peeled, if it is annotated)."""
    rows = [line.split("\t") for line in listing.splitlines() if "\trefs/tags/" in line]
    by_ref = {ref: found for found, ref in rows}
    found = by_ref.get(f"refs/tags/{tag}^{{}}") or by_ref.get(f"refs/tags/{tag}")
    if found is None:
        raise TagMovedError(name, tag, commit, "no such tag")
    if found != commit:
        raise TagMovedError(name, tag, commit, found)


def _retrying(context: Context, action: Callable[[], str]) -> str:
    return retrying(action, trouble=is_network_trouble, note=context.note)


def _finish(work: Path, revision: str, store: Path, context: Context) -> None:
    """Make the repository inside ``work`` the store, whole."""
    repository = work / ".git"
    commit = git(work, "rev-parse", f"{revision}^{{commit}}", log=context.log).strip()
    (repository / _WHOLE).write_text(commit + "\n", encoding="ascii")
    for name in ("index", "logs", "hooks", "FETCH_HEAD", "ORIG_HEAD"):
        files.remove(repository / name)
    store.parent.mkdir(parents=True, exist_ok=True)
    files.remove(store)
    repository.replace(store)
