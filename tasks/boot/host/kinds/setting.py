"""What every kind of server is given, and how the ones of our own are started."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from crosscourse.errors import CrosscourseError
from crosscourse.run.environment import base_environment
from crosscourse.run.service import serving
from tasks.boot.host.ports import free_port

if TYPE_CHECKING:
    from crosscourse.engine.places import Places


class FixtureError(CrosscourseError):
    """What a server should serve can't be made."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Where a server runs. ``address``: of this machine's loopback, as the guest sees it.

    ``stand_ins``: the program of our own servers. ``folder``: the server's own, empty. ``files``: what it
    serves, path → text.
    """

    name: str
    address: str
    stand_ins: Path
    folder: Path
    logs: Path
    at: Places
    files: Mapping[str, str]

    def log(self, name: str) -> Path:
        """The log of one of its programs."""
        return self.logs / f"{name}.log"


def write_files(folder: Path, contents: Mapping[str, str]) -> None:
    """Write the files, each text as it is."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@contextmanager
def stand_in(setting: Setting, kind: str, **options: str | Path) -> Iterator[str]:
    """A server of our own for the time of the block; gives HOST:PORT as the guest sees it.

    ``options``: of the program (tasks/boot/stand-ins/main.go). Raises NotReadyError, CommandError.
    """
    port = free_port()
    address = f"{setting.address}:{port}"
    words: list[str | Path] = [setting.stand_ins, kind, "-listen", f"127.0.0.1:{port}", "-address", address]
    for name, value in options.items():
        words += [f"-{name.replace('_', '-')}", value]
    with listening(setting, words, port, kind, environment(setting)):
        yield address


@contextmanager
def listening(
    setting: Setting, words: list[str | Path], port: int, name: str, env: Mapping[str, str]
) -> Iterator[None]:
    """A program for the time of the block, which is given once it listens on ``port``."""
    with serving(words, log=setting.log(name), env=env, folder=setting.folder) as service:
        service.wait_until(lambda: _listens(port), "did not listen", seconds=30)
        yield


def environment(setting: Setting) -> dict[str, str]:
    """For programs that would else read this user's settings."""
    return base_environment(
        HOME=str(setting.folder),
        GIT_CONFIG_GLOBAL="/dev/null",
        GIT_CONFIG_NOSYSTEM="1",
        HGRCPATH="",
        TMPDIR=str(setting.folder),
    )


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True
