"""``doit patch-export``: commits of a checkout become files of ``vendor-patches/``."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

from doit.cmd_base import DoitCmdBase

from crosscourse import files
from crosscourse.commands.run import ending_children
from crosscourse.engine import graph
from crosscourse.engine.lock import exclusive
from crosscourse.errors import CrosscourseError, UnknownNameError
from crosscourse.patches import export as patch_export
from crosscourse.patches.export import Outcome
from crosscourse.project import of_loader
from crosscourse.view.text import write_line

_MAX_WIDTH = 120


class PatchExport(DoitCmdBase):  # type: ignore[misc]  # doit has no type hints
    """Writes what a person committed in a checkout back to its patches."""

    name = "patch-export"
    doc_purpose = "write what you committed in a source's checkout to vendor-patches/"
    doc_usage = "SOURCE"
    doc_description = (
        "The checkout has a commit for each patch. Amend one (or commit with --fixup), or add commits of your own: "
        "each of those becomes a new patch, its message's first line the subject, the rest the reason.\n"
        "A patch that was not changed keeps every byte, one that was changed keeps its header. "
        "Manifests are not changed: what to write there is said."
    )
    cmd_options = ()

    def _execute(self, pos_args: list[str] | None = None) -> int:
        graph.refuse_late_options(pos_args or [])
        project = of_loader(self.loader)
        self.dep_manager.close()
        layout, sources = project.layout, project.manifest.source
        names = pos_args or []
        if len(names) != 1:
            known = ", ".join(name for name, table in sources.items() if table.patches)
            raise CrosscourseError(
                "patch-export", "expected the name of one source", f"With patches: {known or 'none'}."
            )
        if names[0] not in sources:
            raise UnknownNameError("source", names[0], sources)
        name = names[0]
        folder = layout.checkout(name)
        patches = sources[name].patches
        if name in layout.override:
            raise CrosscourseError(os.path.relpath(folder), "is a folder of your own: no patches of ours are in it")
        with exclusive(layout.build), ending_children():
            log = layout.build / "logs" / f"patch-export-{name}.log"
            log.parent.mkdir(parents=True, exist_ok=True)
            log.write_text("", encoding="utf-8")
            with files.scratch_folder(layout.build / "tmp" / "patch-export") as scratch:
                outcome = patch_export.export(
                    folder,
                    source=name,
                    patches=patches,
                    vendor_patches=layout.vendor_patches,
                    log=log,
                    scratch=scratch,
                )
        manifest = Path("releases") / f"{layout.release}.toml"
        for line in describe(outcome, source=name, patches=patches, manifest=manifest):
            write_line(self.outstream, line)
        return 0


def describe(outcome: Outcome, *, source: str, patches: list[str], manifest: Path) -> Iterator[str]:
    """What was exported, and what is left for the person to do. ``patches``: what the manifest names."""
    width = max((len(one.file) for one in outcome.exported), default=0)
    for one in outcome.exported:
        yield f"vendor-patches/{one.file:<{width}}  {one.what}"
    if not outcome.exported:
        yield f"{source} has no commits to export."
    for patch in outcome.dropped:
        yield f"{patch}: the checkout has no such change any more. Remove it from {manifest}; its file stays."
    if outcome.wanted != patches:
        yield f"In {manifest}, [source.{source}], the patches are now:"
        yield from _as_toml(outcome.wanted)
    if outcome.edits:
        yield f"The checkout still has edits of yours, and is not made anew: {', '.join(outcome.edits)}"


def _as_toml(patches: list[str]) -> list[str]:
    """The manifest's ``patches``, a line each where they don't fit on one."""
    line = f"patches = {json.dumps(patches)}"
    if len(line) <= _MAX_WIDTH:
        return [line]
    return ["patches = [", *(f"    {json.dumps(patch)}," for patch in patches), "]"]
