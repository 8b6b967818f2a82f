"""What package managers install: what goes where in one, as data, whatever form it is packed in."""

from __future__ import annotations

import msgspec

from crosscourse.engine.spec import Spec
from tasks.package.contents import Content

PROGRAM, FILE = 0o755, 0o644


class Text(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the project, with what is in it."""

    text: str
    mode: int = FILE


class ManagedPackage(Spec, frozen=True, kw_only=True):
    """What decides how a package comes out. Paths are absolute, but those of ``Content``.

    ``version``: as package managers compare versions; ``revision``: of what is packed again. ``needs``: packages that
    have to be there in the same version; ``depends`` and the like: others, as their manager names them.
    ``contents``: path → output of a step. ``configuration``: paths whose files stay as a person edited them.
    ``texts``: path → file of the project. ``folders``: path → mode. ``scripts``: when → text.
    ``epoch``: the time of every member, in seconds since 1970. ``packer``: the step of the tool that packs.
    """

    name: str
    version: str
    revision: str
    architecture: str
    title: str
    summary: str
    description: str
    section: str
    maintainer: str
    homepage: str
    license: str
    needs: tuple[str, ...]
    depends: tuple[str, ...]
    recommends: tuple[str, ...]
    suggests: tuple[str, ...]
    conflicts: tuple[str, ...]
    contents: dict[str, Content]
    texts: dict[str, Text]
    links: dict[str, str]
    folders: dict[str, int]
    configuration: tuple[str, ...]
    scripts: dict[str, str]
    epoch: int
    packer: str
