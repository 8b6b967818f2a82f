"""What a person has in a checkout: an edit, a new file, a stash, a branch with a commit. None of it changes a build."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.equals import state

_EDITED, _NEW = "README.md", "notes.txt"
_BRANCH = "mine"


@dataclass(frozen=True, kw_only=True)
class Work:
    """What was put into a checkout: its commits by what points at them, the contents of its files."""

    commits: dict[str, str]
    files: dict[str, bytes]


def put(checkout: Path) -> Work:
    """Put a person's work into a checkout that has none."""
    ours = state.git(checkout, "rev-parse", "HEAD").strip()
    readme = checkout / _EDITED
    text = readme.read_text()
    readme.write_text(text + "\nstashed\n")
    state.git(checkout, "stash")
    readme.write_text(text + "\ncommitted\n")
    state.git(checkout, "checkout", "--quiet", "-b", _BRANCH)
    state.git(checkout, "commit", "--quiet", "--all", "--message", "a commit of one's own")
    state.git(checkout, "checkout", "--quiet", "--detach", ours)
    readme.write_text(text + "\nedited\n")
    (checkout / _NEW).write_text("written by a person\n")
    return Work(
        commits={ref: state.git(checkout, "rev-parse", ref).strip() for ref in (f"refs/heads/{_BRANCH}", "refs/stash")},
        files={name: (checkout / name).read_bytes() for name in (_EDITED, _NEW)},
    )


def lost(checkout: Path, work: Work) -> Iterator[str]:
    """What of it is no longer there, or is something else."""
    for name, content in work.files.items():
        try:
            if (checkout / name).read_bytes() != content:
                yield f"the person's {name} is not what it was"
        except OSError:
            yield f"the person's {name} is lost"
    for ref, commit in work.commits.items():
        try:
            if state.git(checkout, "rev-parse", ref).strip() != commit:
                yield f"the person's {ref} is elsewhere"
            state.git(checkout, "cat-file", "-p", f"{commit}^{{tree}}:{_EDITED}")
        except (OSError, ValueError, subprocess.CalledProcessError):
            yield f"the person's {ref} is lost"
