"""Bytes do not depend on the user: of a git configuration or environment nothing counts but the way upstream."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from crosscourse.errors import CrosscourseError
from crosscourse.git import configuration
from crosscourse.git.command import commit_environment, git
from crosscourse.git.fingerprint import fingerprint, listing
from crosscourse.git.local import make_store
from crosscourse.git.store import Pin, configure, fetch, store_commit
from crosscourse.patches.make import PatchedSource, make_checkout
from tests.unit.places import make_places

TEXT = b"one\nsecret\n"
MARK = "hostile"

# Whatever of it reaches git changes a byte or a commit, fails, or leaves a mark.
CONFIG = """
[core]
	autocrlf = true
	eol = crlf
	attributesFile = {home}/attributes
	excludesFile = {home}/excludes
	hooksPath = {home}/hooks
	fsmonitor = {home}/hooks/leave-mark
	symlinks = false
	fileMode = false
	ignoreCase = true
	checkStat = minimal
[init]
	templateDir = {home}/template
	defaultBranch = strange
	defaultObjectFormat = sha256
[user]
	name = {mark}
	email = {mark}
[commit]
	gpgSign = true
[gpg]
	program = false
[i18n]
	commitEncoding = ISO-8859-15
[filter "hide"]
	smudge = sed s/secret/{mark}/
	clean = sed s/secret/{mark}/
	required = true
[fetch]
	unpackLimit = 100000
	fsckObjects = true
[transfer]
	unpackLimit = 100000
[apply]
	whitespace = fix
[status]
	showUntrackedFiles = no
	renames = true
[diff]
	noprefix = true
[pack]
	compression = 0
[alias]
	status = !false
"""
ATTRIBUTES = "* text eol=crlf filter=hide\n"
VARIABLES = {
    "GIT_DIR": "/nowhere",
    "GIT_WORK_TREE": "/nowhere",
    "GIT_INDEX_FILE": "/nowhere/index",
    "GIT_OBJECT_DIRECTORY": "/nowhere",
    "GIT_NAMESPACE": MARK,
    "GIT_AUTHOR_NAME": MARK,
    "GIT_COMMITTER_DATE": "@5 +0100",
    "GIT_DEFAULT_HASH": "sha256",
    "GIT_TRACE": "1",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_ATTR_SOURCE": "HEAD",
    "GIT_CONFIG_PARAMETERS": "'core.autocrlf'='true'",
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "core.eol",
    "GIT_CONFIG_VALUE_0": "crlf",
    "LANG": "de_DE.UTF-8",
    "LC_ALL": "de_DE.UTF-8",
    "LANGUAGE": "de",
    "TZ": "Asia/Tokyo",
}


def hostile(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set up a person who has everything that git can have set up."""
    for name in ("hooks", "template/hooks", "template/info", ".config/git"):
        (home / name).mkdir(parents=True)
    for folder in ("hooks", "template/hooks"):
        for name in ("post-checkout", "post-commit", "pre-commit", "reference-transaction", "leave-mark"):
            (home / folder / name).write_text(f"#!/bin/sh\n: > {home}/{MARK}\nexit 1\n")
            (home / folder / name).chmod(0o755)
    for name in ("attributes", "template/info/attributes", ".config/git/attributes"):
        (home / name).write_text(ATTRIBUTES)
    for name in ("excludes", "template/info/exclude", ".config/git/ignore"):
        (home / name).write_text("*\n")
    (home / ".gitconfig").write_text(CONFIG.format(home=home, mark=MARK))
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)


def run(folder: Path, *words: str) -> str:
    """A git call of the test's own, which nobody disturbs."""
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@t", *words]
    env = {"PATH": os.environ["PATH"], "HOME": "/nowhere"}
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, env=env).stdout.strip()


def files_of(folder: Path) -> None:
    """A source with lines, a link and a program."""
    folder.mkdir()
    (folder / "text").write_bytes(TEXT)
    (folder / "windows").write_bytes(b"one\r\ntwo\r\n")
    (folder / "program").write_text("#!/bin/sh\n")
    (folder / "program").chmod(0o755)
    (folder / "link").symlink_to("text")


def shown(folder: Path) -> dict[str, tuple[int, bytes]]:
    """The mode and bytes of all that lies in a checkout."""
    return {
        path.name: (path.lstat().st_mode, os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes())
        for path in folder.iterdir()
        if path.name != ".git"
    }


def checkout(store: Path, place: Path, url: str) -> tuple[str, dict[str, tuple[int, bytes]], dict[str, str]]:
    """The commit, the files and the listing of a checkout made of a store, with a patch."""
    (place / "patches").mkdir()
    patch = "diff --git a/text b/text\n--- a/text\n+++ b/text\n@@ -1,2 +1,3 @@\n one\n secret\n+three  \n"
    (place / "patches" / "p.patch").write_text(patch)
    spec = PatchedSource(
        name="x", url=url, commit=None, omit=(), patches=("p.patch",), digests={}, date=7, manifest="releases/r.toml"
    )
    folder = place / "checkout"
    make_checkout(
        spec, folder, make_places(place), store=store, vendor_patches=place / "patches", failure=place / "failure"
    )
    found = fingerprint(folder)
    assert list(found) == ["commit"]
    (folder / "new").write_text("an edit is seen")
    (folder / "text").write_text("edited")
    assert list(fingerprint(folder)) == ["commit", "new (edited)", "text (edited)"]
    (folder / "new").unlink()
    run(folder, "checkout", "text")
    return found["commit"], shown(folder), listing(folder, found)


def everything(place: Path) -> list[object]:
    """All that is made of a local and of a fetched source in an empty folder."""
    place.mkdir()
    at = make_places(place)
    files_of(place / "local")
    make_store(place / "local", place / "local-store", at, name="x", url="local", date=7)
    shutil.rmtree(at.scratch)
    at.scratch.mkdir()
    upstream = place / "upstream"
    files_of(upstream)
    run(upstream, "init", "-q")
    run(upstream, "config", "uploadpack.allowFilter", "true")
    run(upstream, "config", "uploadpack.allowAnySHA1InWant", "true")
    run(upstream, "config", "core.autocrlf", "false")
    run(upstream, "add", "-A")
    run(upstream, "-c", "user.name=t", "commit", "-q", "--date=@1 +0000", "-m", "first")
    pin = Pin(name="x", url=upstream.as_uri(), commit=run(upstream, "rev-parse", "HEAD"))
    fetch(pin, place / "fetched-store", at)
    tree = run(upstream, "rev-parse", "HEAD^{tree}")
    made: list[object] = [store_commit(place / "local-store"), tree]
    for name in ("local", "fetched"):
        (place / name / "of").mkdir(parents=True)
        _, *rest = checkout(place / f"{name}-store", place / name / "of", pin.url)
        made += rest
    return made


def test_bytes_do_not_depend_on_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = everything(tmp_path / "before")
    home = tmp_path / "home"
    hostile(home, monkeypatch)
    assert everything(tmp_path / "after") == before
    assert not (home / MARK).exists()
    assert before[2]["text"] == (0o100644, TEXT + b"three  \n")  # type: ignore[index]


@pytest.mark.parametrize("name", ["attributes", "exclude"])
def test_a_checkout_has_nothing_of_a_template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    hostile(tmp_path / "home", monkeypatch)
    (tmp_path / "x").mkdir()
    at = make_places(tmp_path)
    git(tmp_path / "x", "init", log=at.log)
    configure(tmp_path / "x", url="https://example.org/x", omit=("docs",), log=at.log)
    assert not (tmp_path / "x" / ".git" / "info" / name).exists()
    assert not (tmp_path / "x" / ".git" / "hooks").exists()


LISTING = [
    ("system", "http.proxy", "http://proxy.test:3128", True),
    ("global", "url.https://mirror.test/a=b.insteadof", "https://example.org/", True),
    ("global", "url.ssh://x/.pushinsteadof", "y", True),
    ("global", "http.https://example.org/.extraheader", "Authorization: a\nb", True),
    ("global", "credential.helper", "", True),
    ("global", "credential.helper", "store", True),
    ("global", "protocol.file.allow", "always", True),
    ("global", "core.sshcommand", "ssh -i key", True),
    ("global", "core.askpass", "/x", True),
    ("global", "safe.directory", "*", True),
    ("command", "url.a.insteadof", "b", True),
    ("local", "url.a.insteadof", "c", False),
    ("global", "core.autocrlf", "true", False),
    ("global", "core.attributesfile", "/x", False),
    ("global", "filter.lfs.smudge", "x", False),
    ("global", "urls.a.insteadof", "b", False),
    ("global", "include.path", "/x", False),
    ("system", "init.templatedir", "/x", False),
]


def test_what_says_how_upstream_is_reached_is_taken_over_in_order() -> None:
    printed = "".join(f"{scope}\0{key}\n{value}\0" for scope, key, value, _ in LISTING) + "global\0http.sslverify\0"
    taken = [(key, value) for _, key, value, is_access in LISTING if is_access]
    assert configuration.access(printed) == [*taken, ("http.sslverify", "true")]
    assert configuration.access("") == []


def test_git_sees_what_is_taken_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hostile(tmp_path / "home", monkeypatch)
    with (tmp_path / "home" / ".gitconfig").open("a") as stream:
        stream.write('[url "https://mirror.test/?a=b"]\n\tinsteadOf = https://example.org/\n[http]\n\tsslVerify\n')
    at = make_places(tmp_path)
    run(tmp_path, "init", "-q", "x")
    listed = git(tmp_path / "x", "config", "--list", "--show-scope", log=at.log).splitlines()
    assert "command\turl.https://mirror.test/?a=b.insteadof=https://example.org/" in listed
    assert "command\thttp.sslverify=true" in listed
    assert {line.split("\t")[0] for line in listed} == {"command", "local"}
    assert "command\tcore.autocrlf=false" in listed
    assert MARK not in "\n".join(listed)


def test_a_mirror_is_reached_by_insteadof(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files_of(tmp_path / "mirror")
    run(tmp_path / "mirror", "init", "-q")
    run(tmp_path / "mirror", "add", "-A")
    run(tmp_path / "mirror", "commit", "-qm", "first")
    commit = run(tmp_path / "mirror", "rev-parse", "HEAD")
    hostile(tmp_path / "home", monkeypatch)
    with (tmp_path / "home" / ".gitconfig").open("a") as stream:
        stream.write(f'[url "{(tmp_path / "mirror").as_uri()}"]\n\tinsteadOf = https://example.org/x\n')
        stream.write("[uploadpack]\n\tallowFilter = true\n\tallowAnySHA1InWant = true\n")
    fetch(Pin(name="x", url="https://example.org/x", commit=commit), tmp_path / "store", make_places(tmp_path))
    assert store_commit(tmp_path / "store") == commit


def test_a_configuration_that_git_can_not_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".gitconfig").write_text("[garbage\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(CrosscourseError, match=r"can't read your configuration[^$]*\.gitconfig"):
        commit_environment(1)
    run(tmp_path, "init", "-q")
    assert fingerprint(tmp_path)  # what only looks at a folder needs none


def test_git_is_asked_for_its_configuration_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "git").write_text(f"#!/bin/sh\necho x >> {tmp_path}/calls\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    configuration.alone()
    assert not (tmp_path / "calls").exists()
    configuration.reaching()
    configuration.reaching()
    assert (tmp_path / "calls").read_text() == "x\n"


def test_a_mirror_in_a_folder_answers_as_the_person_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The git that answers is started by the one that asks, which takes its variables of configuration away."""
    (tmp_path / ".gitconfig").write_text('[uploadpack]\n\tallowFilter = true\n[safe]\n\tdirectory = "/a \\"b\\""\n')
    monkeypatch.setenv("HOME", str(tmp_path))
    environment = {name: value for name, value in configuration.reaching().items() if name != "GIT_CONFIG_COUNT"}
    said = subprocess.run(
        ["git", "config", "--list"], cwd="/", env=environment, check=True, capture_output=True, text=True
    )
    assert said.stdout.splitlines() == ["uploadpack.allowfilter=true", 'safe.directory=/a "b"']
