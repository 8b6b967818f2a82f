"""Who a person's own compilers are, in their own words. No work may import this: it looks at the machine.

It is asked once, when the steps are declared, and what was answered is handed to them as data.
"""

from __future__ import annotations

import shutil
import subprocess
from functools import cache

import msgspec

from crosscourse.engine.idle.seen import DECLARED
from crosscourse.manifest.model import CSettings, Manifest
from toolchains.c import path
from toolchains.c.path import Asked


def asked(manifest: Manifest) -> Manifest:
    """The manifest with what each compiler of a person's own says of itself, if it is made by them."""
    return msgspec.structs.replace(manifest, c=asked_of(manifest.c))


def asked_of(settings: CSettings) -> CSettings:
    """The same, of its settings for C."""
    if settings.compiler != path.NAME:
        return settings
    own = {
        target: Asked(**{**msgspec.structs.asdict(compiler), "identity": identity(compiler.prefix)})
        for target, compiler in settings.own.items()
    }
    return msgspec.structs.replace(settings, own=own)


def identity(prefix: str) -> str:
    """What the compiler with this prefix says of itself: its version and how it was made. Empty if it is not there."""
    name = f"{prefix}gcc"
    DECLARED.more(name)  # it may be a script, or one of many files that decide what it says: nobody but itself can tell
    found = shutil.which(name)
    return _said(found) if found else ""


@cache
def _said(program: str) -> str:
    """Of ``gcc -v``, without the line that tells its wrapper's environment."""
    done = subprocess.run([program, "-v"], capture_output=True, text=True, check=False, env={"LC_ALL": "C"})
    return "\n".join(line for line in done.stderr.splitlines() if not line.startswith("COLLECT_"))
