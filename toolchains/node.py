"""Node.js as this project calls it, npm to fetch packages, and Yarn to install those that a lock file names.

Nothing of the user's but how the registry is reached: what npm's own configuration says (``~/.npmrc``, variables
``NPM_CONFIG_…``) counts for Yarn too, which would ask another registry by default. No script of a package is run.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from crosscourse import files
from crosscourse.errors import CrosscourseError
from crosscourse.run.environment import base_environment
from crosscourse.run.network import is_network_trouble
from crosscourse.run.process import CommandError
from crosscourse.run.retry import retrying

if TYPE_CHECKING:
    from crosscourse.engine.places import Places

# Of npm's configuration (https://docs.npmjs.com/cli/configuring-npm) what says how a registry is reached, and with
# which certificates; of Yarn's (https://yarnpkg.com/configuration/yarnrc) what npm does not tell: a password.
_ACCESS = (
    "registry", "cafile", "ca", "cert", "key", "proxy", "https_proxy", "noproxy", "strict_ssl", "userconfig",
    "globalconfig",
)  # fmt: skip
_YARN = ("YARN_NPM_AUTH_TOKEN", "YARN_NPM_AUTH_IDENT", "YARN_NPM_ALWAYS_AUTH")
# https://yarnpkg.com/advanced/error-codes, YN0018: "│ @scope/name@npm:1.2.3: The remote archive doesn't match ..."
_MISMATCH = re.compile(r"YN0018: [^\w@]*(@?[\w./-]+)@npm:([^\s:]+): ")
# Nobody listens there: what asks a proxy for the network is told at once that there is none.
_NOWHERE = "http://127.0.0.1:9"


class RegistryError(CrosscourseError):
    """The registry of npm can't be reached."""

    def __init__(self, registry: str, printed: str) -> None:
        super().__init__(
            f"packages of npm from {registry}",
            f"can't be fetched\n{printed}",
            "Check the network, then run the same command again: what arrived is kept. Another registry is asked\n"
            "where npm's configuration names it: npm config set registry URL, or NPM_CONFIG_REGISTRY.",
        )


def npm(node: Path) -> list[Path]:
    """The command of the npm that comes with a Node.js. ``node``: its program."""
    return [node, node.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"]


def reaching(node: Path) -> dict[str, str]:
    """The environment of programs that ask a registry, with the user's own HOME for ``~/.npmrc``."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name.lower().removeprefix("npm_config_") in _ACCESS and name.lower().startswith("npm_config_")
    }
    for name in ("NODE_EXTRA_CA_CERTS", *_YARN):
        if name in os.environ:
            kept[name] = os.environ[name]
    return {
        **base_environment([node.parent]),
        # As git, pip and Go do: the certificates of the system, beside those that it brings.
        "NODE_USE_SYSTEM_CA": "1",
        "NPM_CONFIG_UPDATE_NOTIFIER": "false",
        **kept,
    }


def install(at: Places, *, node: Path, yarn: Path, folder: Path, home: Path) -> None:
    """Make ``node_modules`` in ``folder`` as its ``yarn.lock`` says, of packages that the cache folder keeps.

    Yarn checks each package against the lock file, and changes nothing of that. One that was damaged in the cache
    folder is fetched again, which is reported. ``home``: an empty folder. Raises RegistryError, CommandError.
    """
    at.status("asking where packages come from")
    registry = at.ask([*npm(node), "config", "get", "registry"], env=reaching(node)).split()[-1]
    env = {**reaching(node), **_yarn(at.caches, home), "YARN_NPM_REGISTRY_SERVER": registry.rstrip("/")}
    for name, value in base_environment().items():
        if name.lower() in ("http_proxy", "https_proxy"):
            env[f"YARN_{name.upper()}"] = value
    what = "fetching packages"
    at.status(what)
    command: list[str | Path] = [node, yarn, "install", "--immutable"]

    def fetch() -> str:
        return retrying(lambda: at.run(command, env=env, cwd=folder), status=at.status, what=what)

    try:
        fetch()
    except CommandError as error:
        if is_network_trouble(error.tail):
            raise RegistryError(registry, error.tail) from None
        damaged = _discard_mismatches(error.tail, at.caches)
        if not damaged:
            raise
        at.report(f"damaged in the cache folder, and fetched again: {', '.join(damaged)}")
        fetch()


def _discard_mismatches(said: str, caches: Path) -> list[str]:
    """Remove from the cache what Yarn said has another checksum than the lock file has; returns the packages.

    It takes what it has for what a registry sent. What a registry did send so is not kept, and fails again.
    """
    found = []
    for name, version in _MISMATCH.findall(said):
        kept = list((caches / "yarn").glob(f"{name.replace('/', '-')}-npm-{version}-*.zip"))
        for path in kept:
            files.discard(path)
        found += [f"{name} {version}"] if kept else []
    return found


def alone(node: Path, *, caches: Path, home: Path, programs: Sequence[Path] = (), **more: str) -> dict[str, str]:
    """The environment of programs that have no network. ``programs``: folders of others that they call by name."""
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), _NOWHERE)
    base = base_environment([node.parent, *programs])
    kept = {name: base[name] for name in ("PATH", "LC_ALL", "TZ")}
    return {**kept, **proxies, **_yarn(caches, home), "YARN_ENABLE_NETWORK": "0", **more}


def _yarn(caches: Path, home: Path) -> Mapping[str, str]:
    """What Yarn is told: a cache of ours; no scripts, no other Yarn that a project may name, no reports."""
    return {
        "HOME": str(home),
        "YARN_CACHE_FOLDER": str(caches / "yarn"),
        "YARN_GLOBAL_FOLDER": str(home / "yarn"),
        "YARN_ENABLE_GLOBAL_CACHE": "0",
        "YARN_ENABLE_SCRIPTS": "0",
        "YARN_ENABLE_TELEMETRY": "0",
        "YARN_ENABLE_COLORS": "0",
        "YARN_ENABLE_PROGRESS_BARS": "0",
        "YARN_IGNORE_PATH": "1",
    }


_ALONE = ("unshare", "--map-root-user", "--net")


@cache
def _namespaces() -> bool:
    """Whether this user may have a network of his own (network_namespaces(7)), which is none."""
    try:
        return subprocess.run([*_ALONE, "true"], capture_output=True, check=False, timeout=30).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def offline(command: Sequence[str | Path]) -> list[str]:
    """A command without a network, where the kernel lets users have that; else it is on its honour (``alone``)."""
    return [*(_ALONE if _namespaces() else ()), *map(str, command)]
