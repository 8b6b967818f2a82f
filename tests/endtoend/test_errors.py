"""Each error that a person can meet: what is said, and that nothing is lost."""

from __future__ import annotations

import fcntl
import json
import subprocess
from pathlib import Path

import pytest

from crosscourse.engine.idle import note
from tests.endtoend.conftest import Workspace

MAIN = "sources/printer/printer/cmd/goprinter/main.go"


def upstream(folder: Path) -> tuple[str, str]:
    """A repository with a tag to fetch from; returns its URL and the tag's commit."""
    folder.mkdir()
    (folder / "go.mod").write_text("module example.org/up\n\ngo 1.22\n")
    (folder / "main.go").write_text('package main\n\nfunc main() { println("up") }\n')
    (folder / "big.bin").write_bytes(b"x" * 1000)

    def git(*words: str) -> str:
        command = ["git", "-c", "user.name=t", "-c", "user.email=t@t", *words]
        return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "-q")
    git("config", "uploadpack.allowFilter", "true")
    git("config", "uploadpack.allowAnySHA1InWant", "true")
    git("add", "-A")
    git("commit", "-qm", "first")
    git("tag", "-am", "one", "v1")
    return f"file://{folder}", git("rev-parse", "HEAD")


def with_upstream(workspace: Workspace, url: str, commit: str, tag: str = "v1") -> None:
    """Add to the printer release a source that is fetched, and a program made from it."""
    manifest = workspace.root / "releases" / "printer.toml"
    manifest.write_text(
        manifest.read_text()
        + f"""
[source.up]
url = "{url}"
tag = "{tag}"
commit = "{commit}"
omit = ["/big.bin"]

[artifact.up]
kind = "go-binary"
source = "up"
package = "."
path = "bin/up"
"""
    )


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["release=prnter", "build"], ["release 'prnter'", "Did you mean 'printer'?"]),
        (["release=printer", "target=armv8", "build"], ["target 'armv8'", "Did you mean 'arm"]),
        (["release=printer", "build:armv8"], ["task 'build:armv8'", "Did you mean 'build:arm"]),
        (["release=printer", "compile:armv7:prnter"], ["task 'compile:armv7:prnter'", "'compile:armv7:printer'?"]),
        (["relase=printer", "build"], ["variable 'relase'", "Did you mean 'release'?"]),
        (["release=printer", "override=prnter=.", "build"], ["override of source 'prnter'", "Did you mean 'printer'?"]),
        (["release=printer", "override=printer", "build"], ["expected SOURCE=FOLDER"]),
        (["release=printer", "override=printer=/no/such", "build"], ["there is no folder /no/such"]),
    ],
)
def test_unknown_names(built: Workspace, words: list[str], expected: list[str]) -> None:
    outcome = built.doit(*words, expect=3)
    for text in expected:
        assert text in outcome.err
    assert "Traceback" not in outcome.text


def test_malformed_manifest(built: Workspace) -> None:
    built.edit("releases/printer.toml", 'package = "./cmd/printer"', 'pakage = "./cmd/printer"')
    built.edit("releases/printer.toml", "date = 2026-01-01T00:00:00Z", "date = 3")
    outcome = built.doit("release=printer", "build", expect=3)
    assert "3 problems" in outcome.err
    assert "artifact.printer.pakage: unknown key. Did you mean 'package'?" in outcome.err
    assert "Traceback" not in outcome.text


def test_unknown_tool_version(built: Workspace) -> None:
    built.edit("releases/printer.toml", 'go = "1.26.6"', 'go = "1.26.66"')
    outcome = built.doit("release=printer", "build", expect=3)
    assert "1.26.66" in outcome.err
    assert "1.26.6" in outcome.err.replace("1.26.66", "")


def test_fetching_leaves_out_what_the_manifest_says(built: Workspace, tmp_path: Path) -> None:
    url, commit = upstream(tmp_path / "up")
    with_upstream(built, url, commit)
    built.build()
    checkout = built.root / "sources/printer/up"
    assert (checkout / "main.go").is_file()
    assert not (checkout / "big.bin").exists()
    assert built.build().done == set()


def test_unreachable_upstream(built: Workspace, tmp_path: Path) -> None:
    with_upstream(built, f"file://{tmp_path}/nowhere", "0" * 40)
    outcome = built.doit("release=printer", "build", expect=None)
    assert outcome.code
    for text in (f"file://{tmp_path}/nowhere", "insteadOf", "override", "release=printer"):
        assert text in outcome.text
    assert "Traceback" not in outcome.text


def test_moved_tag(built: Workspace, tmp_path: Path) -> None:
    url, commit = upstream(tmp_path / "up")
    with_upstream(built, url, "1" * 40)
    outcome = built.doit("release=printer", "build", expect=None)
    assert outcome.code
    assert "1" * 40 in outcome.text
    assert commit in outcome.text
    assert "Tags of releases should not move" in outcome.text


def test_missing_tag(built: Workspace, tmp_path: Path) -> None:
    url, commit = upstream(tmp_path / "up")
    with_upstream(built, url, commit, tag="v2")
    outcome = built.doit("release=printer", "build", expect=None)
    assert outcome.code
    assert "no such tag" in outcome.text


def test_patch_that_does_not_apply(built: Workspace) -> None:
    built.edit("vendor-patches/printer/say-patched.patch", '-\tfmt.Printf("goprinter', '-\tfmt.Printf("goprnter')
    before = (built.root / MAIN).read_text()
    outcome = built.doit("release=printer", "build", expect=None)
    assert outcome.code
    assert "vendor-patches/printer/say-patched.patch" in outcome.text
    assert "cmd/goprinter/main.go at line" in outcome.text
    assert 'fmt.Printf("goprinter %s' in outcome.text  # what is there now
    assert (built.root / MAIN).read_text() == before


def test_patch_that_upstream_has(built: Workspace) -> None:
    built.edit("examples/printer/cmd/goprinter/main.go", "Go on %s\\n", "Go on %s, patched\\n")
    built.build()
    mark = json.loads((built.root / "sources/printer/printer/.git/crosscourse.json").read_text())
    assert mark["patches"] == {"printer/say-patched.patch": "already upstream"}


@pytest.mark.parametrize("how", ["edited", "new", "committed"])
def test_edited_checkout_is_kept(built: Workspace, how: str) -> None:
    checkout = built.root / "sources/printer/printer"
    if how == "new":
        (checkout / "mine.txt").write_text("mine")
    else:
        built.edit(MAIN, "Go on", "my Go on")
    if how == "committed":
        command = ["git", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qam", "mine"]
        subprocess.run(command, cwd=checkout, check=True)
    built.edit("vendor-patches/printer/say-patched.patch", ", patched", ", patched twice")
    outcome = built.doit("release=printer", "build", expect=None)
    assert outcome.code
    assert "has edits of yours, which are kept" in outcome.text
    assert {"edited": "cmd/goprinter/main.go", "new": "mine.txt", "committed": "commit "}[how] in outcome.text
    assert "override" in outcome.text
    if how == "new":
        assert (checkout / "mine.txt").read_text() == "mine"
    else:
        assert "my Go on" in (built.root / MAIN).read_text()


def test_compile_error_shows_the_log(built: Workspace) -> None:
    built.edit(MAIN, "func main() {", "func main() { nonsense()")
    outcome = built.doit("release=printer", "build", expect=None)
    assert outcome.code
    assert "undefined: nonsense" in outcome.text
    assert "build/printer/logs/compile-armv7-goprinter.log" in outcome.text
    assert "Traceback" not in outcome.text
    built.edit(MAIN, "func main() { nonsense()", "func main() {")
    built.build()


def test_missing_git(built: Workspace, tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "sh").symlink_to("/bin/sh")
    outcome = built.doit("release=printer", "build", expect=None, PATH=str(programs))
    assert outcome.code
    assert "git: was not found" in outcome.text
    assert "Traceback" not in outcome.text


def test_second_run_is_told_who_is_there(built: Workspace) -> None:
    with (built.root / "build/printer/.lock").open("r+") as lock:
        lock.write("process 123, since 12:00:00: doit build\n")
        lock.truncate()
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        for command in (["build"], ["clean"]):
            outcome = built.doit(*command, "release=printer", expect=3)
            assert "process 123, since 12:00:00" in outcome.err
    assert built.package.is_file()


def test_a_program_that_only_speaks_of_a_full_disk(built: Workspace) -> None:
    built.edit(
        "releases/printer.toml",
        'command = ["gperf"',
        'command = ["python", "-c", "raise OSError(28, \'No space left on device\')"',
    )
    outcome = built.doit("release=printer", "build", expect=None)
    assert outcome.code
    assert "no space left on the disk" not in outcome.text
    assert "exit status 1" in outcome.text
    assert "Traceback" not in outcome.text.replace("| Traceback", "")  # the program's own is quoted


@pytest.mark.parametrize("place", ["build", "build/printer", "build/printer/logs", "build/printer/tmp", "dist"])
def test_a_file_where_a_folder_belongs(workspace: Workspace, place: str) -> None:
    path = workspace.root / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine")
    outcome = workspace.doit("release=printer", "build", expect=None)
    assert outcome.code
    assert place in outcome.text
    assert "Something else is in its place" in outcome.text
    assert "Traceback" not in outcome.text
    assert path.read_text() == "mine"
    workspace.doit("release=printer", "plan")
    path.unlink()
    workspace.doit("release=printer", "build")


def test_a_folder_where_a_tarball_belongs(built: Workspace) -> None:
    wanted = built.package.read_bytes()
    built.package.unlink()
    (built.package / "mine").mkdir(parents=True)
    outcome = built.doit("release=printer", "build", expect=1)
    assert "Something else is in its place" in outcome.text
    assert (built.package / "mine").is_dir()
    (built.package / "mine").rmdir()
    built.package.rmdir()
    built.doit("release=printer", "build")
    assert built.package.read_bytes() == wanted


@pytest.mark.parametrize("content", [b"", b"garbage\n", b"SQLite format 3\0", None])
def test_damaged_records(built: Workspace, content: bytes | None) -> None:
    wanted = built.package.read_bytes()
    records = built.root / "build/printer/records"
    records.unlink()
    if content is None:
        (records / "x").mkdir(parents=True)
    else:
        records.write_bytes(content)
    for words in (["plan"], ["list", "--all", "-s"], ["build"]):
        outcome = built.doit("release=printer", *words)
        assert "Traceback" not in outcome.text
        assert ("is found out anew" in outcome.err) == (content != b"")
    assert built.package.read_bytes() == wanted
    assert "Up to date" in built.doit("release=printer", "build").text


def test_looking_and_a_build_with_nothing_to_do_write_nothing(built: Workspace) -> None:
    built.doit("release=printer", "build", "verify")
    build = built.root / "build"

    def state() -> dict[str, int]:
        ours = {"code.json", note.FOLDER, ".lock"}  # what makes the next start faster; who is at work
        return {str(path): path.lstat().st_mtime_ns for path in build.rglob("*") if ours.isdisjoint(path.parts)}

    before = state()
    for words in (["list"], ["plan"], ["clean", "--dry-run"], ["build", "verify"]):
        built.doit("release=printer", *words)
    assert {path for path, time in state().items() if before.get(path) != time} <= {str(build / "printer")}


def test_checkout_that_is_not_ours_is_in_the_way(workspace: Workspace) -> None:
    folder = workspace.root / "sources/printer/printer"
    folder.mkdir(parents=True)
    (folder / "precious.txt").write_text("mine")
    outcome = workspace.doit("release=printer", "build", expect=None)
    assert outcome.code
    assert "is in the way" in outcome.text
    assert (folder / "precious.txt").read_text() == "mine"
