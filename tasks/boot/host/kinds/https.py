"""A proxy that answers in the place of every https host: the file HOST/PATH.

``proxy``: its URL. ``authority``: the certificate that whoever is sent there has to trust, PEM.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tasks.boot.host.kinds.setting import Setting, stand_in, write_files


@contextmanager
def running(setting: Setting) -> Iterator[Mapping[str, str]]:
    """The server, for the time of the block."""
    folder = setting.folder / "hosts"
    write_files(folder, setting.files)
    certificate = setting.folder / "authority.pem"
    with stand_in(setting, "https", folder=folder, certificate=certificate) as address:
        yield {"proxy": f"http://{address}", "authority": certificate.read_text(encoding="ascii")}
