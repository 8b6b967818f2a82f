"""The servers that a boot's resource types are tried against, by git and requests of our own."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from crosscourse.manifest.boot import Server
from tasks import names
from tasks.boot.host import stand_ins
from tasks.boot.host.kinds import start
from tasks.boot.host.kinds.git import FILES
from tasks.boot.specs import StandIns
from tests.endtoend.conftest import Workspace, caches
from tests.unit.places import make_places

SERVERS = {
    "git": Server(kind="git", files={"other/a/b": "on a branch"}),
    "s3": Server(kind="s3", files={"a/one.txt": "one", "a/two.txt": "two"}),
    "github": Server(kind="github-api", files={"v1/file": "first", "v2/file": "second"}),
    "https": Server(kind="https", files={"example.org/a/b": "by https", "example.com/a": "another"}),
}
EMPTY: Mapping[str, str] = {}
WITHOUT_PROXY = urllib.request.ProxyHandler({})


@pytest.fixture(scope="module")
def values(built_template: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """Those of all servers, which run for the time of this module. ``built_template``: for it Go was installed."""
    del built_template
    folder = tmp_path_factory.mktemp("stand-ins")
    go = sorted((caches() / "tools").glob("go-*/go/bin/go"), key=lambda path: path.stat().st_mtime)[-1]
    needed = {names.toolchain("go"): {"program": go}}
    at = make_places(folder / "places", needed=needed, labels=("stand-ins",), caches=caches())
    stand_ins.make(StandIns(go_flags=["-trimpath", "-buildvcs=false"]), at)
    with start.running(SERVERS, address="127.0.0.1", stand_ins=at.output(), folder=folder, logs=folder, at=at) as found:
        yield found


def ask(
    url: str, *, content: bytes | None = None, method: str | None = None, headers: Mapping[str, str] = EMPTY
) -> bytes:
    request = urllib.request.Request(url, data=content, headers=dict(headers), method=method)  # noqa: S310  # always http, to this machine
    with urllib.request.build_opener(WITHOUT_PROXY).open(request, timeout=20) as reply:
        return bytes(reply.read())


def git(folder: Path, *words: str, **more: str) -> str:
    env = {
        **{name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
        **{"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0", **more},
    }
    return subprocess.run(["git", *words], cwd=folder, env=env, capture_output=True, text=True, check=True).stdout


def test_git_over_http_clones_and_pushes(values: Mapping[str, str], tmp_path: Path) -> None:
    with_password = values["git.http"].replace("//", f"//{values['git.user']}:{values['git.password']}@")
    url = f"{with_password}/main.git"
    git(tmp_path, "clone", "--quiet", "--recurse-submodules", url, "clone")
    assert (tmp_path / "clone" / "part" / "part").read_text() == "a part\n"
    signed = git(tmp_path / "clone", "cat-file", "commit", "HEAD")
    assert signed.strip() == (FILES / "commit").read_text().strip()
    git(tmp_path / "clone", "push", "--quiet", "origin", "HEAD:refs/heads/pushed")
    assert "refs/heads/pushed" in git(tmp_path, "ls-remote", url)
    with pytest.raises(subprocess.CalledProcessError):
        git(tmp_path, "ls-remote", f"{values['git.http']}/main.git")


def test_large_files_are_fetched_and_stored(values: Mapping[str, str]) -> None:
    word = base64.b64encode(f"{values['git.user']}:{values['git.password']}".encode()).decode()
    known = {"Authorization": f"Basic {word}"}
    batch = f"{values['git.http']}/main.git/info/lfs/objects/batch"

    def actions(operation: str, digest: str) -> dict[str, dict[str, str]]:
        asked = {"operation": operation, "objects": [{"oid": digest, "size": 4}]}
        said = json.loads(ask(batch, content=json.dumps(asked).encode(), headers=known))
        found: dict[str, dict[str, str]] = said["objects"][0].get("actions", {})
        return found

    digest = hashlib.sha256(b"more").hexdigest()
    assert actions("download", digest) == {}
    href = actions("upload", digest)["upload"]["href"]
    with pytest.raises(urllib.error.HTTPError, match="422"):
        ask(href, content=b"less", method="PUT", headers=known)
    ask(href, content=b"more", method="PUT", headers=known)
    assert actions("upload", digest) == {}
    assert ask(actions("download", digest)["download"]["href"], headers=known) == b"more"


@pytest.mark.skipif(shutil.which("ssh") is None and "CI" not in os.environ, reason="no ssh")
def test_git_over_ssh_wants_the_key_and_runs_nothing_but_git(values: Mapping[str, str], tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text(values["git.key"])
    key.chmod(0o600)
    ssh = "ssh -F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o IdentitiesOnly=yes"
    with_key = f"{ssh} -i {key}"
    git(
        tmp_path,
        "clone",
        "--quiet",
        "--branch=other",
        f"{values['git.ssh']}/main.git",
        "clone",
        GIT_SSH_COMMAND=with_key,
    )
    assert (tmp_path / "clone" / "a" / "b").read_text() == "on a branch"
    with pytest.raises(subprocess.CalledProcessError):
        git(tmp_path, "ls-remote", f"{values['git.ssh']}/main.git", GIT_SSH_COMMAND=f"{ssh} -i /dev/null")
    place = values["git.ssh"].removeprefix("ssh://")
    host, _, port = place.partition(":")
    done = subprocess.run([*with_key.split(), "-p", port, host, "id"], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "uid=" not in done.stdout


def test_a_bucket_is_listed_read_and_written(values: Mapping[str, str]) -> None:
    url = f"{values['s3.url']}/{values['s3.bucket']}"
    said = ask(f"{url}?list-type=2&prefix=a/").decode()
    assert "<Key>a/one.txt</Key>" in said
    assert ask(f"{url}/a/two.txt", headers={"Range": "bytes=1-2"}) == b"wo"
    ask(f"{url}/b", content=b"put", method="PUT")
    assert ask(f"{url}/b") == b"put"


def test_releases_are_listed_made_and_downloaded(values: Mapping[str, str]) -> None:
    token = {"Authorization": f"Bearer {values['github.token']}"}
    top = f"{values['github.url']}repos/any/thing/releases"
    first, second = json.loads(ask(top, headers=token))
    assert (first["tag_name"], second["tag_name"]) == ("v1", "v2")
    made = json.loads(ask(top, content=b'{"tag_name": "v3", "name": "third"}', headers=token))
    assert made["id"] > 1 << 31
    ask(f"{top}/{made['id']}/assets?name=x", content=b"an asset", headers=token)
    (asset,) = json.loads(ask(f"{top}/{made['id']}/assets", headers=token))
    assert (asset["name"], asset["state"], asset["size"]) == ("x", "uploaded", 8)
    assert ask(f"{top}/assets/{asset['id']}", headers=token) == b"an asset"
    said = json.loads(ask(f"{values['github.url']}graphql", content=b"{}", headers=token))
    edges = said["data"]["repository"]["releases"]["edges"]
    assert [edge["node"]["tagName"] for edge in edges] == ["v3", "v2", "v1"]
    with pytest.raises(urllib.error.HTTPError, match="401"):
        ask(top)


@pytest.mark.parametrize(("url", "expected"), [("example.org/a/b?c=d", b"by https"), ("example.com/a", b"another")])
def test_every_https_host_is_answered_for(values: Mapping[str, str], url: str, expected: bytes) -> None:
    trusting = urllib.request.HTTPSHandler(context=ssl.create_default_context(cadata=values["https.authority"]))
    proxy = urllib.request.ProxyHandler({"https": values["https.proxy"]})
    with urllib.request.build_opener(proxy, trusting).open(f"https://{url}", timeout=20) as reply:
        assert reply.read() == expected
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        urllib.request.build_opener(proxy).open(f"https://{url}", timeout=20)
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.build_opener(proxy, trusting).open("https://example.net/", timeout=20)


@pytest.mark.skipif(shutil.which("hg") is None and "CI" not in os.environ, reason="no hg")
def test_mercurial_serves_a_repository_and_a_clone_that_lacks_the_last_commits(tmp_path: Path) -> None:
    servers = {"hg": Server(kind="hg", files={"one": "first", "two": "second"})}
    at = make_places(tmp_path / "places")
    none = tmp_path / "none"
    with start.running(servers, address="127.0.0.1", stand_ins=none, folder=tmp_path, logs=tmp_path, at=at) as values:

        def hg(*words: str) -> str:
            env = {"PATH": os.environ["PATH"], "HGRCPATH": "", "HOME": str(tmp_path)}
            done = subprocess.run(["hg", *words], cwd=tmp_path, env=env, capture_output=True, text=True, check=True)
            return done.stdout

        hg("clone", "--quiet", values["hg.url"], "clone")
        assert (tmp_path / "clone" / "two").read_text() == "second"
        assert hg("identify", "--id", values["hg.copy"]) != hg("identify", "--id", values["hg.url"])
        hg("--cwd", "clone", "push", "--quiet", values["hg.copy"])
        assert hg("identify", "--id", values["hg.copy"]) == hg("identify", "--id", values["hg.url"])
