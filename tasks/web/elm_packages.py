"""Elm's packages for one application: fetched from git by commit, and laid out as the compiler wants them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from crosscourse.git import store
from crosscourse.git.command import environment, git
from crosscourse.git.store import Pin
from crosscourse.run.retry import retrying
from toolchains import elm
from toolchains.elm import Package

if TYPE_CHECKING:
    from crosscourse.engine.places import Places

# Of a server's connections at once; more is impolite.
_AT_ONCE = 4


def fill(home: Path, compiler: str, packages: Sequence[Package], at: Places) -> None:
    """Make ``home`` an ELM_HOME with these packages, for that version of the compiler.

    They are fetched into the cache folder unless they are there. Raises what ``store.fetch`` raises.
    """
    at.status(f"fetching {len(packages)} packages of Elm")
    with ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="elm") as executor:
        logs = list(executor.map(lambda package: _fetch(home, compiler, package, at), packages))
    for log in logs:
        at.write_log(log)
    elm.write_registry(home, compiler, packages)


def _fetch(home: Path, compiler: str, package: Package, at: Places) -> str:
    """Fetch one; returns what git said: each has a log of its own, as what git answers is read from there."""
    name = package.name.lower().replace("/", "-")
    pin = Pin(name=f"elm-{name}", url=package.url, commit=package.commit)
    log = at.scratch / f"elm-{name}.log"
    log.touch()
    objects = store.store_folder(at.caches, pin)
    store.fetch(pin, objects, dataclasses.replace(at, log=log))
    folder = elm.package_folder(home, compiler, package)
    folder.mkdir(parents=True)
    index = environment(GIT_INDEX_FILE=str(at.scratch / f"elm-{name}.index"))
    words = (f"--git-dir={objects}", f"--work-tree={folder}", "checkout", "--quiet", package.commit, "--", *elm.CONTENT)
    git(folder, *words, log=log, env=index)
    return log.read_text(encoding="utf-8", errors="replace")


def ask(wanted: elm.Application, at: Places) -> dict[str, str]:
    """The commit of each package that an application wants, by ``author/project VERSION``, as the tags say it now.

    Raises ElmError for a version that has no tag.
    """
    return {f"{name} {version}": _commit(name, version, at) for name, version in wanted.packages.items()}


def _commit(name: str, version: str, at: Places) -> str:
    url = Package(name=name, version=version, commit="").url
    at.status(f"asking for {name} {version}")
    refs = (f"refs/tags/{version}", f"refs/tags/{version}^{{}}")
    listing = retrying(lambda: git(at.scratch, "ls-remote", "--quiet", url, *refs, log=at.log), status=at.status)
    rows = [line.split("\t") for line in listing.splitlines() if "\trefs/tags/" in line]
    found = {ref: commit for commit, ref in rows}
    commit = found.get(refs[1]) or found.get(refs[0])
    if not commit:
        raise elm.ElmError(url, f"has no tag {version}", "Elm's packages are tagged by version: see the repository.")
    return commit
