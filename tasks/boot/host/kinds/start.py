"""All servers that a boot's resource types are tried against: the module of each kind, and their start."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from crosscourse.manifest.boot import Server
from tasks.boot.host.kinds import git, github_api, hg, https, s3
from tasks.boot.host.kinds.setting import Setting

if TYPE_CHECKING:
    from crosscourse.engine.places import Places

# By the kind that a manifest names: a server for the time of a block, which gives its values.
KINDS: Mapping[str, Callable[[Setting], AbstractContextManager[Mapping[str, str]]]] = {
    "git": git.running,
    "github-api": github_api.running,
    "hg": hg.running,
    "https": https.running,
    "s3": s3.running,
}


@contextmanager
def running(
    servers: Mapping[str, Server], *, address: str, stand_ins: Path, folder: Path, logs: Path, at: Places
) -> Iterator[dict[str, str]]:
    """The servers for the time of the block; gives their values, ``SERVER.VALUE`` → text.

    ``address``: of this machine's loopback, as the guest sees it. The rest as of ``Setting``.
    Raises FixtureError, NotReadyError, CommandError.
    """
    with ExitStack() as stack:
        values: dict[str, str] = {}
        for name, server in servers.items():
            own = folder / name
            own.mkdir()
            setting = Setting(
                name=name,
                address=address,
                stand_ins=stand_ins,
                folder=own,
                logs=logs,
                at=at,
                files=server.files,
            )
            found = stack.enter_context(KINDS[server.kind](setting))
            values |= {f"{name}.{key}": value for key, value in found.items()}
        yield values
