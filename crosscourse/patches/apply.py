"""Patches as commits: with a fixed identity and date, so that the patched commit is the same everywhere."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from crosscourse.errors import CrosscourseError, DiskFullError
from crosscourse.git.command import commit_environment, git
from crosscourse.patches.states import APPLIED, FAILED, UPSTREAM
from crosscourse.run import process

if TYPE_CHECKING:
    from crosscourse.engine.places import Places

# Git in the repository that is patched, with an index of its own.
_Git = Callable[..., str]


class PatchError(CrosscourseError):
    """A patch that does not apply: which hunk, and what upstream has there now.

    ``outcomes``: what became of the patches up to this one, and of itself.
    """

    def __init__(self, patch: str, found: str, outcomes: dict[str, str]) -> None:
        self.outcomes = outcomes
        super().__init__(
            f"vendor-patches/{patch}",
            found,
            "Refresh the patch for this version of the source, "
            "or take it out of the manifest if it is no longer needed.",
        )


def commit_patches(
    folder: Path, base: str, patches: Mapping[str, Path], at: Places, *, source: str, date: int
) -> tuple[str, dict[str, str]]:
    """Commit each patch on ``base``, in a separate index, so that no file is touched before all of them apply.

    ``patches``: the files by name, in order. ``source``: what is patched, for messages; ``date``: of each commit, in
    seconds since 1970. Returns the last commit, and of each patch whether it was ``applied`` or is ``already
    upstream``. Raises PatchError for one that is neither.
    """
    environment = commit_environment(date, GIT_INDEX_FILE=str(at.scratch / "index"))
    call = functools.partial(git, folder, log=at.log, env=environment)
    call("read-tree", base)
    commit = base
    outcomes: dict[str, str] = {}
    for name, path in patches.items():
        at.status(f"applying {name}")
        if _applies(call, path):
            call("apply", "--cached", "--whitespace=nowarn", path)
            tree = call("write-tree", "--missing-ok").strip()
            commit = call("commit-tree", tree, "-p", commit, "-m", f"vendor patch {name}").strip()
            outcomes[name] = APPLIED
        elif _applies(call, path, "--reverse"):
            outcomes[name] = UPSTREAM
            at.write_log(f"{name} is already in {source}: it can go")
        else:
            raise PatchError(name, _why_not(call, path, commit), outcomes | {name: FAILED})
    return commit, outcomes


def _applies(call: _Git, path: Path, *more: str) -> bool:
    try:
        call("apply", "--cached", "--check", *more, path)
    except DiskFullError:
        raise
    except process.CommandError:
        return False
    return True


def _why_not(call: _Git, path: Path, commit: str) -> str:
    """Ask git again which hunk fails, and read what the source has at that place."""
    try:
        call("apply", "--cached", "--check", "--verbose", path)
        said = ""
    except process.CommandError as error:
        said = error.tail
    failed = re.search(r"patch failed: (.+):(\d+)$", said, re.MULTILINE)
    if failed:
        file, line = failed.group(1), int(failed.group(2))
        return f"the hunk for {file} at line {line} does not apply. There now:\n" + _excerpt(call, commit, file, line)
    if missing := re.search(r"error: (.+): does not exist in index", said):
        return f"it changes {missing.group(1)}, which upstream no longer has"
    if "corrupt patch" in said or "No valid patches" in said or "unrecognized input" in said:
        return f"is not a patch that git can read:\n{said}"
    return f"does not apply. git says:\n{said}"


def _excerpt(call: _Git, commit: str, file: str, line: int, around: int = 4) -> str:
    try:
        text = call("show", f"{commit}:{file}").splitlines()
    except process.CommandError:
        return f"  (no {file})"
    first = max(line - 1, 0)
    rows = list(enumerate(text, 1))[first : first + 2 * around]
    return (
        "\n".join(f"  {number:>5}  {content}" for number, content in rows) or f"  (the file has only {len(text)} lines)"
    )
