"""What answers as GitHub's API of releases does: a release for each folder of the files, named by it, with the files in
it as assets. ``url``, ``token``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tasks.boot.host.kinds.setting import Setting, stand_in, write_files

_TOKEN = "token-of-a-boot"  # noqa: S105  # of a server that lives for minutes, on loopback


@contextmanager
def running(setting: Setting) -> Iterator[Mapping[str, str]]:
    """The server, for the time of the block."""
    folder = setting.folder / "releases"
    write_files(folder, setting.files)
    with stand_in(setting, "github-api", folder=folder, password=_TOKEN) as address:
        yield {"url": f"http://{address}/", "token": _TOKEN}
