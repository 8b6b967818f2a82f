"""``doit cache``: what the result cache holds, and emptying it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import msgspec
from doit.cmd_base import DoitCmdBase

from crosscourse.commands.base import flag
from crosscourse.commands.clean import OPTION_DRY_RUN
from crosscourse.engine.cache.folder import Entry, Folder
from crosscourse.errors import CrosscourseError
from crosscourse.project import of_loader
from crosscourse.view.text import write_line

OPTION_CLEAR = flag("clear", "remove everything from it")
_HEAD = ("kind", "entries", "size", "oldest", "last used")


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What entries of one kind come to: number, bytes, when the oldest was made, when one was last used (seconds)."""

    entries: int
    size: int
    oldest: float
    last_used: float


class Cache(DoitCmdBase):  # type: ignore[misc]  # doit has no type hints
    """Shows what the result cache holds by kind of step, or empties it."""

    name = "cache"
    doc_purpose = "say what the result cache holds, or empty it"
    doc_usage = ""
    doc_description = (
        "What steps made is kept in the cache folder (cache=FOLDER), for all checkouts and releases: what is there is "
        "taken in place of made again.\n"
        "When it grows over `cache-size`, what was not used for longest goes by itself. "
        "Removing it costs time, nothing else. Downloads, in the same folder, stay."
    )
    cmd_options = (OPTION_CLEAR, OPTION_DRY_RUN)

    def _execute(
        self,
        clear: bool,
        dryrun: bool,
        pos_args: list[str] | None = None,  # doit passes options by name
    ) -> int:
        self.dep_manager.close()
        if pos_args:
            raise CrosscourseError(" ".join(pos_args), "this command takes no names", "To empty the cache: --clear.")
        project = of_loader(self.loader)
        cache = Folder(project.layout.results)
        if clear:
            size = human_size(cache.size())
            if not dryrun:
                cache.clear()
            write_line(self.outstream, f"{'would remove' if dryrun else 'removed'} {size}: {os.fspath(cache.folder)}")
            return 0
        for line in describe(cache, limit=project.settings.cache_bytes, now=time.time()):
            write_line(self.outstream, line)
        return 0


def statistics(cache: Folder) -> dict[str, Usage]:
    """What is kept, by kind, in alphabetical order. A blob that entries of two kinds share counts for both."""
    found: dict[str, list[tuple[os.stat_result, Entry]]] = {}
    for _, info, entry in cache.entries():
        found.setdefault(entry.kind, []).append((info, entry))
    return {
        kind: Usage(
            entries=len(entries),
            size=sum({kept.digest: kept.size for _, entry in entries for kept in entry.outputs.values()}.values()),
            oldest=min(entry.made for _, entry in entries),
            last_used=max(info.st_mtime for info, _ in entries),
        )
        for kind, entries in sorted(found.items())
    }


def describe(cache: Folder, *, limit: int, now: float) -> Iterator[str]:
    """What the cache holds in lines of text, its columns aligned. ``limit``: bytes; ``now``: unix seconds."""
    usages = statistics(cache)
    rows = [
        (kind, str(one.entries), human_size(one.size), human_age(now - one.oldest), human_age(now - one.last_used))
        for kind, one in usages.items()
    ]
    if rows:
        widths = [max(len(row[column]) for row in (_HEAD, *rows)) for column in range(len(_HEAD))]
        for kind, *cells in (_HEAD, *rows):
            yield "  ".join([kind.ljust(widths[0]), *map(str.rjust, cells, widths[1:])])
        yield ""
    yield f"{human_size(cache.size())} of at most {human_size(limit)} in {cache.folder}"


def human_size(size: int) -> str:
    """Bytes in the unit that a person would choose: ``512 B``, ``3.4 MB`` (decimal, as ``cache-size``)."""
    if size < 1000:
        return f"{size} B"
    value = float(size)
    for unit in ("kB", "MB", "GB"):
        value /= 1000
        if round(value, 1) < 1000:
            return f"{value:.1f} {unit}"
    return f"{value / 1000:.1f} TB"


def human_age(seconds: float) -> str:
    """How long ago something was, in one unit: ``now``, ``5 minutes``, ``12 days``."""
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return "now"
