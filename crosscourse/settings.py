"""A person's own settings: the untracked file ``crosscourse.toml`` and the variables of the command line.

The file may say: ``release``, ``target``, ``cache`` (a folder), ``cache-size`` (of the result cache, ``"10 GB"``),
``jobs`` (a number), ``machine`` (what ``boot`` runs in, ``"qemu"`` or ``"native"``), ``toolchain`` (the C compiler) and
``[compiler.TARGET]`` (one of one's own), ``linking`` (of programs with C, ``"static"`` or ``"dynamic"``), ``debian``
(the URL of a Debian mirror), ``debian-archives`` (URLs and folders that have old versions of its packages),
``[override]`` (source → folder of one's own) and ``[omit]`` (source → paths that one's mirror lacks), ``[artifacts]``
(artifact → whether it is made).
On the command line that is ``NAME=yes`` or ``NAME=no``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import msgspec

from crosscourse.errors import CrosscourseError, ManifestError, UnknownNameError
from crosscourse.manifest.model import OwnCompiler
from crosscourse.manifest.types import Linking, Name

FILE = "crosscourse.toml"
REMEDY = "README.md explains every key, under Settings."
# Of the result cache: what it is kept within.
SIZE = r"^\s*\d{1,6}(\.\d{1,6})?\s*[MGT]B\s*$"
DEFAULT_CACHE_SIZE = "10 GB"
_YES_NO = {"yes": True, "no": False}
VARIABLES = ("release", "target", "override", "cache", "jobs", "machine", "toolchain", "linking")
MachineKind = Literal["qemu", "native"]
MACHINES: tuple[MachineKind, ...] = ("qemu", "native")
LINKINGS: tuple[Linking, ...] = ("static", "dynamic")
AChoice = TypeVar("AChoice", bound=str)
# More than any machine has; a number that programs take.
MOST = 1000
# Variables of the environment: those that a person sets, with what they may be, and those that parts of us set for
# others ("" for anything).
ENVIRONMENT = {
    "RETRIES": r"[1-9]\d?",
    "PROGRESS": "plain|live|",
    "TRACEBACK": "",
    "SETUP_ONLY": "",
    "CWD": "",
    "DAMAGED": "",
}
_MEANING = {"RETRIES": "a whole number, 1 to 99", "PROGRESS": "'plain' or 'live'"}
_PREFIX = "CROSSCOURSE_"


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person chose; None where nothing was said."""

    release: str | None = None
    target: str | None = None
    cache: str | None = None
    jobs: Annotated[int, msgspec.Meta(ge=1, le=MOST)] | None = None
    machine: MachineKind | None = None
    toolchain: Name | None = None
    linking: Linking | None = None
    compiler: dict[Name, OwnCompiler] = {}
    debian: str | None = None
    debian_archives: list[str] = msgspec.field(name="debian-archives", default_factory=list)
    cache_size: Annotated[str, msgspec.Meta(pattern=SIZE, description="a size such as '10 GB'")] | None = msgspec.field(
        name="cache-size", default=None
    )
    override: dict[str, str] = {}
    omit: dict[str, list[str]] = {}
    artifacts: dict[str, bool] = {}


class Chosen(Settings, frozen=True, kw_only=True):
    """Settings with what the command line says over them. ``typed``: sources whose override stands there;
    ``typed_artifacts``: artifacts that it says yes or no to. ``named``: paths as a person named them, made absolute,
    of which the resolved ones are used."""

    typed: list[str] = []
    typed_artifacts: list[str] = []
    named: list[str] = []

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
        if name not in VARIABLES and variables[name] not in _YES_NO:
            raise UnknownNameError("variable", name, VARIABLES)
        if not variables[name]:
            raise CrosscourseError(f"{name}=", "nothing is said behind it", "Leave it out, or say what is meant.")
    check_environment(os.environ)
    settings = _read_file(root)
    said = {name: _YES_NO[value] for name, value in variables.items() if name not in VARIABLES}
    named: list[str] = []
    override = {
        name: _path(path, root, f"override of source '{name}'", named) for name, path in settings.override.items()
    }
    typed = _parse_override(variables.get("override", ""), named)
    override |= typed
    for name, path in override.items():
        if not Path(path).is_dir():
            raise CrosscourseError(
                f"override of source '{name}'", f"there is no folder {path}", "Name a folder that exists."
            )
    return Chosen(
        release=variables.get("release", settings.release),
        target=variables.get("target", settings.target),
        cache=_cache(root, settings, variables, named),
        jobs=_typed_jobs(variables["jobs"]) if "jobs" in variables else settings.jobs,
        machine=_one_of("machine", variables["machine"], MACHINES) if "machine" in variables else settings.machine,
        toolchain=variables.get("toolchain", settings.toolchain),
        linking=_one_of("linking", variables["linking"], LINKINGS) if "linking" in variables else settings.linking,
        compiler=settings.compiler,
        debian=settings.debian,
        debian_archives=settings.debian_archives,
        cache_size=settings.cache_size,
        override=override,
        typed=list(typed),
        omit=settings.omit,
        artifacts=settings.artifacts | said,
        typed_artifacts=list(said),
        named=named,
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


def check_environment(environment: Mapping[str, str]) -> None:
    """Whether our variables of the environment are known ones, and say something that can be meant.

    Raises UnknownNameError, CrosscourseError.
    """
    for name, value in environment.items():
        if name.startswith(_PREFIX):
            ours = name[len(_PREFIX) :]
            if ours not in ENVIRONMENT:
                raise UnknownNameError("variable of the environment", name, [_PREFIX + known for known in ENVIRONMENT])
            if ENVIRONMENT[ours] and not re.fullmatch(ENVIRONMENT[ours], value):
                raise CrosscourseError(f"{name}={value}", f"expected {_MEANING[ours]}", f"Or: unset {name}")


def _cache(root: Path, settings: Settings, variables: Mapping[str, str], named: list[str]) -> str | None:
    """The cache folder that was chosen, absolute; None if none was."""
    if "cache" in variables:
        return _typed_path(variables["cache"], f"cache={variables['cache']}", named)
    if settings.cache is None:
        return None
    if not settings.cache:
        raise ManifestError(str(root / FILE), ["cache: names no folder"], REMEDY)
    return _path(settings.cache, root, f"cache of {FILE}", named)


def _typed_path(text: str, subject: str, named: list[str]) -> str:
    """A path of the command line, relative to the folder that it was typed in."""
    return _path(text, Path(os.environ.get("CROSSCOURSE_CWD") or Path.cwd()), subject, named)


def _path(text: str, folder: Path, subject: str, named: list[str]) -> str:
    """A path, resolved; as it was named, it is added to ``named``.

    ``folder``: what it is relative to. ``subject``: what an error is said to concern.
    """
    try:
        path = folder / Path(text).expanduser()
        named.append(str(path))
        return str(path.resolve())
    except (RuntimeError, ValueError, OSError) as error:  # no such user, a zero byte, a loop of links
        said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise CrosscourseError(subject, f"{text!r} is no path: {said}", "Write the whole path, without ~.") from None


def _typed_jobs(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,4}", text) or not 1 <= int(text) <= MOST:
        raise CrosscourseError(f"jobs={text}", f"expected a whole number, 1 to {MOST}")
    return int(text)


def _one_of(variable: str, text: str, choices: tuple[AChoice, ...]) -> AChoice:
    for choice in choices:
        if choice == text:
            return choice
    raise UnknownNameError(variable, text, choices)


def _parse_override(text: str, named: list[str]) -> dict[str, str]:
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
        pairs[name] = _typed_path(path, f"override of source '{name}'", named)
    return pairs
