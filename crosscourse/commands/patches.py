"""``doit patches``: our changes to upstream's sources, and what became of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from doit.cmd_base import DoitCmdBase

from crosscourse.commands.base import flag
from crosscourse.errors import CrosscourseError
from crosscourse.git.checkout import mark_file, readable_marks
from crosscourse.layout import Layout
from crosscourse.manifest.load import load
from crosscourse.manifest.model import Manifest
from crosscourse.patches import table as patch_table
from crosscourse.project import Project, known_releases, of_loader
from crosscourse.view.text import write_line

OPTION_ALL = flag("all", "the patches of all releases", short="a")


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
        project = of_loader(self.loader)
        releases = list(_releases(project)) if all else [(project.manifest, project.layout)]
        for index, (manifest, layout) in enumerate(releases):
            lines = patch_table.describe(list(_rows(manifest, layout))) or [f"{layout.release} has no patches."]
            title = [*([""] if index else []), f"{layout.release}:"] if all else []
            for line in [*title, *lines]:
                write_line(self.outstream, line)
        return 0


def _rows(manifest: Manifest, layout: Layout) -> Iterator[patch_table.Row]:
    """Every patch of a release, in the manifest's order."""
    for name, source in manifest.source.items():
        yield from patch_table.rows(
            name,
            {patch: layout.vendor_patches / patch for patch in source.patches},
            commit=source.commit,
            marks=None
            if name in layout.override
            else [*readable_marks(layout.failed_patches(name), mark_file(layout.checkout(name)))],
        )


def _releases(project: Project) -> Iterator[tuple[Manifest, Layout]]:
    """Every release, with the settings of this one."""
    for name, path in known_releases(project.layout.root).items():
        loaded = load(path, patches=project.layout.vendor_patches, tables=project.tables)
        yield loaded.manifest, replace(project.layout, release=name, bases=loaded.bases)
