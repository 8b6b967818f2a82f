"""Packages by their digest, from real servers on this machine and from folders."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from crosscourse.debian import mirrors
from crosscourse.debian.pool import PackagesGoneError, fetch, fetch_pinned
from crosscourse.manifest.locks import LockError, Package, Pinned, Wanted
from crosscourse.run.retry import TransientError
from tests.unit.places import make_places

WANTED = Wanted(suite="trixie", architecture="armhf", packages=("tool",))


class Mirror(ThreadingHTTPServer):
    """``answers``: path → answers in turn, the last one again and again: a content, a status, or a cut-off content."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, list[bytes | int | tuple[bytes, int]]] = {}
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/debian/"


class Handler(BaseHTTPRequestHandler):
    server: Mirror

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        answers = self.server.answers.get(self.path, [404])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, int):
            self.send_error(answer)
            return
        content, length = answer if isinstance(answer, tuple) else (answer, len(answer))
        self.send_response(200)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    server = Mirror()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _: None)
    monkeypatch.setenv("CROSSCOURSE_RETRIES", "3")
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def package(content: bytes, name: str = "tool", version: str = "1:2~rc+1") -> Package:
    return Package(
        name=name,
        version=version,
        architecture="armhf",
        sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
        path=f"pool/main/t/{name}/{name}_{version.partition(':')[2]}_armhf.deb",
    )


TOOL = package(b"tool")
PATH = "/debian/pool/main/t/tool/tool_2~rc+1_armhf.deb"


def had(cache: Path, wanted: Package, *places: str | Path) -> bytes:
    (found,) = fetch([wanted], cache=cache, mirrors=[str(place) for place in places], status=lambda _: None)
    return found.read_bytes()


def test_from_a_mirror_and_then_from_the_cache(tmp_path: Path, mirror: Mirror) -> None:
    mirror.answers[PATH] = [b"tool"]
    assert had(tmp_path, TOOL, mirror.url) == b"tool"
    assert mirror.asked == [PATH]
    assert had(tmp_path, TOOL, mirror.url) == b"tool"
    assert mirror.asked == [PATH]


def test_damage_in_the_cache_is_mended(tmp_path: Path, mirror: Mirror) -> None:
    mirror.answers[PATH] = [b"tool"]
    (place,) = fetch([TOOL], cache=tmp_path, mirrors=[mirror.url], status=lambda _: None)
    for damage in (b"", b"tooL", b"tool and more"):
        place.chmod(0o644)
        place.write_bytes(damage)
        assert had(tmp_path, TOOL, mirror.url) == b"tool"


def test_from_a_folder(tmp_path: Path) -> None:
    file = tmp_path / "archive" / TOOL.path
    file.parent.mkdir(parents=True)
    file.write_bytes(b"tool")
    assert had(tmp_path / "cache", TOOL, tmp_path / "empty", tmp_path / "archive") == b"tool"


def test_the_next_place_is_asked_if_one_has_it_not_or_another_one(tmp_path: Path, mirror: Mirror) -> None:
    mirror.answers[PATH] = [b"another"]
    mirror.answers[f"/snapshot{PATH}"] = [b"tool"]
    other = mirror.url.replace("/debian/", "/snapshot/debian")
    assert had(tmp_path, TOOL, f"{mirror.url}nothing", mirror.url, other) == b"tool"


@pytest.mark.parametrize("trouble", [503, (b"to", 4), 500, 429], ids=str)
def test_trouble_that_passes(tmp_path: Path, mirror: Mirror, trouble: int | tuple[bytes, int]) -> None:
    mirror.answers[PATH] = [trouble, b"tool"]
    assert had(tmp_path, TOOL, mirror.url) == b"tool"
    assert mirror.asked == [PATH, PATH]


def test_trouble_that_stays(tmp_path: Path, mirror: Mirror) -> None:
    mirror.answers[PATH] = [503]
    with pytest.raises(TransientError, match="answers 503"):
        had(tmp_path, TOOL, mirror.url)
    assert mirror.asked == [PATH] * 3
    with pytest.raises(TransientError, match="can't be reached"):
        had(tmp_path, TOOL, "http://127.0.0.1:1/debian")


def test_what_nobody_has_is_named_all_of_it(tmp_path: Path, mirror: Mirror) -> None:
    wanted = [package(b"a", "one"), TOOL, package(b"c", "three")]
    mirror.answers[PATH] = [b"tool"]
    with pytest.raises(PackagesGoneError, match="2 of the locked Debian packages") as caught:
        fetch(wanted, cache=tmp_path, mirrors=[mirror.url], status=lambda _: None)
    assert "one_1:2~rc+1_armhf, three_1:2~rc+1_armhf" in caught.value.found
    assert "./doit lock" in caught.value.remedy
    assert not list(tmp_path.rglob("*.partial"))


def test_what_is_locked_otherwise_is_refused(tmp_path: Path) -> None:
    pinned = Pinned(name="git", wanted=WANTED, packages=None, date=0)
    with pytest.raises(LockError, match="'git'") as caught:
        fetch_pinned(pinned, make_places(tmp_path))
    assert caught.value.remedy == "Ask for them: ./doit lock"


def test_what_is_locked_comes_from_where_a_person_says(tmp_path: Path, mirror: Mirror) -> None:
    mirror.answers[PATH] = [b"tool"]
    archives = (mirror.url, "http://archive.test/{date}/")
    at = make_places(tmp_path, origins={"debian": ("http://127.0.0.1:1/debian/none",), "debian-archives": archives})
    pinned = Pinned(name="git", wanted=WANTED, packages=(TOOL,), date=86400)
    assert mirrors.known(at, pinned.date) == [
        "http://127.0.0.1:1/debian/none", mirror.url, "http://archive.test/19700103T000000Z/",
    ]  # fmt: skip
    with pytest.raises(TransientError):  # a mirror that can't be reached now is no reason to take another one's word
        fetch_pinned(pinned, at)
    at = make_places(tmp_path, origins={"debian": (f"{mirror.url}none",), "debian-archives": (mirror.url,)})
    assert [path.read_bytes() for path in fetch_pinned(pinned, at)] == [b"tool"]
