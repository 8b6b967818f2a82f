"""The program of our own servers, which resource types are tried against: Go, compiled for this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tasks import go_modules, names
from tasks.boot import specs
from toolchains import go

if TYPE_CHECKING:
    from crosscourse.engine.places import Places

SOURCE = Path(__file__).resolve().parent.parent / "stand-ins"
# What is made of them: part of this code.
CODE_FILES = (
    "../stand-ins/go.mod",
    "../stand-ins/go.sum",
    "../stand-ins/git_http.go",
    "../stand-ins/git_ssh.go",
    "../stand-ins/github_api.go",
    "../stand-ins/https.go",
    "../stand-ins/logged.go",
    "../stand-ins/main.go",
    "../stand-ins/s3.go",
)


def make(spec: specs.StandIns, at: Places) -> None:
    """Compile it, with modules as its go.sum has them. Raises ModulesError, CommandError."""
    goroot = at.need(names.toolchain("go"), "program").parent.parent
    env = go.environment(goroot, cache=at.caches, home=at.scratch, target={})
    at.status("downloading modules")
    words = ["go", "list", "-deps", "-f", "{{if .DepsErrors}}{{end}}", "."]
    go_modules.download(at, words, env, SOURCE, "stand-ins")
    at.status("compiling")
    at.run(["go", "build", *spec.go_flags, "-o", at.output(), "."], env=env, cwd=SOURCE)
