"""``patches``, ``patch-export`` and what ``plan`` says of patches, on the checkout of the printer example."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.endtoend.conftest import Workspace

SOURCE = "sources/printer/printer"
MAIN = f"{SOURCE}/cmd/goprinter/main.go"
PATCH = "vendor-patches/printer/say-patched.patch"


def git(workspace: Workspace, *words: str) -> str:
    """Git in the checkout, as a person would call it."""
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@t", *words]
    return subprocess.run(
        command, cwd=workspace.root / SOURCE, check=True, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"}
    ).stdout.strip()


def export(workspace: Workspace, *, expect: int = 0) -> str:
    return workspace.doit("release=printer", "patch-export", "printer", expect=expect).text


def patches(workspace: Workspace) -> dict[str, str]:
    """The states in the table, by file; columns are at least two spaces apart."""
    lines = workspace.doit("release=printer", "patches").out.splitlines()
    assert lines[0].split() == ["source", "patch", "state", "subject"]
    columns = [lines[0].index(word) for word in ("patch", "state", "subject")]
    return {line[columns[0] : columns[1]].strip(): line[columns[1] : columns[2]].strip() for line in lines[1:]}


def files(workspace: Workspace) -> dict[str, bytes]:
    folder = workspace.root / "vendor-patches" / "printer"
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def set_patches(workspace: Workspace, *names: str) -> None:
    listed = ", ".join(f'"printer/{name}.patch"' for name in names)
    manifest = workspace.root / "releases" / "printer.toml"
    lines = [
        f"patches = [{listed}]" if line.startswith("patches = ") else line for line in manifest.read_text().split("\n")
    ]
    manifest.write_text("\n".join(lines))


def test_table_of_a_release_without_checkouts(workspace: Workspace) -> None:
    outcome = workspace.doit("release=printer", "patches")
    assert outcome.out.splitlines() == [
        "source   patch                      state          subject",
        "printer  printer/say-patched.patch  not tried yet  goprinter: say that it was patched",
    ]
    assert "concourse-8.2.5:" in workspace.doit("patches", "--all").out


def test_table_follows_the_patch_file(built: Workspace) -> None:
    assert patches(built) == {"printer/say-patched.patch": "applied"}
    built.edit(PATCH, '-\tfmt.Printf("goprinter', '-\tfmt.Printf("goprnter')
    assert patches(built) == {"printer/say-patched.patch": "not tried yet"}
    built.build("patch:printer", expect=None)
    assert patches(built) == {"printer/say-patched.patch": "does not apply"}
    built.edit(PATCH, '-\tfmt.Printf("goprnter', '-\tfmt.Printf("goprinter')
    built.build("patch:printer")
    assert patches(built) == {"printer/say-patched.patch": "applied"}


def test_patch_that_upstream_has_is_reported(built: Workspace) -> None:
    built.edit("examples/printer/cmd/goprinter/main.go", "Go on %s\\n", "Go on %s, patched\\n")
    built.build()
    assert patches(built) == {"printer/say-patched.patch": "already upstream"}
    plan = built.doit("release=printer", "plan").out.splitlines()
    assert plan[-1] == "printer/say-patched.patch is already in printer: it can go from source.printer.patches"
    set_patches(built)
    built.build()
    assert "can go" not in built.doit("release=printer", "plan").out
    assert "printer has no patches." in built.doit("release=printer", "patches").out


def test_export_without_edits_changes_nothing(built: Workspace) -> None:
    before = files(built)
    assert export(built).split() == [PATCH, "unchanged"]
    assert files(built) == before
    assert built.build().done == set()


def test_amended_commit_is_exported_and_the_next_build_is_clean(built: Workspace) -> None:
    header = files(built)["say-patched.patch"].partition(b"diff --git")[0]
    built.edit(MAIN, ", patched", ", patched twice")
    git(built, "commit", "-qa", "--amend", "--no-edit")
    assert "written" in export(built)
    made = files(built)["say-patched.patch"]
    assert made.startswith(header)
    assert b'+\tfmt.Printf("goprinter %s: Go on %s, patched twice' in made
    assert b"\nindex " not in made
    assert patches(built) == {"printer/say-patched.patch": "applied"}
    assert "patch:printer" in built.build().done
    assert git(built, "log", "-1", "--format=%an %s") == "crosscourse vendor patch printer/say-patched.patch"
    assert built.build().done == set()
    assert export(built).split() == [PATCH, "unchanged"]
    assert files(built)["say-patched.patch"] == made


@pytest.mark.parametrize("rebased", [False, True], ids=["exported as it is", "after a rebase"])
def test_fixup_goes_into_its_patch(built: Workspace, rebased: bool) -> None:
    (built.root / SOURCE / "more.txt").write_text("more\n")
    git(built, "add", "more.txt")
    git(built, "commit", "-qm", "more of it\n\nThere was too little.")
    built.edit(MAIN, ", patched", ", patched twice")
    git(built, "commit", "-qam", "fixup! vendor patch printer/say-patched.patch")
    if rebased:
        git(built, "-c", "sequence.editor=true", "rebase", "-qi", "--autosquash", "HEAD~3")
    export(built)
    assert b"patched twice" in files(built)["say-patched.patch"]
    assert files(built)["more-of-it.patch"] == (
        b"Subject: more of it\n\nWhy: There was too little.\nUpstream: not submitted.\n\n"
        b"diff --git a/more.txt b/more.txt\nnew file mode 100644\n--- /dev/null\n+++ b/more.txt\n@@ -0,0 +1 @@\n+more\n"
    )
    set_patches(built, "say-patched", "more-of-it")
    built.build()
    assert git(built, "log", "-2", "--format=%s").splitlines() == [
        "vendor patch printer/more-of-it.patch",
        "vendor patch printer/say-patched.patch",
    ]
    assert "patched twice" in (built.root / MAIN).read_text()


def test_fixup_that_can_not_be_moved(built: Workspace) -> None:
    built.edit(MAIN, ", patched", ", patched by me")
    git(built, "commit", "-qam", "mine")
    built.edit(MAIN, ", patched by me", ", patched by you")
    git(built, "commit", "-qam", "fixup! vendor patch printer/say-patched.patch")
    before = files(built)
    assert "rebase -i --autosquash" in export(built, expect=3)
    assert files(built) == before


def test_new_commit_becomes_a_new_patch(built: Workspace) -> None:
    built.edit(f"{SOURCE}/program/main.c", "return", "(void)0; return")
    git(built, "commit", "-qam", "cprinter: say nothing, twice")
    text = export(built)
    assert 'patches = ["printer/say-patched.patch", "printer/cprinter-say-nothing-twice.patch"]' in text
    assert "releases/printer.toml" in text
    made = files(built)["cprinter-say-nothing-twice.patch"]
    assert made.startswith(
        b"Subject: cprinter: say nothing, twice\n\nUpstream: not submitted.\n\ndiff --git a/program/main.c"
    )
    export(built)
    assert files(built)["cprinter-say-nothing-twice.patch"] == made
    outcome = built.build(expect=None)  # the manifest does not name it: it must not get lost
    assert outcome.code
    assert "was exported from the checkout, but the manifest does not name it" in outcome.text
    set_patches(built, "say-patched", "cprinter-say-nothing-twice")
    built.build()
    assert "(void)0; return" in (built.root / SOURCE / "program/main.c").read_text()
    assert set(patches(built).values()) == {"applied"}
    assert built.build().done == set()


def test_dropped_commit_is_told_and_its_file_stays(built: Workspace) -> None:
    before = files(built)
    git(built, "reset", "-q", "--hard", "HEAD~1")
    assert "printer/say-patched.patch: the checkout has no such change any more" in export(built)
    assert files(built) == before
    set_patches(built)
    built.build()
    assert ", patched" not in (built.root / MAIN).read_text()


@pytest.mark.parametrize("how", ["edited", "new", "staged"])
def test_uncommitted_edits_are_refused(built: Workspace, how: str) -> None:
    before = files(built)
    if how == "new":
        (built.root / SOURCE / "mine.txt").write_text("mine")
    else:
        built.edit(MAIN, "Go on", "my Go on")
    if how == "staged":
        git(built, "add", "-A")
    text = export(built, expect=3)
    assert "has edits that are not committed: " + ("mine.txt" if how == "new" else "cmd/goprinter/main.go") in text
    assert "commit -a --fixup" in text
    assert files(built) == before


def test_change_on_both_sides_is_refused(built: Workspace) -> None:
    built.edit(MAIN, ", patched", ", patched here")
    git(built, "commit", "-qa", "--amend", "--no-edit")
    built.edit(PATCH, ", patched", ", patched there")
    before = files(built)
    assert "the checkout has another change of it" in export(built, expect=3)
    assert files(built) == before


def test_patch_file_newer_than_its_checkout_is_kept(built: Workspace) -> None:
    built.edit(PATCH, ", patched", ", patched there")
    before = files(built)
    assert "left as it is" in export(built)
    assert files(built) == before
    built.build()
    assert ", patched there" in (built.root / MAIN).read_text()


def test_branch_still_counts_as_an_edit(built: Workspace) -> None:
    git(built, "switch", "-qc", "mine")
    assert "still has edits of yours, and is not made anew: refs/heads/mine" in export(built)


def test_edits_outlive_the_loss_of_all_that_was_built(built: Workspace) -> None:
    built.edit(MAIN, ", patched", ", patched by me")
    built.build()
    program = built.program("goprinter").read_bytes()
    shutil.rmtree(built.root / "build")
    shutil.rmtree(built.root / "dist")
    built.build()
    assert ", patched by me" in (built.root / MAIN).read_text()
    assert built.program("goprinter").read_bytes() == program
    set_patches(built)
    assert "cmd/goprinter/main.go" in built.build(expect=None).text
    assert ", patched by me" in (built.root / MAIN).read_text()


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["stash", "-q"], "refs/stash"),
        (["commit", "-qam", "mine"], "commit "),
        (["branch", "mine"], "refs/heads/mine"),
    ],
)
def test_what_gc_packed_is_kept(built: Workspace, words: list[str], shown: str) -> None:
    built.edit(MAIN, ", patched", ", patched by me")
    git(built, *words)
    git(built, "gc", "-q")
    before = git(built, "rev-list", "--all", "HEAD")
    outcome = built.doit("release=printer", "clean", "--all", expect=1)
    assert f"kept: {SOURCE}: has edits of yours" in outcome.out
    assert shown in outcome.out
    set_patches(built)
    assert shown in built.build(expect=None).text
    assert git(built, "rev-list", "--all", "HEAD") == before


def test_commits_before_an_amend_are_kept(built: Workspace) -> None:
    for what in ("first", "then"):
        built.edit(MAIN, "Go on", f"{what} Go on")
        git(built, "commit", "-qa", "--amend", "--no-edit")
    first = git(built, "rev-parse", "HEAD@{1}")
    export(built)
    built.build()
    assert git(built, "log", "-1", "--format=%an") == "crosscourse"
    assert '"goprinter %s: first Go on' in git(built, "show", first)
    assert f"commit {first[:12]}" in built.doit("release=printer", "clean", "--all", expect=1).out
    assert "first Go on" in git(built, "show", first)
    git(built, "reflog", "expire", "--expire=now", "--all")
    git(built, "gc", "-q", "--prune=now")
    built.doit("release=printer", "clean", "--all")
    assert not (built.root / SOURCE).exists()


def test_exported_commit_outlives_the_loss_of_its_patch(built: Workspace) -> None:
    """The patch file is taken back (by git checkout, say) before the next build."""
    before = files(built)["say-patched.patch"]
    built.edit(MAIN, ", patched", ", patched twice")
    git(built, "commit", "-qa", "--amend", "--no-edit")
    commit = git(built, "rev-parse", "HEAD")
    export(built)
    (built.root / PATCH).write_bytes(before)
    assert f"commit {commit[:12]}" in built.doit("release=printer", "clean", "--all", expect=1).out
    built.build()
    assert "patched twice" not in (built.root / MAIN).read_text()
    assert "patched twice" in git(built, "show", commit)
    assert commit in git(built, "reflog", "--format=%H").split()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["patch-export"], "expected the name of one source"),
        (["patch-export", "prnter"], "Did you mean 'printer'?"),
        (["override=printer=examples/printer", "patch-export", "printer"], "is a folder of your own"),
        (["patches", "printer"], "this command takes no names"),
    ],
)
def test_misuse(built: Workspace, words: list[str], expected: str) -> None:
    outcome = built.doit("release=printer", *words, expect=3)
    assert expected in outcome.text
    assert "Traceback" not in outcome.text


@pytest.mark.parametrize("command", ["patches", "patch-export"])
def test_help(built: Workspace, command: str) -> None:
    text = built.doit("help", command).out
    assert "PURPOSE" in text
    assert f" {command}" in text


def test_export_needs_a_checkout(workspace: Workspace) -> None:
    assert "./doit patch:printer" in export(workspace, expect=3)
    assert not Path(workspace.root / "sources").exists()
