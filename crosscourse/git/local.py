"""Local sources: a folder of this project, turned into a store with one commit on the fly."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from crosscourse import files
from crosscourse.engine.special import refuse_special
from crosscourse.errors import CrosscourseError
from crosscourse.git.command import commit_environment, git
from crosscourse.git.store import damage, move_into_place

if TYPE_CHECKING:
    from crosscourse.engine.places import Places


def is_local(url: str) -> bool:
    """Whether a source's ``url`` is a folder of this project."""
    return "://" not in url


def make_store(folder: Path, store: Path, at: Places, *, name: str, url: str, date: int) -> None:
    """Make the store of a local source: one commit, the same for the same content everywhere.

    ``name`` and ``url`` as the manifest has them, for the commit's message; ``date``: the commit's, in seconds since
    1970. Raises CrosscourseError if there is no such folder.
    """
    if not folder.is_dir():
        raise CrosscourseError(
            f"source '{name}'", f"there is no folder {folder}", f"Check source.{name}.url in the manifest."
        )
    refuse_special(folder)
    if os.path.lexists(store) and (found := damage(store)):
        at.report(f"the objects of {name} in {files.relative(store)} were damaged, and are made again: {found}")
    copy = at.scratch / "work"
    try:
        # Of a repository that the folder may be, what belongs to git is no file of the source.
        shutil.copytree(folder, copy, symlinks=True, ignore=shutil.ignore_patterns(".git"))
    except shutil.Error as error:
        path, _, found = error.args[0][0]
        raise CrosscourseError(
            files.relative(Path(path)), f"can't be copied: {found}", f"It is in the folder of source '{name}'."
        ) from None
    environment = commit_environment(date)
    for words in (
        ["init", "--quiet", "--initial-branch=main"],
        ["add", "--all", "--force"],
        ["commit", "--quiet", "--allow-empty", "--message", f"{name}: as in {url}"],
        ["repack", "-adq"],
    ):
        git(copy, *words, log=at.log, env=environment)
    move_into_place(copy, "HEAD", store, log=at.log)
