"""A repository of Debian packages as a folder, which apt can be pointed at wherever it lies: a stick, a web server.

Its format: https://wiki.debian.org/DebianRepository/Format. What is there already stays, so that it can grow by
releases; the indexes are made anew of all packages that are there. They depend on these and on the date alone.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path

from crosscourse import files
from crosscourse.errors import CrosscourseError

SUITE, COMPONENT = "stable", "main"
KEY = "repository.asc"


class RepositoryError(CrosscourseError):
    """A package that can't be read, or that says nothing of itself."""


@dataclass(frozen=True, kw_only=True)
class Signer:
    """Who signs: the key's name for gpg(1), the log of what gpg says, its environment."""

    key: str
    log: Path
    env: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A package in the repository: its paragraph in the index, ready to be written."""

    name: str
    version: str
    architecture: str
    paragraph: str


def write(
    folder: Path, packages: Iterable[Path], *, origin: str, epoch: int, signer: Signer | None = None
) -> list[Listed]:
    """Put packages into the repository in ``folder``, which is made if it is not there. Returns all that it has then.

    ``origin``: who it says it is of. ``epoch``: its date, in seconds since 1970. Raises RepositoryError, CommandError.
    """
    for package in packages:
        name = _control(package)["Package"]
        place = folder / "pool" / COMPONENT / name[0] / name / package.name
        with files.replacing(place, mode=0o644) as partial:
            shutil.copyfile(package, partial)
    found = [_listed(path, folder) for path in sorted(folder.glob(f"pool/{COMPONENT}/*/*/*.deb"))]
    suite = folder / "dists" / SUITE
    for architecture in sorted({one.architecture for one in found}):
        rows = [one.paragraph for one in found if one.architecture == architecture]
        _write_index(suite / COMPONENT / f"binary-{architecture}" / "Packages", "\n".join(rows))
    release = _release(suite, found, origin, epoch)
    # What was signed before is not what is there from now on.
    for old in ("InRelease", "Release.gpg"):
        files.remove(suite / old)
    files.write_text(suite / "Release", release)
    if signer:
        _sign(suite, folder, signer)
    return found


def source_line(folder: Path, *, signed: bool) -> str:
    """What a machine that can read the folder is told (sources.list(5))."""
    how = f"signed-by={folder / KEY}" if signed else "trusted=yes"
    return f"deb [{how}] file:{folder} {SUITE} {COMPONENT}"


def _control(package: Path) -> Mapping[str, str]:
    """What a package says of itself (deb-control(5))."""
    from debian.arfile import ArError
    from debian.debfile import DebError, DebFile

    try:
        with DebFile(str(package)) as opened:
            control: Mapping[str, str] = opened.debcontrol()
    except (ArError, DebError, OSError, ValueError) as error:
        raise RepositoryError(str(package), f"is no Debian package: {error}") from None
    for key in ("Package", "Version", "Architecture"):
        if not control.get(key):
            raise RepositoryError(str(package), f"has no {key}")
    return control


def _listed(package: Path, folder: Path) -> Listed:
    control = dict(_control(package))
    control["Filename"] = package.relative_to(folder).as_posix()
    control["Size"] = str(package.stat().st_size)
    control["SHA256"] = files.digest(package)
    return Listed(
        name=control["Package"],
        version=control["Version"],
        architecture=control["Architecture"],
        paragraph="".join(f"{key}: {value}\n" for key, value in control.items()),
    )


def _write_index(path: Path, text: str) -> None:
    """The index, and the same packed, as apt fetches it."""
    from crosscourse.formats.gzip import GzipWriter

    files.write_text(path, text)
    with (
        files.replacing(path.with_name("Packages.gz"), mode=0o644) as partial,
        partial.open("wb") as raw,
        GzipWriter(raw, threads=1) as packed,
    ):
        packed.write(text.encode())


def _release(suite: Path, found: list[Listed], origin: str, epoch: int) -> str:
    fields = {
        "Origin": origin,
        "Label": origin,
        "Suite": SUITE,
        "Codename": SUITE,
        "Date": formatdate(epoch, usegmt=True),
        "Architectures": " ".join(sorted({one.architecture for one in found})),
        "Components": COMPONENT,
    }
    rows = []
    for path in sorted(suite.glob(f"{COMPONENT}/binary-*/Packages*")):
        content = path.read_bytes()
        rows.append(f" {hashlib.sha256(content).hexdigest()} {len(content)} {path.relative_to(suite).as_posix()}\n")
    return "".join(f"{key}: {value}\n" for key, value in fields.items()) + "SHA256:\n" + "".join(rows)


def _sign(suite: Path, folder: Path, signer: Signer) -> None:
    """By gpg(1), which has the key: both kinds of signature that apt looks for, and the key for whoever checks it."""
    from crosscourse.run import process

    def gpg(output: Path, *words: str | Path) -> None:
        with files.replacing(output, mode=0o644) as partial:
            # Not into the file itself: gpg asks before it writes over one.
            partial.unlink(missing_ok=True)
            process.run(["gpg", "--batch", "--output", partial, *words], log=signer.log, env=signer.env)

    local = ("--local-user", signer.key, "--digest-algo", "SHA512")
    gpg(suite / "InRelease", *local, "--clearsign", suite / "Release")
    gpg(suite / "Release.gpg", *local, "--armor", "--detach-sign", suite / "Release")
    gpg(folder / KEY, "--armor", "--export", signer.key)
    if os.stat(folder / KEY).st_size == 0:  # noqa: PTH116
        raise RepositoryError(f"key {signer.key}", "gpg has no such public key")
