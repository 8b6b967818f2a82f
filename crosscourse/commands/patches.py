"""``doit patches``: our changes to upstream's sources, and what became of each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from doit.cmd_base import DoitCmdBase

from crosscourse.errors import CrosscourseError
from crosscourse.manifest.model import load_manifest
from crosscourse.patches import table as patch_table
from crosscourse.project import Project, known_releases
from crosscourse.view.text import say

OPTION_ALL = {
    "name": "all",
    "short": "a",
    "long": "all",
    "type": bool,
    "default": False,
    "help": "the patches of all releases",
}


class Patches(DoitCmdBase):  # type: ignore[misc]  # doit has no type hints
    """Lists the patches of the chosen release: source, file, state and subject."""

    name = "patches"
    doc_purpose = "list the patches of the chosen release, and what became of each"
    doc_usage = ""
    doc_description = (
        "States: `applied`; `already upstream`: it can go from the manifest; `does not apply`: the last build stopped "
        "there;\n"
        "`not tried yet`: there is no checkout, or it is older than the patch or the manifest."
    )
    cmd_options = (OPTION_ALL,)

    def _execute(self, all: bool, pos_args: list[str] | None = None) -> int:  # doit passes options by name
        self.dep_manager.close()
        if pos_args:
            raise CrosscourseError(" ".join(pos_args), "this command takes no names", "A release: release=NAME.")
        project = project_of(self.loader)
        projects = list(_releases(project)) if all else [project]
        for index, one in enumerate(projects):
            lines = patch_table.describe(list(patch_table.rows(one))) or [f"{one.release} has no patches."]
            title = [*([""] if index else []), f"{one.release}:"] if all else []
            for line in [*title, *lines]:
                say(self.outstream, line)
        return 0


def project_of(loader: Any) -> Project:
    """The project that dodo.py opened; CrosscourseError if it has none."""
    project = loader.namespace.get("project")
    if not isinstance(project, Project):
        raise CrosscourseError("dodo.py", "opens no project", "It must say: project = open_project(...)")
    return project


def _releases(project: Project) -> Iterator[Project]:
    """Every release as a project, with the settings of this one."""
    for name, path in known_releases(project.root).items():
        manifest = load_manifest(path, patches=project.vendor_patches)
        yield Project(root=project.root, release=name, manifest=manifest, settings=project.settings)
