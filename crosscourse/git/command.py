"""Git as this project uses it: one environment for all calls, and the errors that a person can meet."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from crosscourse.errors import CrosscourseError
from crosscourse.run import process
from crosscourse.run.environment import base_environment

# Commits that we make are the same everywhere: who and when is fixed.
IDENTITY = {"name": "crosscourse", "email": "crosscourse@localhost"}


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
    """The environment of every git call: no prompts, no pager, no editor; the user's ``insteadOf`` is honoured."""
    return base_environment(
        GIT_TERMINAL_PROMPT="0",
        GIT_PAGER="cat",
        GIT_EDITOR="false",
        GIT_ADVICE="0",
        **more,
    )


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
    # A person's own hooks (by init.templateDir, core.hooksPath) are not for checkouts made here.
    settings = [word for setting in (f"core.hooksPath={os.devnull}", *config) for word in ("-c", setting)]
    try:
        return process.run(["git", *settings, *words], log=log, env=env or environment(), cwd=folder)
    except process.CommandError as error:
        if "was not found" in error.found:
            raise GitMissingError from None
        raise
