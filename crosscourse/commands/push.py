"""``doit push``: the images of all targets that were built, pushed to a registry under one name."""

from __future__ import annotations

import functools
import os
import re
from pathlib import Path
from typing import Any

from doit.cmd_run import Run as DoitRun

from crosscourse import files
from crosscourse.commands import images
from crosscourse.commands.base import flag
from crosscourse.commands.run import Run, ending_children
from crosscourse.engine import graph
from crosscourse.engine.lock import exclusive
from crosscourse.errors import CrosscourseError
from crosscourse.formats import oci
from crosscourse.manifest.images import TOOL, tag
from crosscourse.project import Project, of_loader
from crosscourse.run import process
from crosscourse.view.text import write_line

OPTION_INSECURE = flag("insecure", "the registry is asked by http, or whoever signed its certificate")
# https://github.com/opencontainers/distribution-spec/blob/main/spec.md: a host, with a dot or a port unless it is this
# machine; a name; a tag.
_REFERENCE = re.compile(
    r"(?P<host>localhost(?::\d+)?|[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+(?::\d+)?|[A-Za-z0-9-]+:\d+|\[[0-9a-fA-F:]+\](?::\d+)?)"
    r"/(?P<name>[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?"
)
_EXAMPLE = "For example: ./doit push registry.example.org/ci/concourse:8.2.5"


class PushError(CrosscourseError):
    """A registry that does not take an image."""


class Push(Run):
    """Pushes the images that were built to a registry, as one index."""

    name = "push"
    doc_purpose = "push the images that were built, of all targets, to a registry"
    doc_usage = "REGISTRY/NAME[:TAG]"
    doc_description = (
        "What is pushed is one index, from which each machine takes the image for itself. Without TAG it is the "
        "release's version.\n"
        "Credentials are those that `docker login` or `podman login` keeps."
    )
    cmd_options = (*Run.cmd_options, images.OPTION_IMAGE, OPTION_INSECURE)

    def execute(self, params: Any, args: list[str]) -> Any:
        """doit's entry: options and words of the command line."""
        graph.refuse_late_options(args)
        self._to = destination(args)
        self._options = {name: params.pop(name) for name in ("image", "insecure")}
        return super().execute(params, [f"toolchain:{TOOL}"])

    @functools.wraps(DoitRun._execute)
    def _execute(self, *args: Any, **kwargs: Any) -> Any:
        project = of_loader(self.loader)
        name = images.chosen(project, self._options["image"])
        found = images.built(project, name, self.task_list, self.dep_manager)
        (tool,) = graph.jobs_of(task for task in self.task_list if task.name == f"toolchain:{TOOL}")
        status = super()._execute(*args, **kwargs)
        if status != 0:
            return status
        to = self._to if ":" in self._to.rpartition("/")[2] else f"{self._to}:{tag(project.manifest.release.version)}"
        with exclusive(project.layout.build), ending_children():
            joined = images.join(project, name, found)
            words: list[str | Path] = [tool.step.provides["program"], "push"]
            words += ["--insecure"] if self._options["insecure"] else []
            pushed = push(joined, to, words, project)
        for line in joined.described():
            write_line(self.outstream, line)
        write_line(self.outstream, f"pushed: {pushed}")
        return 0


def destination(words: list[str]) -> str:
    """Where to push to, of the command line's words. Raises CrosscourseError."""
    if len(words) != 1:
        raise CrosscourseError("push", "expected one name of an image in a registry", _EXAMPLE)
    if not _REFERENCE.fullmatch(words[0]):
        raise CrosscourseError(words[0], "is no name of an image in a registry: REGISTRY/NAME:TAG", _EXAMPLE)
    return words[0]


def push(joined: images.Joined, to: str, words: list[str | Path], project: Project) -> str:
    """Push, and return the name with the digest that the registry gives it. ``words``: the program and its options.

    Raises PushError.
    """
    build = project.layout.build
    log = build / "logs" / "push.log"
    log.unlink(missing_ok=True)
    with files.scratch_folder(build / "tmp" / "push") as scratch:
        oci.write_folder(scratch, joined.files)
        try:
            # The user's own environment: it says where credentials are, proxies, certificates.
            said = process.run([*words, scratch, to], log=log, env=dict(os.environ))
        except process.CommandError as error:
            raise explained(to, error.tail) from None
    return said.strip().splitlines()[-1]


def explained(to: str, said: str) -> PushError:
    """An error of the program's in words. ``said``: the end of what it printed."""
    host = to.partition("/")[0]
    last = next((line for line in reversed(said.splitlines()) if line.strip()), "")
    reason = last.removeprefix("Error: ")
    for pattern, found, remedy in _TROUBLE:
        if re.search(pattern, said):
            return PushError(to, f"{found}\n{reason}", remedy.format(host=host))
    return PushError(to, reason or "was not pushed", "")


# By what is said: by Go's net, net/http and crypto/tls, and by the registry (distribution-spec, "Error Codes").
_TROUBLE = (
    (
        r"server gave HTTP response to HTTPS client",
        "the registry speaks http, not https",
        "If that is meant: ./doit push --insecure ...",
    ),
    (
        r"x509|certificate",
        "the registry's certificate is signed by nobody known here",
        "Install the authority's certificate (or name it in SSL_CERT_FILE); or: ./doit push --insecure ...",
    ),
    (r"no such host|server misbehaving", "there is no registry of that name", "Is {host} spelled right?"),
    (
        r"connection refused|i/o timeout|no route to host|network is unreachable|deadline exceeded",
        "the registry does not answer",
        "Does it run at {host}, and is the network up?",
    ),
    (
        r"UNAUTHORIZED|401 Unauthorized|DENIED|403 Forbidden|authentication required",
        "the registry does not let this user push there",
        "docker login {host} (or podman login {host}); and the user must have the right to push to that name.",
    ),
    (r"NAME_UNKNOWN|404 Not Found", "the registry has no such place", "Make the repository there first."),
)
