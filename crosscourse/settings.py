"""A person's own settings: the untracked file ``crosscourse.toml`` and the variables of the command line.

The file may say: ``release``, ``target``, ``cache`` (a folder), ``cache-size`` (of the result cache, ``"10 GB"``),
``jobs`` (a number), ``debian`` (the URL of a Debian mirror), ``[override]`` (source → folder of one's own) and
``[omit]`` (source → paths that one's mirror lacks).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec

from crosscourse.errors import CrosscourseError, ManifestError, UnknownNameError

FILE = "crosscourse.toml"
REMEDY = "README.md explains every key, under Settings."
# Of the result cache: what it is kept within.
SIZE = r"^\s*\d+(\.\d+)?\s*[MGT]B\s*$"
DEFAULT_CACHE_SIZE = "10 GB"
VARIABLES = ("release", "target", "override", "cache", "jobs")


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person chose; None where nothing was said."""

    release: str | None = None
    target: str | None = None
    cache: str | None = None
    jobs: Annotated[int, msgspec.Meta(ge=1)] | None = None
    debian: str | None = None
    cache_size: Annotated[str, msgspec.Meta(pattern=SIZE, description="a size such as '10 GB'")] | None = msgspec.field(
        name="cache-size", default=None
    )
    override: dict[str, str] = {}
    omit: dict[str, list[str]] = {}


class Chosen(Settings, frozen=True, kw_only=True):
    """Settings with what the command line says over them. ``typed``: sources whose override stands there."""

    typed: list[str] = []

    @property
    def cache_bytes(self) -> int:
        """What the result cache is kept within, in bytes."""
        number, unit = re.findall(r"[\d.]+|[MGT]B", self.cache_size or DEFAULT_CACHE_SIZE)
        return int(float(number) * {"MB": 10**6, "GB": 10**9, "TB": 10**12}[unit])


def read_settings(root: Path, variables: Mapping[str, str]) -> Chosen:
    """Settings of ``root``'s file, overruled by ``variables`` (``name=value`` of the command line).

    Relative folders in the file are relative to it, those of the command line to the folder that it was typed in.
    Raises ManifestError (a malformed file), UnknownNameError (an unknown variable), CrosscourseError.
    """
    for name in variables:
        if name not in VARIABLES:
            raise UnknownNameError("variable", name, VARIABLES)
    settings = _read_file(root)
    override = {name: str((root / Path(path).expanduser()).resolve()) for name, path in settings.override.items()}
    typed = _parse_override(variables.get("override", ""))
    override |= typed
    for name, path in override.items():
        if not Path(path).is_dir():
            raise CrosscourseError(
                f"override of source '{name}'", f"there is no folder {path}", "Name a folder that exists."
            )
    return Chosen(
        release=variables.get("release", settings.release),
        target=variables.get("target", settings.target),
        cache=_typed_path(variables["cache"]) if "cache" in variables else settings.cache,
        jobs=_typed_jobs(variables["jobs"]) if "jobs" in variables else settings.jobs,
        debian=settings.debian,
        cache_size=settings.cache_size,
        override=override,
        typed=list(typed),
        omit=settings.omit,
    )


def _read_file(root: Path) -> Settings:
    import msgspec.toml

    from crosscourse.manifest import problems as manifest_check

    path = root / FILE
    try:
        data = msgspec.toml.decode(path.read_bytes())
    except FileNotFoundError:
        return Settings()
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        raise ManifestError(str(path), [f"not valid TOML: {error}"], REMEDY) from None
    problems = manifest_check.type_problems(data, Settings)
    if problems:
        raise ManifestError(str(path), problems, REMEDY)
    return msgspec.convert(data, Settings)


def _typed_path(text: str) -> str:
    """A path of the command line, relative to the folder that it was typed in."""
    here = Path(os.environ.get("CROSSCOURSE_CWD") or Path.cwd())
    return str((here / Path(text).expanduser()).resolve())


def _typed_jobs(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise CrosscourseError(f"jobs={text}", "expected a whole number, 1 or more")
    return int(text)


def _parse_override(text: str) -> dict[str, str]:
    """``name=path[,name=path...]`` of the command line."""
    pairs: dict[str, str] = {}
    for part in filter(None, text.split(",")):
        name, separator, path = part.partition("=")
        if not separator or not path:
            raise CrosscourseError(
                f"override={text}",
                "expected SOURCE=FOLDER",
                "For example: ./doit override=concourse=../concourse build",
            )
        pairs[name] = _typed_path(path)
    return pairs
