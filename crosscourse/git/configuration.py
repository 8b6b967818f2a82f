"""The configuration that git has here: one of our own, and of the person's only what says how upstream is reached.

Whatever else a person, a machine's administrator or a hook that calls us has set up (line ends, filters, attributes,
ignored files, templates, hooks, signatures) could change the bytes of a checkout, or hide that they changed.
A person's own git commands in a checkout are none of these calls.
"""

from __future__ import annotations

import functools
import os
import re
import subprocess
from collections.abc import Sequence

from crosscourse.errors import CrosscourseError
from crosscourse.run.environment import base_environment

# They count for more than a checkout's own configuration, which a person may edit. https://git-scm.com/docs/git-config
_OURS = (
    # What git takes from other files, and whom it starts.
    ("core.hooksPath", os.devnull),
    ("core.attributesFile", os.devnull),
    ("core.excludesFile", os.devnull),
    ("core.fsmonitor", "false"),
    # A file is what it holds: no other line ends, modes and links as they are.
    ("core.autocrlf", "false"),
    ("core.eol", "lf"),
    ("core.symlinks", "true"),
    ("core.fileMode", "true"),
    ("core.ignoreCase", "false"),
    # A file changed if the kernel says anything else of it than before.
    ("core.trustctime", "true"),
    ("core.checkStat", "default"),
    ("sparse.expectFilesOutsideOfPatterns", "false"),
    # What is fetched becomes a pack, however small; and nothing is tidied up meanwhile.
    ("fetch.unpackLimit", "1"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
)

# Unless the person says otherwise: who is silent for so long (bytes a second, seconds) is taken for gone.
_PATIENCE = (("http.lowSpeedLimit", "1"), ("http.lowSpeedTime", "120"))

# How upstream is reached, and whom git may believe on the way. uploadpack: a mirror in a folder answers by it.
_ACCESS = re.compile(
    r"url\..*\.(?:insteadof|pushinsteadof)"
    r"|(?:http|credential|protocol|uploadpack)\..*"
    r"|ssh\.variant"
    r"|safe\.(?:directory|barerepository)"
    r"|core\.(?:sshcommand|gitproxy|askpass)",
    re.DOTALL,
)
# What a git reads that answers for a repository in a folder.
_SERVED = ("uploadpack.", "safe.")
# What helpers that know passwords are reached by.
_HELPERS = ("DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "XDG_CACHE_HOME")


def alone() -> dict[str, str]:
    """The environment of a git that only looks at a folder: nothing of any configuration but the folder's own."""
    return _environment(_OURS)


def reaching() -> dict[str, str]:
    """The environment of a git that may ask upstream too. Asks git for the person's configuration, once a run.

    It is passed on by variables and not by a file, as a setting may be a password; but for what a mirror in a folder
    answers by: git takes variables from the one that it starts there. Raises CrosscourseError if git can't read it.
    """
    helpers = {name: os.environ[name] for name in _HELPERS if name in os.environ}
    found = access(_configured(tuple(sorted(base_environment().items()))))
    served = tuple((key, value) for key, value in found if key.startswith(_SERVED))
    return {**helpers, **_environment((*_PATIENCE, *found, *_OURS)), "GIT_CONFIG_GLOBAL": _file(served)}


@functools.cache
def _file(settings: tuple[tuple[str, str], ...]) -> str:
    """A file of git's configuration that lasts as long as this process, and is on no disk."""
    if not settings:
        return os.devnull
    text = ""
    for key, value in settings:
        section, _, name = key.rpartition(".")
        quoted = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        text += f'[{section}]\n\t{name} = "{quoted}"\n'
    file = os.memfd_create("gitconfig")
    os.write(file, os.fsencode(text))
    return f"/proc/{os.getpid()}/fd/{file}"


def _environment(settings: Sequence[tuple[str, str]]) -> dict[str, str]:
    rows: dict[str, str] = {}
    for number, (key, value) in enumerate(settings):
        rows[f"GIT_CONFIG_KEY_{number}"], rows[f"GIT_CONFIG_VALUE_{number}"] = key, value
    return {
        **{name: value for name, value in base_environment().items() if not name.startswith("GIT_CONFIG")},
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_COUNT": str(len(settings)),
        **rows,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TEMPLATE_DIR": "",
        "GIT_DEFAULT_HASH": "sha1",
        "GIT_DEFAULT_REF_FORMAT": "files",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_PAGER": "cat",
        "GIT_EDITOR": "false",
        "GIT_ADVICE": "0",
    }


def access(listing: str) -> list[tuple[str, str]]:
    """The settings that say how upstream is reached, in order.

    ``listing``: what ``git config --list --show-scope -z`` prints. What belongs to a repository is left out: it is that
    of the folder where somebody happens to be.
    """
    words = listing.split("\0")
    found = []
    for scope, setting in zip(words[::2], words[1::2], strict=False):
        key, given, value = setting.partition("\n")
        if scope not in ("local", "worktree") and _ACCESS.fullmatch(key):
            found.append((key, value if given else "true"))
    return found


@functools.cache
def _configured(environment: tuple[tuple[str, str], ...]) -> str:
    try:
        done = subprocess.run(
            ["git", "config", "--list", "--show-scope", "-z"],
            capture_output=True,
            check=False,
            cwd="/",
            env=dict(environment),
        )
    except FileNotFoundError:
        return ""  # whoever calls git next says so
    if done.returncode:
        raise CrosscourseError(
            "git",
            f"can't read your configuration. It says:\n{done.stderr.decode(errors='replace').strip()}",
            "Correct the file that it names.",
        )
    return os.fsdecode(done.stdout)
