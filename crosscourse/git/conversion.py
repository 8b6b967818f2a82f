"""Whether the files of a checkout may hold other bytes than its commit, though git calls them unchanged.

git writes a checkout as the configuration of whoever makes it says: with other line ends, or through a filter. From
then on it goes by the times of the files. Ours are made without any of that; a folder of a person's own is not.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from crosscourse.git.checkout import mark_file
from crosscourse.run.environment import base_environment

_KEYS = r"^(core\.(autocrlf|eol|attributesfile)|filter\..*\.(smudge|process))$"


def converts(folder: Path, git: str) -> bool:
    """Whether a checkout may have been written with conversions. ``git``: the program.

    What upstream's own .gitattributes says about line ends is the same for everybody, and is none.
    """
    if _says(folder / ".git" / "info" / "attributes"):
        return True
    if mark_file(folder).exists():
        return False
    settings = _settings(folder, [git, "config", "-z", "--get-regexp", _KEYS])
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path(os.environ.get("HOME", "/"), ".config"))
    attributes = Path(settings.get("core.attributesfile") or home / "git" / "attributes").expanduser()
    has_filters = any(key.startswith("filter.") for key in settings)
    return (
        settings.get("core.autocrlf", "").lower() in ("true", "yes", "on", "1")
        or settings.get("core.eol", "").lower() == "crlf"
        or _says(attributes)
        or (has_filters and "filter=" in _text(folder / ".gitattributes"))
    )


def _settings(folder: Path, argv: Sequence[str]) -> dict[str, str]:
    """The person's settings, as their own git in this folder sees them; none if it can't tell."""
    done = subprocess.run(argv, cwd=folder, env=base_environment(), capture_output=True, check=False)
    rows = (row.partition("\n") for row in os.fsdecode(done.stdout).split("\0") if row)
    return {key: value if given else "true" for key, given, value in rows}


def _says(path: Path) -> bool:
    return any(line.strip() and not line.startswith("#") for line in _text(path).splitlines())


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    except OSError:
        return ""
