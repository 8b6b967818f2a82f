"""The host's side of a boot: PostgreSQL and a web node of the same release, on loopback, in a folder thrown away."""

from __future__ import annotations

import dataclasses
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from crosscourse import files
from crosscourse.run import process
from crosscourse.run.environment import base_environment
from crosscourse.run.service import Service, serving
from tasks.boot.host import ports, prerequisites
from tasks.boot.host.ports import free_port

if TYPE_CHECKING:
    from crosscourse.engine.places import Places

USER = "crosscourse"
# PostgreSQL refuses to be root; where this is root's, it runs as nobody.
_NOBODY = 65534
# Seconds that a server may take to start.
_START = 60


@dataclass(frozen=True, kw_only=True)
class Keys:
    """Files of keys for this boot alone: of the web node, and of the worker (by ``.pub``: the public half)."""

    session: Path
    host: Path
    worker: Path


@dataclass(frozen=True, kw_only=True)
class Web:
    """The web node: ``port`` of its API, ``tsa_port`` of the SSH server that workers come to; both on loopback.
    ``authorized``: the file of the keys of workers that may come.
    """

    port: int
    tsa_port: int
    password: str
    keys: Keys
    authorized: Path
    service: Service | None = None

    @property
    def url(self) -> str:
        """Where its API is."""
        return f"http://127.0.0.1:{self.port}"

    def trust(self, key: str) -> None:
        """Let workers with that public key come, from now on: it reads the file anew at SIGHUP (tsa/tsacmd)."""
        assert self.service is not None
        with self.authorized.open("a", encoding="utf-8") as stream:
            stream.write(f"{key.strip()}\n")
        os.kill(self.service.pid, signal.SIGHUP)


def make_keys(program: Path, folder: Path, at: Places) -> Keys:
    """New keys, made by the release's own ``generate-key``."""
    place = folder / "keys"
    place.mkdir(mode=0o700)
    keys = Keys(session=place / "session", host=place / "host", worker=place / "worker")
    for kind, path in (("rsa", keys.session), ("ssh", keys.host), ("ssh", keys.worker)):
        at.run([program, "generate-key", "-t", kind, "-f", path], env=base_environment())
    return keys


@contextmanager
def database(folder: Path, logs: Path, at: Places) -> Iterator[Path]:
    """PostgreSQL with an empty database, reached by a socket in the folder that is given back. It has no TCP port."""
    user = _NOBODY if os.getuid() == 0 else None
    home = folder / "postgres"
    home.mkdir(mode=0o700)
    if user is not None:
        os.chown(home, user, user)
    env = base_environment(HOME=str(home))
    log = logs / "postgres.log"
    # Trust: only this user can reach the socket. Text as bytes, no syncing: it lives for minutes.
    words: list[str | Path] = ["-D", home / "data", "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
    process.run([prerequisites.path_of(prerequisites.INITDB), *words], log=log, env=env, cwd=home, user=user)
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(home),
        "unix_socket_permissions": "0700",
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        # /dev/shm is small or missing in many containers.
        "dynamic_shared_memory_type": "mmap",
    }
    options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
    command: list[str | Path] = [prerequisites.path_of(prerequisites.POSTGRES), "-D", home / "data", *options]
    with serving(
        command,
        log=log,
        env=env,
        folder=folder,
        user=user,
        stop_with=signal.SIGINT,  # which PostgreSQL takes for "disconnect clients and end": postgres(1)
    ) as service:
        service.wait_until((home / ".s.PGSQL.5432").exists, "opened no socket", seconds=_START)
        yield home
    at.write_log("the database was ended")


@contextmanager
def web(program: Path, socket: Path, folder: Path, logs: Path, at: Places) -> Iterator[Web]:
    """The web node, ready to serve. ``program``: the release's, for this host. Raises NotReadyError, CommandError."""
    keys = make_keys(program, folder, at)
    node = Web(
        port=free_port(),
        tsa_port=free_port(),
        password=files.digest_text(os.urandom(16).hex())[:20],
        keys=keys,
        authorized=keys.worker.with_suffix(".pub"),
    )
    settings = {
        "BIND_IP": "127.0.0.1",
        "BIND_PORT": node.port,
        "EXTERNAL_URL": node.url,
        "DEBUG_BIND_PORT": free_port(),
        "PEER_ADDRESS": "127.0.0.1",
        "TSA_BIND_IP": "127.0.0.1",
        "TSA_BIND_PORT": node.tsa_port,
        "TSA_DEBUG_BIND_PORT": free_port(),
        "TSA_PEER_ADDRESS": "127.0.0.1",
        # A worker that is gone counts as stalled after two of them.
        "TSA_HEARTBEAT_INTERVAL": "5s",
        "TSA_HOST_KEY": node.keys.host,
        "TSA_AUTHORIZED_KEYS": node.authorized,
        "SESSION_SIGNING_KEY": node.keys.session,
        "POSTGRES_SOCKET": socket,
        "POSTGRES_USER": USER,
        "POSTGRES_DATABASE": "postgres",
        "ADD_LOCAL_USER": f"{USER}:{node.password}",
        "MAIN_TEAM_LOCAL_USER": USER,
        "CLUSTER_NAME": "boot",
        # Nothing happens by itself: what is checked is what a row asks for.
        "RESOURCE_CHECKING_INTERVAL": "24h",
        # How often the node looks for what is to be done.
        "COMPONENT_RUNNER_INTERVAL": "1s",
    }
    variables = {f"CONCOURSE_{name}": str(value) for name, value in settings.items()}
    env = base_environment(**variables, HOME=str(folder), TMPDIR=str(folder))
    with serving([program, "web"], log=logs / "web.log", env=env, folder=folder) as service:
        service.wait_until(lambda: _answers(f"{node.url}/api/v1/info"), "did not answer", seconds=_START)
        yield dataclasses.replace(node, service=service)


def _answers(url: str) -> bool:
    try:
        with ports.open_local(url, seconds=5) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False
