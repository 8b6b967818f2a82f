"""Tries the web pages of a built distribution: ``python -m tests.ui FOLDER [--shots FOLDER]``.

FOLDER: a distribution for this machine, unpacked (``bin/concourse``, ``bin/fly``, ``fly-assets``). Starts PostgreSQL
and the web node as a boot does, looks at what is served, then, where there is a browser, opens it there.
``--without-pages``: of a distribution built with ``ui=no``.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tasks.boot.host import servers
from tests.ui import browser, content
from tests.unit.places import make_places

PIPELINE = {
    "resources": [{"name": "source", "type": "git", "icon": "git", "source": {"uri": "https://example.invalid/x"}}],
    "jobs": [
        {"name": "build", "plan": [{"get": "source", "trigger": True}, {"task": "compile", "config": {
            "platform": "linux",
            "image_resource": {"type": "registry-image", "source": {"repository": "example.invalid/x"}},
            "run": {"path": "true"},
        }}]},
        {"name": "test", "plan": [{"get": "source", "passed": ["build"], "trigger": True}]},
        {"name": "publish", "plan": [{"get": "source", "passed": ["test"]}]},
    ],
}  # fmt: skip


def main() -> None:
    """Try it, and print a line for each thing seen."""
    words = argparse.ArgumentParser(prog="python -m tests.ui", description=__doc__)
    words.add_argument("folder", type=Path)
    words.add_argument("--shots", type=Path, help="where pictures are left")
    words.add_argument("--without-pages", action="store_true")
    words.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "crosscourse")
    given = words.parse_args()
    with tempfile.TemporaryDirectory(prefix="crosscourse-ui-") as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)
        at = make_places(folder / "work")
        concourse = given.folder.resolve() / "bin" / "concourse"
        socket = stack.enter_context(servers.database(folder, folder, at))
        web = stack.enter_context(servers.web(concourse, socket, folder, folder, at))
        if given.without_pages:
            _say(content.check_stand_in(web.url))
            return
        _say(content.check_pages(web.url))
        _set_pipeline(given.folder.resolve() / "bin" / "fly", web, folder)
        _browse(web, folder, given.cache / "tools", given.shots)
        _say(content.check_downloads(web.url))


def _say(lines: list[str]) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def _set_pipeline(fly: Path, web: servers.Web, folder: Path) -> None:
    (folder / "pipeline.json").write_text(json.dumps(PIPELINE))
    for words in (
        ("login", "-c", web.url, "-u", servers.USER, "-p", web.password),
        ("set-pipeline", "-n", "-p", "example", "-c", str(folder / "pipeline.json")),
        ("unpause-pipeline", "-p", "example"),
    ):
        subprocess.run(
            [fly, "-t", "ui", *words], check=True, env={**os.environ, "HOME": str(folder)}, capture_output=True
        )


def _browse(web: servers.Web, folder: Path, tools: Path, shots: Path | None) -> None:
    chromium = browser.get(tools, folder)
    if chromium is None:
        _say(["no chromium: not tried in a browser"])
        return
    place = folder / "shots"
    place.mkdir()
    done = chromium.run("browse.mjs", web.url, servers.USER, web.password, place, env={"HOME": str(folder)})
    _say((done.stdout + done.stderr).splitlines())
    if shots is not None:
        shots.mkdir(parents=True, exist_ok=True)
        for picture in place.glob("*.png"):
            shutil.copyfile(picture, shots / picture.name)
    if done.returncode:
        sys.exit("the browser could not do it")
    (place / "fly").chmod(0o755)
    version = subprocess.run([place / "fly", "--version"], check=True, capture_output=True, text=True).stdout.strip()
    _say([f"the downloaded fly says {version}"])


if __name__ == "__main__":
    main()
