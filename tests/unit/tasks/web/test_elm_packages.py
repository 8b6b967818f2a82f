"""Packages of Elm come from git, at the commit of the lock file, and no file more than the compiler reads."""

import subprocess
from pathlib import Path

import pytest

from tasks.web import elm_packages
from tests.unit.places import make_places
from toolchains import elm
from toolchains.elm import Application, ElmError, Package

WHO = ("-c", "user.name=x", "-c", "user.email=x@x", "-c", "init.defaultBranch=main")


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *WHO, *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def upstream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Two repositories where the package site would have them; the commit of each."""
    monkeypatch.setattr(elm, "SITE", f"file://{tmp_path}/site/")
    commits = {}
    for name in ("elm/core", "Some-One/thing"):
        folder = tmp_path / "site" / name
        (folder / "src").mkdir(parents=True)
        (folder / "elm.json").write_text("{}")
        (folder / "src" / "Main.elm").write_text(name)
        (folder / "rest").write_text("x")
        git(folder, "init", "-q")
        git(folder, "add", ".")
        git(folder, "commit", "-qm", "x")
        git(folder, "tag", "-am", "x", "1.0.5")
        git(folder, "config", "uploadpack.allowFilter", "true")
        git(folder, "config", "uploadpack.allowAnySHA1InWant", "true")
        commits[name] = git(folder, "rev-parse", "HEAD")
    return commits


def test_tags_are_asked_for_and_commits_fetched(tmp_path: Path, upstream: dict[str, str]) -> None:
    wanted = Application(elm="0.19.1", packages={"Some-One/thing": "1.0.5", "elm/core": "1.0.5"})
    asked = elm_packages.ask(wanted, make_places(tmp_path / "ask"))
    assert asked == {f"{name} 1.0.5": commit for name, commit in upstream.items()}
    packages = [Package(name=name, version="1.0.5", commit=commit) for name, commit in upstream.items()]
    home = tmp_path / "elm"
    elm_packages.fill(home, "0.19.1", packages, make_places(tmp_path / "fill"))
    top = home / "0.19.1" / "packages"
    assert {str(path.relative_to(top)) for path in top.rglob("*") if path.is_file()} == {
        "registry.dat",
        *(f"{name}/1.0.5/{file}" for name in upstream for file in ("elm.json", "src/Main.elm")),
    }
    assert (top / "elm/core/1.0.5/src/Main.elm").read_text() == "elm/core"


def test_a_version_without_a_tag(tmp_path: Path, upstream: dict[str, str]) -> None:  # noqa: ARG001
    wanted = Application(elm="0.19.1", packages={"elm/core": "9.9.9"})
    with pytest.raises(ElmError, match=r"elm/core: has no tag 9\.9\.9"):
        elm_packages.ask(wanted, make_places(tmp_path / "ask"))
