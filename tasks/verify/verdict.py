"""The verdict on a distribution: what there is in it, against the rules."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

from tasks.verify.embedding import Embedded
from tasks.verify.engine import Packaged, Rule, VerifyReport, check_contents
from tasks.verify.reading import read_contents
from toolchains.targets import Expected


def verify_archive(
    archive: Path,
    target: Expected,
    rules: tuple[Rule, ...],
    *,
    packaged: Packaged = MappingProxyType({}),
    embedded: Embedded = MappingProxyType({}),
    elsewhere: tuple[str, ...] = (),
    host: tuple[str, ...] = (),
    image: str = "",
) -> VerifyReport:
    """Checks every ELF file of a distribution (a tar archive) and of the archives in it against a target, by the rules,
    and every root filesystem.

    ``packaged``, ``embedded``, ``elsewhere``, ``image``: see ``tasks.verify.reading``. ``host``: folders of this
    machine. Raises ArchiveError if the archive can't be read to its end; everything else is a violation, so is what in
    it can't be read or is beyond the bounds of what is looked into.
    """
    contents = read_contents(archive, packaged=packaged, embedded=embedded, elsewhere=elsewhere, host=host, image=image)
    return VerifyReport(
        archive=archive.name,
        target=target.name,
        files=contents.files,
        rules=rules,
        violations=check_contents(contents, target, rules),
        roots=contents.roots,
    )
