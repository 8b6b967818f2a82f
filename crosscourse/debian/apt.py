"""Debian packages for another architecture: the machine's own apt, with a private root, resolves, fetches, checks.

apt checks the archive's signature and each package's hash (apt-secure(8)). Nothing is installed.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from crosscourse import files
from crosscourse.errors import CrosscourseError
from crosscourse.manifest.locks import Wanted
from crosscourse.run import process
from crosscourse.run.environment import base_environment
from crosscourse.run.retry import retrying

if TYPE_CHECKING:
    from crosscourse.engine.places import Places

KEYRINGS = (
    Path("/usr/share/keyrings/debian-archive-keyring.gpg"),
    Path("/usr/share/keyrings/debian-archive-keyring.pgp"),
)


class DebianError(CrosscourseError):
    """Packages that can't be had."""


def find_mirror(chosen: str | None, at: Places) -> str:
    """The URL of a Debian archive: ``chosen`` (the user's setting), else the one that this machine's apt uses.

    Raises DebianError if the machine has none.
    """
    if chosen:
        return chosen
    fields = "$(REPO_URI)|$(ORIGIN)|$(COMPONENT)|$(CREATED_BY)|$(LABEL)"
    printed = at.run(["apt-get", "indextargets", "--format", fields], env=base_environment())
    rows = [line.split("|") for line in printed.splitlines() if line.count("|") == 4]
    main = [row for row in rows if row[2] == "main" and row[3] == "Packages" and "security" not in row[0]]
    # Before the machine's first `apt-get update` its lists name no origin; then the URL has to do.
    found = [row[0] for row in main if row[1] == "Debian"] or [
        row[0] for row in main if not row[1] and row[0].rstrip("/").endswith("/debian")
    ]
    if not found:
        raise DebianError(
            "Debian mirror",
            "this machine's apt knows no Debian archive",
            'Name one in crosscourse.toml: debian = "http://MIRROR/debian"',
        )
    return found[0].rstrip("/")


def find_keyring() -> Path:
    """The public keys of Debian's archive. Raises DebianError if the machine has none."""
    for path in KEYRINGS:
        if path.is_file():
            return path
    raise DebianError(
        "Debian's archive keys",
        f"{KEYRINGS[0]} is not there",
        "Install them: sudo apt-get install debian-archive-keyring (Fedora: sudo dnf install debian-keyring)",
    )


def run(words: Sequence[str], env: dict[str, str], at: Places) -> str:
    """Run apt-get, again after network trouble; returns what it printed. Raises DebianError, CommandError."""
    try:
        return retrying(lambda: at.run(["apt-get", *words], env=env), status=at.status)
    except process.CommandError as error:
        printed = [line for line in error.tail.splitlines() if line.startswith(("E:", "W:"))]
        if any("Unable to locate package" in line or "has no installation candidate" in line for line in printed):
            raise DebianError("Debian packages", "; ".join(printed), "Check the names and the suite.") from None
        if any("not signed" in line or "NO_PUBKEY" in line or "EXPKEYSIG" in line for line in printed):
            raise DebianError(
                "Debian mirror", "; ".join(printed), "Its signature can't be checked: update debian-archive-keyring."
            ) from None
        raise


def configure(folder: Path, wanted: Wanted, mirror: str) -> Path:
    """apt's private root: nothing of the machine's own apt is read or written but how the network is reached."""
    for name in ("etc/preferences.d", "etc/apt.conf.d", "etc/trusted.gpg.d", "lists/partial", "archives/partial"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    sources = f"deb [signed-by={find_keyring()}] {mirror} {wanted.suite} main\n"
    files.write_text(folder / "etc" / "sources.list", sources)
    status = "".join(
        f"Package: {name}\nStatus: install ok installed\nVersion: 9999\nArchitecture: {wanted.architecture}\n"
        "Multi-Arch: foreign\nMaintainer: none\nDescription: taken to be there\n\n"
        for name in wanted.without
        if name not in wanted.packages
    )
    files.write_text(folder / "status", status)
    rows = {
        "Dir": f"{folder}/",
        "Dir::State": f"{folder}/",
        "Dir::State::status": str(folder / "status"),
        "Dir::State::lists": str(folder / "lists"),
        "Dir::Cache": f"{folder}/",
        "Dir::Cache::archives": str(folder / "archives"),
        "Dir::Etc": str(folder / "etc"),
        "Dir::Log": str(folder),
        "APT::Architecture": wanted.architecture,
        "APT::Install-Recommends": "false",
        # As root, apt would fetch as another user, who need not be able to write here.
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
        # What is printed of a package to fetch; else it may be MD5.
        "Acquire::ForceHash": "SHA256",
        **_proxies(),
    }
    text = "".join(f'{key} "{value}";\n' for key, value in rows.items())
    path = folder / "apt.conf"
    files.write_text(path, text + f'APT::Architectures {{ "{wanted.architecture}"; }};\n')
    return path


def _proxies() -> dict[str, str]:
    """The proxies of the machine's own apt."""
    import subprocess

    program = shutil.which("apt-config")
    if program is None:
        return {}
    printed = subprocess.run([program, "dump"], capture_output=True, text=True, check=False).stdout
    return dict(re.findall(r'^(Acquire::\w+::Proxy(?:-\S+)?) "(.+)";$', printed, re.MULTILINE))
