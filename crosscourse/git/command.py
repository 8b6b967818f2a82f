"""Git as this project uses it: one environment for all calls, and the errors that a person can meet."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from crosscourse import files
from crosscourse.engine.special import refuse_special
from crosscourse.errors import CrosscourseError, DiskFullError
from crosscourse.git import configuration
from crosscourse.run import disk, process

# Commits that we make are the same everywhere: who and when is fixed.
IDENTITY = {"name": "crosscourse", "email": "crosscourse@localhost"}
# Seconds after which a person is told that something is being read, and a git that is silent is looked after.
PATIENCE = 5.0
_running: set[subprocess.Popen[bytes]] = set()


class UpstreamUnreachableError(CrosscourseError):
    """A repository that can't be reached. ``url`` as the manifest has it."""

    def __init__(self, url: str, printed: str) -> None:
        super().__init__(
            url,
            f"can't be reached. git says:\n{printed}",
            "Check the network and the address, then run the same command again: what arrived is kept.\n"
            "Behind a firewall, git can read a mirror in its place: git config --global url.MIRROR.insteadOf URL\n"
            "or a source can come from a folder of your own: ./doit override=NAME=FOLDER build\n"
            "The example needs no upstream at all: ./doit release=printer build verify",
        )


class GitMissingError(CrosscourseError):
    """There is no git."""

    def __init__(self) -> None:
        super().__init__("git", "was not found", "Install it: apt install git, dnf install git, apk add git, ...")


def environment(**more: str) -> dict[str, str]:
    """The environment of every git call: no prompts, pager or editor, no configuration but how upstream is reached."""
    return {**configuration.reaching(), **more}


def commit_environment(epoch: int, **more: str) -> dict[str, str]:
    """The environment of a commit that must come out the same everywhere. ``epoch``: seconds since 1970."""
    who = {f"GIT_{role}_{key.upper()}": value for role in ("AUTHOR", "COMMITTER") for key, value in IDENTITY.items()}
    # With "@", as git takes a number below 100000000 for something else (git-commit(1), "DATE FORMATS").
    when = {f"GIT_{role}_DATE": f"@{epoch} +0000" for role in ("AUTHOR", "COMMITTER")}
    return environment(**who, **when, **more)


def git(
    folder: Path,
    *words: str | Path,
    log: Path,
    env: Mapping[str, str] | None = None,
    config: Sequence[str] = (),
) -> str:
    """Run git in ``folder`` and return what it printed. ``config``: settings for this call, as ``key=value``.

    Raises GitMissingError, DiskFullError or CommandError.
    """
    settings = [word for setting in config for word in ("-c", setting)]
    try:
        return process.run(["git", *settings, *words], log=log, env=env or environment(), cwd=folder)
    except process.CommandError as error:
        if "was not found" in error.found:
            raise GitMissingError from None
        raise


def ask(folder: Path, words: Sequence[str], *, locks: bool = False) -> str:
    """What git prints of the repository in a folder, and of none around it. It asks no upstream.

    Without ``locks`` it takes none: a ``git add`` of the person meanwhile would fail on them. Raises CrosscourseError.
    """
    here = ("--git-dir=.git", "--work-tree=.")
    argv = [program(), *([] if locks else ["--no-optional-locks"]), *here, *words]
    code, out, said = _call(folder, argv, configuration.alone())
    if code:
        if full := disk.full([folder], spoken=disk.speaks_of_room(said)):
            raise DiskFullError(files.relative(folder), full)
        raise CrosscourseError(
            files.relative(folder),
            f"git can't tell its state: {said}",
            f"Look at it: git -C {files.relative(folder)} status\n"
            "If nothing in it is yours, remove the folder: what is made from an upstream is made again.",
        )
    return out


def _call(folder: Path, argv: Sequence[str], env: Mapping[str, str]) -> tuple[int, str, str]:
    """git's exit status and what it printed. By no library: it is short, and on the path of a build without work."""
    try:
        child = subprocess.Popen(argv, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)
    except FileNotFoundError:
        if not folder.is_dir():
            raise CrosscourseError(str(folder), "this folder does not exist") from None
        raise GitMissingError from None
    _running.add(child)
    with child:
        try:
            try:
                out, said = child.communicate(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                refuse_special(folder, git_too=True)  # a pipe, .gitignore or .git/index: git waits for a writer
                out, said = child.communicate()
        except BaseException:
            child.kill()
            raise
        finally:
            _running.discard(child)
    return child.returncode, os.fsdecode(out), said.decode(errors="replace").strip()


@atexit.register
def _end_readers() -> None:
    for child in list(_running):
        child.kill()


@cache
def program() -> str:
    """git's own path: one look along PATH in place of one a call."""
    return shutil.which("git") or "git"
