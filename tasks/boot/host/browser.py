"""A browser without a window on the host: on amd64 a pinned one, elsewhere the system's."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from crosscourse.run.environment import base_environment
from crosscourse.run.service import Service, serving
from tasks.boot.host.prerequisites import Need

# Of Debian's packages chromium and chromium-headless-shell, and of others.
CHROMIUM = Need(
    names=("chromium", "chromium-headless-shell", "chromium-browser", "google-chrome"),
    debian="chromium",
    fedora="chromium-headless",
)
CODE_FILES = ("../files/browse.mjs",)
SCRIPT = Path(__file__).resolve().parent.parent / "files" / "browse.mjs"


@dataclass(frozen=True, kw_only=True)
class Browser:
    """A browser and what drives it. ``libraries``: where it finds those that it brings; none for the system's."""

    program: Path
    node: Path
    playwright: Path
    libraries: Path | None = None

    def command(self, script: Path, *words: str | Path) -> list[str | Path]:
        """The command line of a script for Node.js; its first arguments are Playwright and the browser."""
        return [self.node, script, self.playwright, self.program, *words]

    def environment(self, env: Mapping[str, str]) -> dict[str, str]:
        """With what the browser needs."""
        return {**env, **({"LD_LIBRARY_PATH": str(self.libraries)} if self.libraries else {})}

    @contextmanager
    def running(self, *words: str | Path, log: Path, folder: Path) -> Iterator[Service]:
        """``files/browse.mjs`` for the time of the block. ``folder``: for what it writes to its home."""
        env = self.environment(base_environment(HOME=str(folder), TMPDIR=str(folder)))
        with serving(self.command(SCRIPT, *words), log=log, env=env, folder=folder) as service:
            yield service


def unpacked(*, node: Path, playwright: Path, chromium: Path, folder: Path) -> Browser:
    """The pinned browser, unpacked into ``folder``. ``playwright``, ``chromium``: the folders of these tools."""
    packed = chromium / "package" / "bin"
    place = folder / "browser"
    place.mkdir()
    program = place / "chromium"
    with program.open("wb") as stream:
        _unpack(node, packed / "chromium.br", stream.fileno())
    program.chmod(0o755)
    with subprocess.Popen(["tar", "-x", "-C", place], stdin=subprocess.PIPE) as tar:
        assert tar.stdin is not None
        _unpack(node, packed / "al2023.tar.br", tar.stdin.fileno())
    return Browser(program=program, node=node, playwright=playwright / "package", libraries=place / "lib")


def _unpack(node: Path, packed: Path, to: int) -> None:
    """Write what a file packed by brotli has: Python knows no brotli, Node.js does."""
    script = "require('stream').pipeline(require('fs').createReadStream(process.argv[1]), "
    script += "require('zlib').createBrotliDecompress(), process.stdout, (error) => { if (error) throw error; })"
    subprocess.run([node, "-e", script, packed], check=True, stdout=to)
