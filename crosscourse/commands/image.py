"""``doit image``: the images of all targets that were built, in one archive with one index."""

from __future__ import annotations

import os
from pathlib import Path

from doit.cmd_base import DoitCmdBase

from crosscourse import files
from crosscourse.commands import images
from crosscourse.commands.run import ending_children
from crosscourse.engine import graph
from crosscourse.engine.lock import exclusive
from crosscourse.errors import CrosscourseError
from crosscourse.formats import oci
from crosscourse.manifest.images import archive_name
from crosscourse.project import of_loader
from crosscourse.view.text import write_line


class ImageArchive(DoitCmdBase):  # type: ignore[misc]  # doit has no type hints
    """Writes the images that were built into one archive."""

    name = "image"
    doc_purpose = "write the images that were built, of all targets, into one archive"
    doc_usage = "[FILE]"
    doc_description = (
        "The archive is an OCI layout with one index, from which each machine takes the image for itself: "
        "`skopeo copy --all oci-archive:FILE docker://...`, `podman load`, and `docker load` where docker keeps images "
        "in containerd. The archive of one target, which `build` makes, is taken by any docker.\n"
        "Without FILE it goes to dist/."
    )
    cmd_options = (images.OPTION_IMAGE,)

    def _execute(self, image: str, pos_args: list[str] | None = None) -> int:  # doit passes options by name
        graph.refuse_late_options(pos_args or [])
        project = of_loader(self.loader)
        words = pos_args or []
        if len(words) > 1:
            raise CrosscourseError("image", "expected the name of one file", "For example: ./doit image all.tar")
        name = images.chosen(project, image)
        found = images.built(project, name, self.task_list, self.dep_manager)
        self.dep_manager.close()
        default = project.layout.dist / archive_name(name, project.manifest.release.version)
        path = Path(os.environ.get("CROSSCOURSE_CWD") or Path.cwd(), words[0]).resolve() if words else default
        with exclusive(project.layout.build), ending_children():
            joined = images.join(project, name, found)
            with files.replacing(path) as partial:
                oci.write_archive(partial, joined.files, epoch=project.manifest.epoch)
        for line in joined.described():
            write_line(self.outstream, line)
        write_line(self.outstream, f"{files.relative(path)}: {path.stat().st_size / 1e6:.0f} MB")
        return 0
