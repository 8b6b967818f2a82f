"""``doit repository``: the release's Debian packages as a folder that apt can be pointed at."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from doit.cmd_base import DoitCmdBase

from crosscourse import files
from crosscourse.commands.run import ending_children
from crosscourse.debian import repository
from crosscourse.debian.repository import Listed, Signer
from crosscourse.engine import graph
from crosscourse.engine.check import JobCheck
from crosscourse.engine.job import Job
from crosscourse.engine.lock import exclusive
from crosscourse.errors import CrosscourseError
from crosscourse.project import of_loader
from crosscourse.view.text import write_line

OPTION_KEY = {
    "name": "key",
    "long": "key",
    "type": str,
    "default": "",
    "help": "sign it with this key, as gpg knows it",
}


class Repository(DoitCmdBase):  # type: ignore[misc]  # doit has no type hints
    """Writes the Debian packages that were built into a repository for apt."""

    name = "repository"
    doc_purpose = "write the Debian packages that were built into a repository for apt"
    doc_usage = "FOLDER"
    doc_description = (
        "The folder can lie on a stick or on a web server: machines that it is named to say `apt install` then. "
        "Packages of all targets that were built go into it; what is there already stays, and is listed with them.\n"
        "Without --key nothing in it is signed, and machines have to be told to trust it."
    )
    cmd_options = (OPTION_KEY,)

    def _execute(self, key: str, pos_args: list[str] | None = None) -> int:  # doit passes options by name
        graph.refuse_late_options(pos_args or [])
        project = of_loader(self.loader)
        names = pos_args or []
        if len(names) != 1:
            raise CrosscourseError(
                "repository", "expected the name of one folder", "For example: ./doit repository apt"
            )
        folder = Path(os.environ.get("CROSSCOURSE_CWD") or Path.cwd(), names[0]).resolve()
        found = list(self._built(graph.jobs_of(self.task_list), project.layout.dist))
        self.dep_manager.close()
        if not found:
            raise CrosscourseError(
                "repository",
                f"no Debian package of {project.layout.release} is built as it would be built now",
                "Build them first: ./doit build",
            )
        log = project.layout.build / "logs" / "repository.log"
        with exclusive(project.layout.build), ending_children():
            log.parent.mkdir(parents=True, exist_ok=True)
            log.write_text("", encoding="utf-8")
            listed = repository.write(
                folder,
                found,
                origin="crosscourse",
                epoch=project.manifest.epoch,
                signer=Signer(key=key, log=log, env=dict(os.environ)) if key else None,
            )
        for line in describe(listed, folder, signed=bool(key)):
            write_line(self.outstream, line)
        return 0

    def _built(self, jobs: Sequence[Job], dist: Path) -> Iterator[Path]:
        """The packages in ``dist`` that are there as they would be made now: others, a guest's, are for nobody."""
        making = [
            job
            for job in jobs
            if any(path.suffix == ".deb" and path.parent == dist for path in job.step.outputs.values())
        ]
        graph.prefetch(making)
        for job in making:
            check = JobCheck(job)
            check.setup(self.dep_manager, {})
            if not check.why(self.dep_manager.get_values(job.step.name)):
                yield from job.step.outputs.values()


def describe(listed: Sequence[Listed], folder: Path, *, signed: bool) -> Iterator[str]:
    """What is in the repository, and what to tell a machine."""
    width = max(len(one.name) for one in listed)
    for one in listed:
        yield f"{one.name:<{width}}  {one.version}  {one.architecture}"
    yield f"{len(listed)} packages in {files.relative(folder)}. A machine that has it there is told so:"
    yield f"  echo '{repository.source_line(folder, signed=signed)}' >/etc/apt/sources.list.d/crosscourse.list"
