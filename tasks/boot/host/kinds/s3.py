"""An S3 server: a bucket with files in it. ``url``, ``bucket``; any keys do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tasks.boot.host.kinds.setting import Setting, stand_in, write_files

BUCKET = "crosscourse"


@contextmanager
def running(setting: Setting) -> Iterator[Mapping[str, str]]:
    """The server, for the time of the block."""
    folder = setting.folder / "bucket"
    write_files(folder, setting.files)
    with stand_in(setting, "s3", folder=folder, bucket=BUCKET) as address:
        yield {"url": f"http://{address}", "bucket": BUCKET}
