"""A Mercurial server over http, by ``hg serve``: a repository with the files, and a clone of it. ``url``, ``copy``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tasks.boot.host import prerequisites
from tasks.boot.host.kinds.setting import Setting, environment, listening, write_files
from tasks.boot.host.ports import free_port


@contextmanager
def running(setting: Setting) -> Iterator[Mapping[str, str]]:
    """The server, for the time of the block."""
    hg, env, at = prerequisites.path_of(prerequisites.MERCURIAL), environment(setting), setting.at
    original, copy = setting.folder / "original", setting.folder / "copy"
    at.run([hg, "init", copy], env=env)
    at.run([hg, "init", original], env=env)
    for number, (name, text) in enumerate(setting.files.items(), 1):
        write_files(original, {name: text})
        words = ["--user", "crosscourse", "--date", f"2026-01-0{number} 00:00 +0000", "--message", f"adds {name}"]
        at.run([hg, "--cwd", original, "commit", "--addremove", *words], env=env)
    at.run([hg, "--cwd", original, "push", "--rev", "0", copy], env=env)
    # https://www.mercurial-scm.org/repo/hg/help/config.web
    settings = setting.folder / "web.conf"
    text = f"[web]\nallow-push = *\npush_ssl = no\n[paths]\n/original = {original}\n/copy = {copy}\n"
    settings.write_text(text, encoding="utf-8")
    port = free_port()
    words = ["serve", "--address", "127.0.0.1", "--port", str(port), "--web-conf", str(settings)]
    with listening(setting, [hg, *words], port, setting.name, env):
        url = f"http://{setting.address}:{port}"
        yield {"url": f"{url}/original", "copy": f"{url}/copy"}
